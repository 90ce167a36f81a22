import { nextId } from './next-id.ts'
import { type ChannelName, isPrivate } from '../model/channel.ts'
import { Clock } from '../model/clock.ts'
import { BEFORE_ALL, idSecond, IDS_PER_SECOND, makeId, type MessageId } from '../model/id.ts'
import { type Draft, Message } from '../model/message.ts'
import { ChannelLog } from './channel-log.ts'
import { Expiries } from './expiries.ts'
import { Hand } from './hand.ts'
import { KeyWindow } from './keys.ts'
import { readChannel, readMerged, readScan } from './memory-read.ts'
import type { StoreState } from './state.ts'
import type {
  Appended,
  ChannelPage,
  ChannelStat,
  Page,
  ReadQuery,
  Store,
  Sweepable,
  Watcher,
} from './store.ts'
import { Timeline } from './timeline.ts'

/** How much is kept. 0 switches a bound off where that is said; the others always hold. */
export interface MemoryLimits {
  /** Messages of a channel that stay although older than `maxAge`. */
  readonly minMessages: number
  /** Messages a channel; 0 = no bound of its own. */
  readonly maxMessages: number
  /** Milliseconds a message is kept; 0 = no bound by age. */
  readonly maxAge: number
  /** Bytes a channel (bodies and what keeping them costs). */
  readonly maxChannelBytes: number
  /** Messages in all. */
  readonly maxTotalMessages: number
  /** Bytes in all. */
  readonly maxBytes: number
  /** Known channels; the longest unused is forgotten. */
  readonly maxChannels: number
  /** Milliseconds an idempotency key is remembered. */
  readonly keyWindow: number
  /** Idempotency keys remembered. */
  readonly maxKeys: number
}

export const MEMORY_DEFAULTS: MemoryLimits = {
  minMessages: 0,
  maxMessages: 100_000,
  maxAge: 48 * 3600 * 1000,
  maxChannelBytes: 64 * 2 ** 20,
  maxTotalMessages: 1_000_000,
  maxBytes: 256 * 2 ** 20,
  maxChannels: 100_000,
  keyWindow: 24 * 3600 * 1000,
  maxKeys: 100_000,
}

/** How many messages one sweep looks at: a few ms of the event loop, each second, at the most. */
const SWEEP_STEPS = 20_000
/** How many messages with an expiry of their own one call drops; reads pass by the others. */
const EXPIRE_STEPS = 1_000

/** A store whose bounds can change while it is open. */
export interface Adjustable {
  /**
   * Keeps that much from now on. What lies above a lower bound goes with the next message that would have
   * gone above it, or when it is too old.
   */
  update(limits: MemoryLimits): void
}

/**
 * Keeps everything in this process. What it held is gone with it, and it says so: its floor is its
 * start, and its first id lies in a later second, so that every cursor of an earlier life is below.
 */
export class MemoryStore implements Store, Sweepable, Adjustable {
  #limits: MemoryLimits
  readonly #clock: Clock
  readonly #channels = new Map<ChannelName, ChannelLog>()
  /** Each channel keeps its place, so that a listing can go on from a number. */
  readonly #places: (ChannelName | undefined)[] = []
  readonly #freePlaces: number[] = []
  /** Known channels that are in no listing. */
  #privates = 0
  readonly #hand = new Hand(this.#channels)
  readonly #expiries = new Expiries()
  readonly #timeline = new Timeline()
  readonly #keys: KeyWindow
  #bytes = 0
  /** What is too old up to here was looked at: it is dropped, or `minMessages` keeps it. */
  #aged = BEFORE_ALL
  #head: MessageId
  /** The floor of every channel that is not known, forgotten ones included. */
  #floor: MessageId
  /** The highest floor of any channel: a subtree's cursor at or above it missed nothing. */
  #highestFloor: MessageId
  #watcher: Watcher | undefined

  constructor(limits: Partial<MemoryLimits> = {}, clock: Clock = new Clock()) {
    this.#limits = { ...MEMORY_DEFAULTS, ...limits }
    this.#clock = clock
    this.#keys = new KeyWindow(this.#limits.keyWindow, this.#limits.maxKeys)
    this.#head = makeId(Math.floor(clock.now() / 1000), IDS_PER_SECOND - 1)
    this.#floor = this.#head
    this.#highestFloor = this.#head
  }

