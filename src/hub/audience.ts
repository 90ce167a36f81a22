import { BEFORE_ALL, before, type MessageId } from '../model/id.ts'
import type { Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import type { Encoder, EndReason, Gap } from './contract.ts'
import type { Follower } from './follower.ts'
import { giveBack, isScratch } from './scratch.ts'
import type { Traffic } from './traffic.ts'

/** What an audience needs of the hub. */
export interface AudienceHost {
  readonly head: MessageId
  readonly maxUnsentBytes: number
  readonly maxBatchBytes: number
  /** Whether this loop turn has been used up by writing: the rest of a batch waits for the next. */
  isLate(): boolean
  /** Asks for `flush` at the end of this loop turn. */
  soon(audience: Audience): void
  /** Asks for `flush` once the message at hand was offered to everybody. */
  full(audience: Audience): void
  /** A follower's socket is full: feed it from the store once there is room. */
  wentBehind(follower: Follower): void
  /** This follower is done, and its sink is to hear of it once no list is being walked. */
  release(follower: Follower, reason: EndReason): void
  /** The last follower left. */
  emptied(audience: Audience): void
  trafficOf(door: string): Traffic
}

/** What a fresh follower gets of a batch. */
interface Part {
  readonly bytes: Buffer
  readonly count: number
  readonly upTo: MessageId
}

/**
 * A batch on its way to the live ones, which may take several loop turns when they are very many. Of their list,
 * those below `next` have it; those from `end` on came later and need it not.
 */
interface Writing {
  readonly bytes: Buffer
  /** What those who do not have it yet have everything up to. */
  readonly position: MessageId
  readonly id: MessageId
  /** Whether the bytes are to be given back, if everybody's were sent at once. */
  borrowed: boolean
  next: number
  end: number
}

/**
 * All followers with the same selectors and encoder. What is published in one loop turn is encoded
 * once, into one Buffer, and that Buffer is written to each: the cost of one more subscriber is one
 * write, and nothing is allocated for it.
 */
export class Audience {
  readonly selectors: Selectors
  readonly encoder: Encoder
  /** Followers are done after one message (long polls). */
  readonly once: boolean
  readonly key: string
  readonly traffic: Traffic
  readonly #host: AudienceHost
  /**
   * How many belong to it, in whatever state. With a channel for each subscriber there are as many
   * audiences, and what a message touches of each comes from far memory: so a number, and no lists that
   * are mostly empty.
   */
  #size = 0
  #live: Follower[] = []
  #writing: Writing | undefined
  #fresh: Follower[] = NOBODY
  #behind: Set<Follower> | undefined
  #batch: readonly Message[] = NOTHING
  #batchBytes = 0
  /** Whether a message may be offered twice: by a name and by a subtree, say. */
  readonly #repeats: boolean
  /** The newest message offered, where that matters. */
  #offered = BEFORE_ALL

  constructor(
    host: AudienceHost,
    key: string,
    selectors: Selectors,
    encoder: Encoder,
    once: boolean,
  ) {
    this.#host = host
    this.traffic = host.trafficOf(encoder.door)
    this.key = key
    this.selectors = selectors
    this.encoder = encoder
    this.once = once
    this.#repeats = selectors.wide && selectors.size > 1
  }

  static keyOf(selectors: Selectors, encoder: Encoder, once: boolean): string {
    return `${once ? 1 : 0}${encoder.key}\n${selectors.key}`
  }

  get size(): number {
    return this.#size
  }

  /**
   * A new message of a channel that this audience follows. Offered twice, it counts once.
   * @returns how many followers it is for, those included that will read it from the store
   */
  offer(message: Message): number {
    if (this.#repeats) {
      if (this.#offered === message.id) return 0
      this.#offered = message.id
    }
    if (this.#live.length > 0 || this.#fresh.length > 0) {
      this.#push(message)
      this.#batchBytes += message.weight
      if (this.#batchBytes >= this.#host.maxBatchBytes) this.#host.full(this)
    }
    return this.#size
  }

  #push(message: Message): void {
    const batch = this.#batch
    if (batch !== NOTHING) (batch as Message[]).push(message)
    else {
      // An array of one: mostly it stays alone, and the first push to an empty one makes room for many.
      this.#batch = [message]
      this.#host.soon(this)
    }
  }

  /**
   * Writes the turn's batch to everyone, or as many as there is time for in this turn.
   * @returns whether it is done
   */
  flush(): boolean {
    if (!this.#goOn()) return false
    this.#begin()
    const done = this.#goOn()
    if (this.#size === 0) this.#host.emptied(this)
    return done
  }

  #begin(): void {
    const batch = this.#batch
    const [first] = batch
    if (!first) return
    this.#batch = NOTHING
    this.#batchBytes = 0
    const live = this.#live.length
    if (live > 0) {
      const bytes = this.#encode(this.once ? [first] : batch)
      this.#writing = {
        bytes,
        position: before(first.id),
        id: first.id,
        borrowed: isScratch(bytes),
        next: 0,
        end: live,
      }
      if (!this.once) this.#count(live, batch.length, bytes.length)
    }
    // They join the live ones behind those for whom the batch is.
    if (this.#fresh.length === 0) return
    try {
      this.#flushFresh(batch)
    } catch (error) {
      while (!this.#goOn());
      throw error
    }
  }

  /** Goes on with what is being written. @returns whether nothing is any more */
  #goOn(): boolean {
    const writing = this.#writing
    if (!writing) return true
    const done = this.once ? this.#serve(writing) : this.#writeAll(writing)
    if (done) {
      this.#writing = undefined
      if (writing.borrowed) giveBack(writing.bytes)
    }
    return done
  }

  #encode(messages: readonly Message[], gap?: Gap): Buffer {
    return this.encoder.encode(messages, gap, this.selectors)
  }

  /** The hot loop. Nothing in here may allocate. */
  #writeAll(writing: Writing): boolean {
    const host = this.#host
    const live = this.#live
    const { bytes, borrowed } = writing
    const room = host.maxUnsentBytes - bytes.length
    while (writing.next < writing.end) {
      const follower = live[writing.next] as Follower
      const { sink } = follower
      const { unsent } = sink
      // An empty socket takes any batch: a message larger than the bound must get through.
      if (unsent !== 0 && unsent > room) {
        this.#take(follower)
        this.#setBehind(follower, writing.position)
        continue
      }
      sink.write(bytes)
      if (borrowed && sink.unsent !== 0) writing.borrowed = false
      writing.next++
      if (host.isLate() && writing.next < writing.end) return false
    }
    return true
  }

  #serve(writing: Writing): boolean {
    while (writing.next < writing.end) {
      const follower = this.#live[writing.next] as Follower
      this.#take(follower)
      this.#finish(follower, writing.bytes, writing.id)
      if (this.#host.isLate() && writing.next < writing.end) return false
    }
    return true
  }

  /** The one answer of a follower of one message. */
  #finish(follower: Follower, bytes: Buffer, id: MessageId): void {
    follower.state = 'done'
    this.#size--
    follower.cursor = id
    follower.sink.write(bytes)
    this.#count(1, 1, bytes.length)
    this.#host.release(follower, 'served')
  }

  /** Those whose cursor lies inside the batch get the part after it. */
  #flushFresh(batch: readonly Message[]): void {
    const fresh = this.#fresh
    // All encoded before anybody is moved: when that fails, everyone stands where `end` finds them.
    const shared = new Map<number, Buffer>()
    const parts = fresh.map((follower) => this.#partFor(follower, batch, shared))
    this.#fresh = NOBODY
    for (let index = 0; index < fresh.length; index++) {
      this.#writeFresh(fresh[index] as Follower, parts[index])
    }
  }

  #partFor(
    follower: Follower,
    batch: readonly Message[],
    shared: Map<number, Buffer>,
  ): Part | undefined {
    const start = batch.findIndex((message) => message.id > follower.cursor)
    if (start === -1) return undefined
    const messages = this.once ? batch.slice(start, start + 1) : batch.slice(start)
    const upTo = (messages.at(-1) as Message).id
    const count = messages.length
    if (follower.gap) return { bytes: this.#encode(messages, follower.gap), count, upTo }
    let bytes = shared.get(start)
    if (!bytes) shared.set(start, (bytes = this.#encode(messages)))
    return { bytes, count, upTo }
  }

  #writeFresh(follower: Follower, part: Part | undefined): void {
    const { sink } = follower
    if (!part) this.#place(follower)
    else if (this.once) this.#finish(follower, part.bytes, part.upTo)
    else if (sink.unsent !== 0 && sink.unsent > this.#host.maxUnsentBytes - part.bytes.length) {
      this.#setBehind(follower, follower.cursor)
    } else {
      sink.write(part.bytes)
      this.#count(1, part.count, part.bytes.length)
      follower.cursor = part.upTo
      this.#place(follower)
    }
  }

  /** Takes in a follower that has everything up to its position, which is not below the head. */
  join(follower: Follower): void {
    if (!this.#behind?.delete(follower)) this.#size++
    this.#place(follower)
  }

  #place(follower: Follower): void {
    const exact = this.#batch.length === 0 && follower.cursor <= this.#host.head && !follower.gap
    if (!exact && this.#fresh === NOBODY) this.#fresh = []
    const list = exact ? this.#live : this.#fresh
    follower.state = exact ? 'live' : 'fresh'
    follower.index = list.length
    list.push(follower)
  }

  /** Takes in a follower that must be fed from the store first. */
  joinBehind(follower: Follower): void {
    this.#size++
    this.#addBehind(follower)
  }

  #addBehind(follower: Follower): void {
    follower.state = 'behind'
    this.#behind ??= new Set()
    this.#behind.add(follower)
  }

  #count(followers: number, messages: number, bytes: number): void {
    this.traffic.delivered += followers * messages
    this.traffic.bytes += followers * bytes
  }

  /** Those that are fed from the store. */
  get behind(): Iterable<Follower> {
    return this.#behind ?? NOBODY
  }

  get behindCount(): number {
    return this.#behind?.size ?? 0
  }

  /** Everyone is fed from the store, from where they stand. Nothing may wait in the batch. */
  fallBehind(): void {
    const all = [...this.#live, ...this.#fresh]
    const positions = all.map((follower) => this.positionOf(follower))
    this.#live = []
    this.#fresh = []
    this.#writing = undefined
    all.forEach((follower, index) => this.#setBehind(follower, positions[index] as MessageId))
  }

  #setBehind(follower: Follower, position: MessageId): void {
    this.traffic.wentBehind++
    follower.cursor = position
    this.#addBehind(follower)
    this.#host.wentBehind(follower)
  }

  /** Up to where a follower has everything, whatever its state. */
  positionOf(follower: Follower): MessageId {
    const { state, cursor, gap } = follower
    const [first] = this.#batch
    const { head } = this.#host
    if (state === 'live') {
      const writing = this.#writing
      if (writing && follower.index >= writing.next && follower.index < writing.end) {
        return writing.position
      }
      return first ? before(first.id) : head
    }
    // What came since it joined, if anything, was not for this audience.
    if (state === 'fresh' && !first && !gap && cursor < head) return head
    return cursor
  }

  leave(follower: Follower): void {
    follower.cursor = this.positionOf(follower)
    if (follower.state === 'live') this.#take(follower)
    else if (follower.state === 'fresh') fill(this.#fresh, follower.index, this.#fresh.length - 1)
    else this.#behind?.delete(follower)
    follower.state = 'done'
    this.#size--
    if (this.#size === 0) this.#host.emptied(this)
  }

  /** Takes a live one out: of each part of the list that it is moved through, the last takes the free place. */
  #take(follower: Follower): void {
    const live = this.#live
    const writing = this.#writing
    let free = follower.index
    if (writing && free < writing.next) {
      fill(live, free, --writing.next)
      free = writing.next
    }
    if (writing && free < writing.end) {
      fill(live, free, --writing.end)
      free = writing.end
    }
    if (free < live.length) fill(live, free, live.length - 1)
    follower.index = -1
  }

  /** Lets everyone go. */
  end(reason: EndReason): void {
    const all = [...this.#live, ...this.#fresh, ...this.behind]
    this.#live = []
    this.#writing = undefined
    this.#fresh = NOBODY
    this.#behind = undefined
    this.#size = 0
    for (const follower of all) {
      follower.state = 'done'
      this.#host.release(follower, reason)
    }
    this.#host.emptied(this)
  }
}

const NOTHING: readonly Message[] = []
/** Nobody joins it. */
const NOBODY: Follower[] = []

/** Puts the follower at `from` in the place at `to`; the place at `from` is free then. */
function fill(list: Follower[], to: number, from: number): void {
  if (from === list.length - 1) {
    const last = list.pop() as Follower
    if (from !== to) put(list, to, last)
  } else if (from !== to) put(list, to, list[from] as Follower)
}

function put(list: Follower[], to: number, follower: Follower): void {
  list[to] = follower
  follower.index = to
}
