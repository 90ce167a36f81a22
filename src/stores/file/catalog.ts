import type { ChannelName } from '../../model/channel.ts'
import { BEFORE_ALL, idSecond, type MessageId } from '../../model/id.ts'
import type { Selectors } from '../../model/selector.ts'
import type { MemoryLimits } from '../memory.ts'
import type { ChannelPage, ChannelStat } from '../store.ts'
import type { FileChannel } from './channel.ts'
import { ChannelTable } from './channel-table.ts'
import { ExpiryHeap } from './expiry.ts'
import { DEAD, EXPIRES, type Segment } from './segment.ts'
import { SegmentList } from './segment-list.ts'

/** How much is kept; bytes are those of records on disk. */
export type Retention = Omit<MemoryLimits, 'keyWindow' | 'maxKeys'>

/** How many messages with an expiry of their own one call drops; reads pass by the others. */
const EXPIRE_STEPS = 1_000
/** How many messages one sweep looks at: a few ms of the event loop, each second, at the most. */
const SWEEP_STEPS = 20_000

/**
 * What is in the log: which messages of which channels are kept, where they lie, and which floors
 * they have left. Only numbers and names, no bodies; and no files: it is the same whether it grows by
 * what is published or by what was found on disk.
 */
export class Catalog {
  readonly log = new SegmentList()
  readonly #limits: Retention
  readonly #channels = new ChannelTable()
  readonly #expiries = new ExpiryHeap()
  #count = 0
  #bytes = 0
  /** No kept message has a lesser number. */
  #oldest = 0
  /** What is too old below this number was looked at: it is dropped, or `minMessages` keeps it. */
  #aged = 0
  head: MessageId
  /** The floor of every channel that is not known. */
  floor: MessageId
  #highestFloor: MessageId
  /** Told of each channel that had to make room; while undefined, none has to. */
  onForget: ((name: ChannelName, floor: MessageId) => void) | undefined
  readonly #isDead = (message: number): boolean => this.log.isDead(message)

  constructor(limits: Retention, start: MessageId) {
    this.#limits = limits
    this.head = start
    this.floor = start
    this.#highestFloor = start
  }

  /** Messages kept. */
  get count(): number {
    return this.#count
  }

  /** Bytes of their records. */
  get bytes(): number {
    return this.#bytes
  }

  /** Known channels, private ones included. */
  get size(): number {
    return this.#channels.size
  }

  /** When the oldest message that is kept was stored, ms since 1970; undefined: there is none. */
  get oldestTime(): number | undefined {
    return this.#count === 0 ? undefined : this.log.timeOf(this.#oldestKept())
  }

  /** Oldest first; the last one is written to. */
  get segments(): Segment[] {
    return this.log.all
  }

  /** ms since 1970: no message and no id is later. */
  get newestTime(): number {
    return Math.max(idSecond(this.head) * 1000, this.log.newestTime)
  }

  find(name: ChannelName): FileChannel | undefined {
    return this.#channels.find(name)
  }

  /** The channel that a segment knows by this number. */
  channel(number: number): FileChannel | undefined {
    return this.#channels.byNumber(number)
  }

