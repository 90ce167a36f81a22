import type { ChannelName } from '../../model/channel.ts'
import { idSecond, type MessageId } from '../../model/id.ts'
import { type KeyWindow, slotOf } from '../keys.ts'
import type { Catalog } from './catalog.ts'
import {
  channelAt,
  decodeRecord,
  idAt,
  isSpecialAt,
  KIND,
  kindAt,
  msAt,
  numberIn,
  type RecordParts,
  recordOf,
} from './format.ts'
import type { SegmentIndex } from './index-file.ts'
import type { Segment } from './segment.ts'

/** Builds the catalog again from what stands in the log, by the same steps that first built it. */
export class Replay {
  readonly #catalog: Catalog
  readonly #keys: KeyWindow | undefined
  readonly #seed: number
  /** What the segments up to this serial knew is in those behind them. */
  carried = 0
  /** Records that stand in the log a second time. */
  repeated = 0

  constructor(catalog: Catalog, keys: KeyWindow | undefined, seed: number) {
    this.#catalog = catalog
    this.#keys = keys
    this.#seed = seed
  }

  /** The good record at `at` of the log. @param offset the same place in the file */
  record(segment: Segment, block: Buffer, at: number, length: number, offset: number): void {
    const kind = kindAt(block, at)
    if (kind !== KIND.message) {
      const record = Buffer.from(block.subarray(at, at + length))
      segment.events.push({ at: segment.count, offset, record })
      this.#event(segment, record)
      return
    }
    const id = idAt(block, at)
    if (id <= this.#catalog.head) {
      this.repeated++
      return
    }
    const channel = this.#catalog.open(channelAt(block, at))
    const ms = msAt(block, at)
    let expires = 0
    if (isSpecialAt(block, at)) {
      const record = specialOf(decodeRecord(block, at), this.#seed)
      segment.events.push({ at: segment.count, offset, record })
      expires = this.#special(record, channel.name)
    }
    this.#catalog.add(segment, channel, id, ms, offset, length, expires)
  }

  /** A whole segment, by its index. */
  index(segment: Segment, index: SegmentIndex): void {
    const { count, ids, offsets, lengths, channels, ms, names, events } = index
    const catalog = this.#catalog
    segment.reserve(count)
    segment.end = index.end
    let next = 0
    let nextAt = events[0]?.at ?? count
    for (let slot = 0; slot <= count; slot++) {
      let expires = 0
      while (nextAt <= slot && next < events.length) {
        const event = events[next++] as (typeof events)[number]
        segment.events.push(event)
        const name = names[channels[slot] as number]
        expires = this.#event(segment, event.record, name)
        nextAt = events[next]?.at ?? count
      }
      if (slot === count) break
      const id = ids[slot] as MessageId
      const channel = catalog.open(names[channels[slot] as number] as ChannelName)
      const offset = offsets[slot] as number
      catalog.add(
        segment,
        channel,
        id,
        ms[slot] as number,
        offset,
        lengths[slot] as number,
        expires,
      )
    }
  }

  /** @returns when the message runs out that this tells of, if it does */
  #event(segment: Segment, record: Buffer, name?: ChannelName): number {
    const kind = kindAt(record, 0)
    if (kind === KIND.message) return name === undefined ? 0 : this.#special(record, name)
    const parts = decodeRecord(record, 0)
    const { id, body } = parts
    const catalog = this.#catalog
    const channel = parts.channel as ChannelName
    switch (kind) {
      case KIND.create:
        segment.told.add(catalog.open(channel).number)
        break
      case KIND.remove:
        catalog.remove(channel, timeOf(parts))
        break
      case KIND.forget:
        catalog.forget(channel, numberIn(body ?? record, 0) as MessageId)
        break
      case KIND.carry: {
        const known = catalog.open(channel)
        segment.told.add(known.number)
        catalog.raiseFloor(known, numberIn(body ?? record, 0) as MessageId)
        const last = numberIn(body ?? record, 1) as MessageId
        if (last > (known.last ?? 0)) known.last = last
        known.appended = Math.max(known.appended, numberIn(body ?? record, 2))
        break
      }
      case KIND.key:
        this.#keys?.restore(parts.key ?? '', { id, print: parts.print ?? '', time: timeOf(parts) })
        break
      case KIND.lost:
        catalog.lostUpTo(id)
        if (id > catalog.head) catalog.head = id
        break
      case KIND.carried:
        this.carried = Math.max(this.carried, numberIn(body ?? record, 0))
        catalog.raiseStoreFloor(numberIn(body ?? record, 1) as MessageId)
        break
      default:
        kind satisfies never
    }
    return 0
  }

  #special(record: Buffer, channel: ChannelName): number {
    const parts = decodeRecord(record, 0)
    const time = timeOf(parts)
    if (parts.key !== undefined) {
      const slot = slotOf({ channel, key: parts.key, keyDecides: parts.keyDecides })
      this.#keys?.restore(slot, { id: parts.id, print: parts.print ?? '', time })
    }
    return parts.ttl === undefined ? 0 : time + parts.ttl * 1000
  }
}

/** A message's record with nothing but what the index must know. */
export function specialOf(parts: RecordParts, seed: number): Buffer {
  const { id, ms, ttl, key, keyDecides, print } = parts
  return recordOf({ kind: KIND.message, id, ms, channel: '', ttl, key, keyDecides, print }, seed)
}

function timeOf({ id, ms }: RecordParts): number {
  return idSecond(id) * 1000 + ms
}
