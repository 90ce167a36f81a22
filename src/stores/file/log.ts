import type { ChannelName } from '../../model/channel.ts'
import type { FanfareError } from '../../model/errors.ts'
import type { EventName } from '../../model/events.ts'
import { idSecond, type MessageId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import type { DiskState } from '../state.ts'
import type { KeyWindow } from '../keys.ts'
import { Batch, type Done, type Entry } from './batch.ts'
import { type Catalog, statOf } from './catalog.ts'
import { type Files, writeAll } from './files.ts'
import { KIND, numbers, type RecordParts, recordOf } from './format.ts'
import { encodeIndex } from './index-file.ts'
import type { FileOptions } from './options.ts'
import type { Reader } from './reader.ts'
import type { Recent } from './recent.ts'
import { specialOf } from './replay.ts'
import { indexPath, Segment, segmentPath } from './segment.ts'
import { Writer, type WriterHost } from './writer.ts'

/** Messages that are dropped in one turn to make room on disk. */
const ROOM_STEPS = 20_000
/** A log that is closed with less behind its last index is as quickly read as an index. */
const WORTH_INDEXING = 2 ** 20

/** What follows from records that are in the log. */
export interface LogEvents {
  appended(message: Message): void
  removed(name: ChannelName): void
}

export interface LogParts {
  readonly folder: string
  readonly options: FileOptions
  readonly files: Files
  readonly seed: number
  readonly catalog: Catalog
  readonly keys: KeyWindow
  readonly recent: Recent
  readonly reader: Reader
  readonly events: LogEvents
  /** ms since 1970. */
  readonly now: () => number
  /** Segments without an index that have got all they will. */
  readonly unindexed: readonly Segment[]
}

/** What is written, and what the catalog makes of it once it is: segments begin, fill up, and go. */
export class Log implements WriterHost {
  readonly #parts: LogParts
  readonly #writer: Writer
  /** Segments that were deleted before what they knew could be carried on. */
  readonly #owed: Segment[][] = []
  /** Fewer bytes than these are not worth what deleting them costs. */
  #worthAt = 0
  /** Indexes are written one after the other, beside everything else. */
  #indexing: Promise<void> = Promise.resolve()

  constructor(parts: LogParts) {
    this.#parts = parts
    const { folder, files, seed } = parts
    const { durability, syncInterval, segmentBytes } = parts.options
    const options = { folder, files, seed, durability, syncInterval, segmentBytes }
    this.#writer = new Writer(options, this, parts.catalog.segments.at(-1) as Segment)
    for (const segment of parts.unindexed) this.#writeIndex(segment)
  }

  get idle(): boolean {
    return this.#writer.idle
  }

  get waiting(): number {
    return this.#writer.waiting
  }

  /** Whether the last write failed, and none has succeeded since. */
  get failing(): boolean {
    return this.#writer.failing
  }

  get disk(): DiskState {
    const { segments } = this.#parts.catalog
    const { syncs, failures } = this.#writer
    return { segments: segments.length, bytes: bytesOf(segments), syncs, failures }
  }

  get refusal(): FanfareError | undefined {
    return this.#writer.refusal
  }

  /** Hands a record over; `done` is called once it is as durable as configured, or has failed. */
  add(parts: RecordParts, message?: Message, slot?: string, done?: Done): void {
    const length = this.#writer.filling.add(parts, this.#parts.seed, message, slot, done)
    this.#writer.added(length)
  }

  /** A channel had to make room for another. */
  forgot(channel: ChannelName, floor: MessageId): void {
    const { head: id } = this.#parts.catalog
    this.add({ kind: KIND.forget, id, ms: 0, channel, body: numbers(floor) })
  }

  /** Lets go of segments whose messages are all dead, and makes some so when there are too many. */
  sweep(now: number): void {
    const { catalog, options } = this.#parts
    const { segments } = catalog
    if (this.#owed.length > 0) this.#writer.makeRoom()
    // Dead messages among kept ones take room, too: two segments of them are borne with.
    if (bytesOf(segments) > options.maxBytes + 2 * options.segmentBytes) {
      const oldest = segments.find(({ alive }) => alive > 0)
      if (oldest && oldest !== segments.at(-1)) catalog.retireOldest(oldest, ROOM_STEPS, now)
    }
    if (bytesOf(this.#dead()) > this.#worthAt) this.#writer.makeRoom()
  }

  async close(): Promise<void> {
    await this.#writer.close()
    const last = this.#parts.catalog.segments.at(-1)
    if (last && last.end > WORTH_INDEXING) this.#writeIndex(last)
    await this.#indexing
  }

  // --- what the writer asks for ---

  get newest(): { readonly head: MessageId; readonly floor: MessageId } {
    return this.#parts.catalog
  }

  commit(entries: readonly Entry[], segment: Segment, at: number): void {
    let offset = at
    for (const entry of entries) {
      if (entry.message) this.#message(entry, entry.message, segment, offset)
      else this.#event(entry, segment, offset)
      offset += entry.length
    }
  }

  fail(entries: readonly Entry[], error: FanfareError): void {
    for (const { done } of entries) done?.reject(error)
  }

  newSegment(from?: number): Segment {
    const { catalog, folder } = this.#parts
    const last = catalog.segments.at(-1) as Segment
    const serial = last.serial + 1
    const path = segmentPath(folder, serial)
    if (from === undefined) return new Segment(serial, path, catalog.log.next, last.lastId)
    let kept = last.count
    while (kept > 0 && (last.offsets[kept - 1] as number) >= from) kept--
    return new Segment(
      serial,
      path,
      last.base + kept,
      kept > 0 ? (last.ids[kept - 1] as number) : 0,
    )
  }

  begun(segment: Segment): void {
    this.#parts.catalog.segments.push(segment)
  }

  moved(doubtful: Segment, from: number, segment: Segment): void {
    const kept = segment.base - doubtful.base
    for (const event of doubtful.events) {
      if (event.offset >= from) segment.events.push({ ...event, at: event.at - kept })
    }
    doubtful.events = doubtful.events.filter(({ offset }) => offset < from)
    for (const number of doubtful.told) segment.told.add(number)
    this.#parts.catalog.log.moved(from, segment)
    this.#parts.reader.forget(doubtful)
  }

  sealed(segment: Segment): void {
    segment.seal()
    this.#parts.reader.sealed(segment)
    this.#writeIndex(segment)
  }

  async roomMade(write: (batch: Batch) => Promise<boolean>): Promise<void> {
    const { catalog, files, folder, reader } = this.#parts
    for (let owed = this.#owed[0]; owed; owed = this.#owed[0]) {
      if (!(await write(this.#carry(owed)))) break
      this.#owed.shift()
    }
    const dead = this.#dead()
    const bytes = bytesOf(dead)
    if (bytes <= this.#worthAt) return
    const batch = this.#carry(dead)
    // Otherwise what is carried on would be most of what there is, over and over.
    this.#worthAt = batch.bytes * 2
    if (bytes <= this.#worthAt) return
    this.#worthAt = 0
    // When the disk is full, what is owed is written as soon as this has made room for it.
    if (!(await write(batch))) this.#owed.push(dead)
    for (const _ of dead) catalog.shift()
    await this.#indexing
    for (const segment of dead) {
      await reader.release(segment)
      await files.remove(indexPath(folder, segment.serial)).catch(() => {})
      await files.remove(segment.path)
    }
  }

  report(text: string, event?: EventName): void {
    this.#parts.options.report(text, event)
  }

  #message(entry: Entry, message: Message, segment: Segment, offset: number): void {
    const { catalog, keys, recent, seed, events } = this.#parts
    const { parts, slot, length } = entry
    const { id, ms } = parts
    if (parts.ttl !== undefined || parts.key !== undefined) {
      segment.events.push({ at: segment.count, offset, record: specialOf(parts, seed) })
    }
    const channel = catalog.open(message.channel)
    recent.push(segment.next, message)
    catalog.add(segment, channel, id, ms, offset, length, message.expires)
    if (slot !== undefined) {
      keys.restore(slot, { id, print: parts.print ?? '', time: message.time })
    }
    events.appended(message)
    entry.done?.resolve({ id, duplicate: false })
  }

  /** A record that is no message. */
  #event(entry: Entry, segment: Segment, offset: number): void {
    const { catalog, seed, events } = this.#parts
    const { parts, done } = entry
    const { kind } = parts
    const channel = parts.channel as ChannelName
    segment.events.push({ at: segment.count, offset, record: recordOf(parts, seed) })
    if (kind === KIND.create) {
      const known = catalog.open(channel)
      segment.told.add(known.number)
      done?.resolve(statOf(known))
    } else if (kind === KIND.remove) {
      const stat = catalog.remove(channel, this.#parts.now())
      if (stat) events.removed(channel)
      done?.resolve(stat)
    } else if (kind === KIND.carry) {
      const known = catalog.find(channel)
      if (known) segment.told.add(known.number)
    }
  }

  /** The oldest segments as far as they hold nothing that is kept, or being read. */
  #dead(): Segment[] {
    const { segments } = this.#parts.catalog
    const end = segments.findIndex(({ alive, readers }) => alive > 0 || readers > 0)
    return segments.slice(0, end === -1 ? -1 : Math.min(end, segments.length - 1))
  }

  /** What is to be known when segments are gone: of their channels and keys, and that this is all. */
  #carry(segments: readonly Segment[]): Batch {
    const { catalog, keys, seed } = this.#parts
    const { head: id, floor } = catalog
    const last = segments.at(-1) as Segment
    const batch = new Batch(this.#writer.pool)
    const channels = new Set<number>()
    for (const segment of segments) {
      for (const number of segment.told) channels.add(number)
      const { count } = segment
      for (let slot = 0; slot < count; slot++) channels.add(segment.channels[slot] as number)
    }
    for (const number of channels) {
      const channel = catalog.channel(number)
      if (!channel || channel.gone) continue
      const body = numbers(channel.floor, channel.last ?? 0, channel.appended)
      batch.add({ kind: KIND.carry, id, ms: 0, channel: channel.name, body }, seed)
    }
    for (const [key, seen] of keys.entries()) {
      if (seen.id > last.lastId) continue
      const { id: of, print, time } = seen
      const ms = time - idSecond(of) * 1000
      batch.add({ kind: KIND.key, id: of, ms, channel: '', key, print }, seed)
    }
    const body = numbers(last.serial, floor)
    batch.add({ kind: KIND.carried, id, ms: 0, channel: '', body }, seed)
    return batch
  }

  #writeIndex(segment: Segment): void {
    this.#indexing = this.#indexing.then(async () => {
      const { catalog, files, folder, seed } = this.#parts
      const nameOf = (number: number): ChannelName =>
        (catalog.channel(number)?.name ?? '') as ChannelName
      const bytes = encodeIndex(segment, seed, nameOf)
      const path = indexPath(folder, segment.serial)
      try {
        const fd = await files.open(`${path}.tmp`, 'w')
        try {
          await writeAll(files, fd, bytes, bytes.length, 0)
        } finally {
          await files.close(fd)
        }
        await files.rename(`${path}.tmp`, path)
      } catch {
        // Without it, the next start reads the log itself.
      }
      if (segment !== catalog.segments.at(-1)) segment.events = []
    })
  }
}

function bytesOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { end }) => sum + end, 0)
}