  /** The channel of this name, which is known from now on. */
  open(name: ChannelName): FileChannel {
    const channel = this.#channels.find(name)
    if (channel) return channel
    while (this.onForget && this.#channels.size >= this.#limits.maxChannels) this.#forgetOne()
    return this.#channels.add(name, this.floor, this.segments[0]?.serial ?? 0)
  }

  /** Adds the newest message and drops what is over the bounds, as of its time. */
  add(
    segment: Segment,
    channel: FileChannel,
    id: MessageId,
    ms: number,
    offset: number,
    length: number,
    expires: number,
  ): void {
    const message = segment.next
    segment.push(id, ms, offset, length, channel.number)
    channel.push(message, id, length)
    this.#count++
    this.#bytes += length
    this.head = id
    const time = idSecond(id) * 1000 + ms
    if (expires !== 0) {
      segment.flags[segment.count - 1] = EXPIRES
      this.#expiries.add(message, expires)
    }
    this.expire(time, EXPIRE_STEPS)
    this.#trim(channel, time)
  }

  /** ms since 1970, or 0 for a message without an expiry of its own. */
  expiresAt(message: number): number {
    return this.#expiries.of(message)
  }

  /** Forgets a channel and its messages, as its owner asked; answers what it held. */
  remove(name: ChannelName, now: number): ChannelStat | undefined {
    const channel = this.#channels.find(name)
    if (!channel) return undefined
    this.refresh(channel, now)
    const stat = statOf(channel)
    this.#discard(channel)
    return stat
  }

  /** After the log was read: as many channels as there may be. */
  forgetSuperfluous(): void {
    while (this.#channels.size > this.#limits.maxChannels) this.#forgetOne()
  }

  /** Forgets a channel for want of room: a cursor into it has missed something from here on. */
  forget(name: ChannelName, floor: MessageId): void {
    const channel = this.#channels.find(name)
    this.raiseStoreFloor(floor)
    if (channel) this.#discard(channel)
  }

  raiseStoreFloor(id: MessageId): void {
    if (id > this.floor) this.floor = id
    if (id > this.#highestFloor) this.#highestFloor = id
  }

  raiseFloor(channel: FileChannel, id: MessageId): void {
    if (id > channel.floor) channel.floor = id
    if (id > this.#highestFloor) this.#highestFloor = id
  }

  /** Nobody knows which channels had messages up to `id` that are lost. */
  lostUpTo(id: MessageId): void {
    this.raiseStoreFloor(id)
    for (const channel of this.#channels.values()) this.raiseFloor(channel, id)
  }

  /** One message was found damaged. */
  lose(message: number): void {
    if (this.log.isDead(message)) return
    const segment = this.log.segmentOf(message)
    const channel = this.#channelOf(message)
    this.raiseFloor(channel, segment.ids[message - segment.base] as MessageId)
    this.#drop(message)
  }

  channels(cursor: number, limit: number): ChannelPage {
    return this.#channels.list(cursor, limit)
  }

  sweep(now: number): void {
    this.expire(now, SWEEP_STEPS)
    this.ageAll(now, SWEEP_STEPS)
  }

  /** Brings a channel up to date before it is described. */
  refresh(channel: FileChannel, now: number): void {
    this.expire(now, EXPIRE_STEPS)
    this.age(channel, now)
  }

  /** Drops up to `steps` messages that have run out by their own expiry. No gap comes of that. */
  expire(now: number, steps = EXPIRE_STEPS): void {
    for (let step = 0; step < steps; step++) {
      const due = this.#expiries.takeDue(now)
      if (due === undefined) return
      this.#drop(due)
    }
  }

  /** Drops what of a channel is too old. */
  age(channel: FileChannel, now: number): void {
    const { maxAge, minMessages } = this.#limits
    // Where the oldest of all is young enough, this channel's need not be looked at.
    if (maxAge === 0 || this.#count === 0 || this.log.timeOf(this.#oldestKept()) + maxAge > now)
      return
    while (channel.count > minMessages) {
      const first = this.#firstOf(channel)
      if (this.log.timeOf(first) + maxAge > now) break
      this.#retire(channel, first, now)
    }
  }

  /** The bounds have changed: what was young enough, or protected, may be so no more. */
  lookAgain(): void {
    this.#aged = 0
  }

  /** Drops what of any channel is too old, oldest first, looking at `steps` messages. */
  ageAll(now: number, steps = Number.POSITIVE_INFINITY): void {
    const { maxAge } = this.#limits
    if (maxAge === 0) return
    for (let step = 0; step < steps; step++) {
      if (this.#count === 0) return
      this.#aged = this.log.keptFrom(Math.max(this.#aged, this.#oldestKept()))
      if (this.#aged >= this.log.next || this.log.timeOf(this.#aged) + maxAge > now) return
      this.age(this.#channelOf(this.#aged), now)
      // What `minMessages` protects is let go by its channel's next message, never by time alone.
      this.#aged++
    }
  }

  /** Drops up to `steps` of the oldest messages, which must make room on disk. */
  retireOldest(segment: Segment, steps: number, now: number): void {
    for (let step = 0; step < steps && segment.alive > 0; step++) {
      const message = this.log.keptFrom(segment.base)
      this.#retire(this.#channelOf(message), message, now)
    }
  }

  /** Takes out the oldest segment, which is wholly dead. */
  shift(): Segment | undefined {
    const segment = this.log.shift()
    const oldest = this.segments[0]?.base ?? 0
    this.#oldest = Math.max(this.#oldest, oldest)
    this.#aged = Math.max(this.#aged, oldest)
    return segment
  }

  /** The highest floor among what is selected: below it, something may be missing. */
  floorOf(selectors: Selectors, after: MessageId): MessageId {
    let floor = BEFORE_ALL
    for (const name of selectors.channels) {
      const own = this.#channels.find(name)?.floor ?? this.floor
      if (own > floor) floor = own
    }
    if (!selectors.wide) return floor
    if (this.floor > floor) floor = this.floor
    // Only a cursor below some channel's floor has to know whose it is.
    if (after >= this.#highestFloor) return floor
    for (const channel of this.#channels.values()) {
      if (channel.floor > floor && selectors.matches(channel.name)) floor = channel.floor
    }
    return floor
  }

  #channelOf(message: number): FileChannel {
    const segment = this.log.segmentOf(message)
    const number = segment.channels[message - segment.base] as number
    return this.#channels.byNumber(number) as FileChannel
  }

  #oldestKept(): number {
    return (this.#oldest = this.log.keptFrom(this.#oldest))
  }

  /** A channel's oldest kept message; only asked of a channel that has one. */
  #firstOf(channel: FileChannel): number {
    while (this.log.isDead(channel.messages[channel.start] as number)) channel.start++
    return channel.messages[channel.start] as number
  }

  #drop(message: number): void {
    const segment = this.log.segmentOf(message)
    const slot = message - segment.base
    const flags = segment.flags[slot] as number
    const channel = this.#channels.byNumber(segment.channels[slot] as number) as FileChannel
    const length = segment.lengths[slot] as number
    segment.flags[slot] = flags | DEAD
    segment.alive--
    this.#count--
    this.#bytes -= length
    channel.count--
    channel.bytes -= length
    if ((flags & EXPIRES) !== 0) this.#expiries.drop(message)
    channel.tidy(this.#isDead)
  }

  /** Drops a message because of a bound: from here on, a gap. */
  #retire(channel: FileChannel, message: number, now: number): void {
    const segment = this.log.segmentOf(message)
    const id = segment.ids[message - segment.base] as MessageId
    const expires = this.#expiries.of(message)
    this.#drop(message)
    // One that had run out by itself was not lost by this.
    if (expires === 0 || expires > now) this.raiseFloor(channel, id)
  }

  /** Brings a channel and the whole back within their bounds; the newest message always stays. */
  #trim(channel: FileChannel, now: number): void {
    const { maxMessages, maxChannelBytes, maxTotalMessages, maxBytes } = this.#limits
    while (
      channel.count > 1 &&
      ((maxMessages > 0 && channel.count > maxMessages) || channel.bytes > maxChannelBytes)
    ) {
      this.#retire(channel, this.#firstOf(channel), now)
    }
    while (this.#count > 1 && (this.#count > maxTotalMessages || this.#bytes > maxBytes)) {
      const oldest = this.#oldestKept()
      this.#retire(this.#channelOf(oldest), oldest, now)
    }
    this.age(channel, now)
  }

  /** Forgets a channel that was not used for long, and says so. */
  #forgetOne(): void {
    const channel = this.#channels.longUnused()
    if (!channel) return
    if (channel.count > 0 && channel.last !== undefined) this.raiseFloor(channel, channel.last)
    this.forget(channel.name, channel.floor)
    this.onForget?.(channel.name, channel.floor)
  }

  #discard(channel: FileChannel): void {
    for (const message of channel.messages.slice(channel.start)) {
      if (!this.log.isDead(message)) this.#drop(message)
    }
    this.#channels.remove(channel, this.segments.at(-1)?.serial ?? 0)
  }
}

export function statOf(channel: FileChannel): ChannelStat {
  return {
    messages: channel.count,
    appended: channel.appended,
    bytes: channel.bytes,
    last: channel.last,
    floor: channel.floor,
  }
}