  get head(): MessageId {
    return this.#head
  }

  update(limits: MemoryLimits): void {
    this.#limits = limits
    this.#keys.update(limits.keyWindow, limits.maxKeys)
    // What was young enough, or protected, may be so no more.
    this.#aged = BEFORE_ALL
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher
  }

  append(draft: Draft): Appended {
    const now = this.#clock.now()
    const known = this.#keys.find(draft, now)
    if (known !== undefined) return { id: known, duplicate: true }
    const id = nextId(this.#head, this.#clock, now)
    // A full second has moved the clock on; else it is `now`, read once, that lies in the id's second.
    const time = Math.max(now, idSecond(id) * 1000)
    const log = this.#open(draft.channel)
    const message = new Message(id, time, draft, log.name)
    log.push(message)
    this.#timeline.push(message)
    this.#bytes += message.size
    this.#head = id
    if (message.expires !== 0) this.#expiries.add(message, log)
    this.#expire(time, EXPIRE_STEPS)
    this.#trim(log, time)
    this.#keys.remember(draft, id, time)
    this.#watcher?.appended(message)
    return { id, duplicate: false }
  }

  read(query: ReadQuery): Page {
    const now = this.#clock.now()
    const { channels } = query.selectors
    const source = { query, head: this.#head, now }
    this.#expire(now, EXPIRE_STEPS)
    if (query.selectors.wide) {
      this.#ageAll(now, Number.POSITIVE_INFINITY)
      return { ...readScan(this.#timeline, source), floor: this.#floorOf(query) }
    }
    const timelines: Timeline[] = []
    for (const name of channels) {
      const log = this.#channels.get(name)
      if (!log) continue
      this.#age(log, now)
      timelines.push(log.timeline)
    }
    const [only] = timelines
    const slice =
      only && timelines.length === 1 ? readChannel(only, source) : readMerged(timelines, source)
    return { messages: slice.messages, upTo: slice.upTo, floor: this.#floorOf(query) }
  }

  stat(channel: ChannelName, create = false): ChannelStat | undefined {
    const log = create ? this.#open(channel) : this.#channels.get(channel)
    if (!log) return undefined
    this.#refresh(log)
    return log.stat()
  }

  remove(channel: ChannelName): ChannelStat | undefined {
    const log = this.#channels.get(channel)
    if (!log) return undefined
    this.#refresh(log)
    const stat = log.stat()
    this.#discard(log)
    this.#watcher?.removed(channel)
    return stat
  }

  channels(cursor: number, limit: number): ChannelPage {
    const names: ChannelName[] = []
    const start = Math.max(0, cursor)
    const end = Math.min(this.#places.length, start + limit)
    for (let place = start; place < end; place++) {
      const name = this.#places[place]
      if (name !== undefined && !isPrivate(name)) names.push(name)
    }
    const total = this.#channels.size - this.#privates
    return { names, cursor: end < this.#places.length ? end : 0, total }
  }

  state(): StoreState {
    return {
      available: true,
      messages: this.#timeline.count,
      bytes: this.#bytes,
      channels: this.#channels.size,
      oldest: this.#timeline.first?.time,
    }
  }

  sweep(): void {
    const now = this.#clock.now()
    this.#expire(now, SWEEP_STEPS)
    this.#ageAll(now, SWEEP_STEPS)
  }

  close(): void {
    this.#watcher = undefined
  }

  #open(channel: ChannelName): ChannelLog {
    let log = this.#channels.get(channel)
    if (!log) {
      if (this.#channels.size >= this.#limits.maxChannels) this.#forgetOne()
      const place = this.#freePlaces.pop() ?? this.#places.length
      log = new ChannelLog(channel, this.#floor, place)
      this.#places[place] = channel
      this.#channels.set(channel, log)
      if (isPrivate(channel)) this.#privates++
    }
    return log
  }

  #forgetOne(): void {
    const log = this.#hand.longUnused()
    if (!log) return
    const last = log.timeline.last
    if (last) this.#raiseFloor(log, last.id)
    this.#floor = Math.max(this.#floor, log.floor) as MessageId
    this.#discard(log)
  }

  #discard(log: ChannelLog): void {
    while (this.#dropFirst(log));
    this.#channels.delete(log.name)
    this.#hand.left()
    if (isPrivate(log.name)) this.#privates--
    this.#places[log.place] = undefined
    this.#freePlaces.push(log.place)
  }

  /** Takes a channel's oldest message out of everything; answers it. */
  #dropFirst(log: ChannelLog): Message | undefined {
    const message = log.shift()
    if (!message) return undefined
    this.#bytes -= message.size
    this.#timeline.drop(message.id)
    if (message.expires !== 0) this.#expiries.dropped()
    return message
  }

  #raiseFloor(log: ChannelLog, id: MessageId): void {
    if (id > log.floor) log.floor = id
    if (id > this.#highestFloor) this.#highestFloor = id
  }

  /** Drops a channel's oldest message because of a bound: from here on, a gap. */
  #retire(log: ChannelLog, now: number): void {
    const message = this.#dropFirst(log)
    // One that had run out by itself was not lost by this.
    if (message && (message.expires === 0 || message.expires > now)) {
      this.#raiseFloor(log, message.id)
    }
  }

  /** Brings a channel and the whole back within their bounds; the newest message always stays. */
  #trim(log: ChannelLog, now: number): void {
    const { maxMessages, maxChannelBytes, maxTotalMessages, maxBytes } = this.#limits
    const { timeline } = log
    while (
      timeline.count > 1 &&
      ((maxMessages > 0 && timeline.count > maxMessages) || log.bytes > maxChannelBytes)
    ) {
      this.#retire(log, now)
    }
    while (
      this.#timeline.count > 1 &&
      (this.#timeline.count > maxTotalMessages || this.#bytes > maxBytes)
    ) {
      const oldest = this.#timeline.first
      const owner = oldest && this.#channels.get(oldest.channel)
      if (!owner) break
      this.#retire(owner, now)
    }
    this.#age(log, now)
  }

  /** Brings a channel up to date before it is described. */
  #refresh(log: ChannelLog): void {
    const now = this.#clock.now()
    this.#expire(now, EXPIRE_STEPS)
    this.#age(log, now)
  }

  /** Drops up to `steps` messages that have run out by their own expiry. No gap comes of that. */
  #expire(now: number, steps: number): void {
    for (let step = 0; step < steps; step++) {
      const due = this.#expiries.takeDue(now)
      if (!due) return
      this.#bytes -= due.message.size
      this.#timeline.drop(due.message.id)
    }
  }

  /** Drops what of a channel is too old. */
  #age(log: ChannelLog, now: number): void {
    const { maxAge, minMessages } = this.#limits
    // Where the oldest of all is young enough, this channel's need not be looked at.
    const oldest = this.#timeline.first
    if (maxAge === 0 || !oldest || oldest.time + maxAge > now) return
    for (let first = log.timeline.first; first; first = log.timeline.first) {
      if (first.time + maxAge > now || log.timeline.count <= minMessages) break
      this.#retire(log, now)
    }
  }

  /** Drops what of any channel is too old, oldest first, looking at `steps` messages. */
  #ageAll(now: number, steps: number): void {
    const { maxAge } = this.#limits
    if (maxAge === 0) return
    for (let step = 0; step < steps; step++) {
      let slot = this.#timeline.seek(this.#aged)
      while (slot < this.#timeline.length && !this.#timeline.at(slot)) slot++
      const message = this.#timeline.at(slot)
      if (!message || message.time + maxAge > now) return
      const log = this.#channels.get(message.channel)
      if (log) this.#age(log, now)
      // What `minMessages` protects is let go by its channel's next message, never by time alone.
      this.#aged = message.id
    }
  }

  /** The highest floor among what a query selects: below it, something may be missing. */
  #floorOf(query: ReadQuery): MessageId {
    const { channels, wide } = query.selectors
    let floor = BEFORE_ALL
    for (const name of channels) {
      const own = this.#channels.get(name)?.floor ?? this.#floor
      if (own > floor) floor = own
    }
    if (!wide) return floor
    if (this.#floor > floor) floor = this.#floor
    // Only a cursor below some channel's floor has to know whose it is.
    if (query.after >= this.#highestFloor) return floor
    for (const log of this.#channels.values()) {
      if (log.floor > floor && query.selectors.matches(log.name)) floor = log.floor
    }
    return floor
  }
}
