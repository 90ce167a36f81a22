import type { Cursor, Vector } from '../model/cursor.ts'
import { ALL_KEPT } from '../model/cursor.ts'
import type { MessageId } from '../model/id.ts'
import { Selectors } from '../model/selector.ts'
import {
  ALL,
  type Encoder,
  type EndReason,
  type FollowOptions,
  NOW,
  type Since,
  type Sink,
  type Subscription,
} from './contract.ts'
import { type Backfill, beginOf, type Follower } from './follower.ts'
import type { LogHub } from './log-hub.ts'
import { SpanEncoder, type Standing } from './span-encoder.ts'
import type { Split } from './split.ts'

const NOTHING = new Selectors([])

/** What a span needs of its hub. */
export interface SpanHost {
  readonly head: Cursor
  readonly logs: readonly LogHub[]
  split(selectors: Selectors): readonly Split[]
  /** Where a follower starts in one partition. @param alone whether it follows nothing elsewhere */
  startIn(place: number, since: Since, alone: boolean): Since<MessageId>
  /** A follower that counts as so many more by this door than it is. */
  counts(door: string, more: number): void
}

/** What was added in one call, as long as some of it has not caught up. */
interface Arrival {
  /** By partition: what of it has not, and the call that tells when it has. */
  readonly waits: Map<number, { selectors: Selectors; readonly caughtUp: () => void }>
  /** What of it was not dropped. */
  left: Selectors
  readonly caughtUp: (position: Cursor) => void
}

/**
 * One subscription over any number of partitions: a follower in each, on the same sink. As long as it
 * needs one only, that is a follower like any other, in the same audience; with the second, where its
 * encoder shows cursors, each gets an audience of its own.
 */
export class Span implements Subscription {
  readonly #host: SpanHost
  readonly #encoder: Encoder
  readonly #sink: Sink
  readonly #once: boolean
  readonly #legs = new Map<number, Leg>()
  readonly #arrivals = new Set<Arrival>()
  /** By the call that tells of one of its parts: there may be a thousand. */
  readonly #byCall = new WeakMap<Backfill['caughtUp'], Arrival>()
  #over = false
  #served = false
  /** As how many it counts beyond one. */
  #counted = 0

  constructor(host: SpanHost, options: FollowOptions) {
    this.#host = host
    this.#encoder = options.encoder
    this.#sink = options.sink
    this.#once = options.once ?? false
  }

  /** Starts in all partitions at once; some may be written to, and it may end, before this returns. */
  begin(parts: readonly Split[], since: Since): void {
    const alone = parts.length === 1
    const starts = parts.map((part) => {
      const start = this.#host.startIn(part.place, since, alone)
      return { part, start, leg: this.#open(part.place, start) }
    })
    this.#count()
    for (const { part, start, leg } of starts) {
      // The first may have had the one message that was waited for.
      if (!this.#over) this.#follow(leg, part.selectors, start)
    }
  }

  get position(): Cursor {
    const [only] = this.#legs.values()
    if (!only) return this.#host.head
    if (!this.#isPlain || !only.follower) return this.#vector(undefined)
    const at = only.follower.resumesAt(this.#isAdded)
    return at === ALL_KEPT ? only.follower.position : at
  }

  get isCurrent(): boolean {
    for (const { follower } of this.#legs.values()) if (!follower?.isCurrent) return false
    return true
  }

  add(selectors: Selectors, since: Since, caughtUp: (position: Cursor) => void): void {
    if (this.#over) return
    const parts = this.#host.split(selectors)
    const alone = parts.length === 1
    this.#widen(parts)
    const arrival: Arrival = { waits: new Map(), left: selectors, caughtUp }
    for (const { place, selectors: added } of parts) {
      const done = (): void => this.#arrived(arrival, place)
      arrival.waits.set(place, { selectors: added, caughtUp: done })
      this.#byCall.set(done, arrival)
    }
    this.#arrivals.add(arrival)
    for (const { place, selectors: added } of parts) {
      const start = this.#host.startIn(place, since, alone)
      const done = arrival.waits.get(place)?.caughtUp
      if (done) this.#legs.get(place)?.follower?.add(added, start, done)
    }
    if (parts.length === 0) this.#settle(arrival)
  }

  drop(selectors: Selectors): void {
    if (this.#over) return
    for (const { place, selectors: dropped } of this.#host.split(selectors)) {
      const leg = this.#legs.get(place)
      if (!leg?.follower) continue
      leg.follower.drop(dropped)
      if (leg.follower.audience.selectors.size === 0) {
        leg.follower.close()
        this.#legs.delete(place)
      }
      for (const arrival of this.#arrivals) {
        const wait = arrival.waits.get(place)
        if (!wait) continue
        wait.selectors = wait.selectors.without(dropped)
        if (wait.selectors.size === 0) arrival.waits.delete(place)
      }
    }
    for (const arrival of this.#arrivals) {
      arrival.left = arrival.left.without(selectors)
      if (arrival.waits.size > 0) continue
      if (arrival.left.size === 0) this.#arrivals.delete(arrival)
      // Not from within: whoever drops has yet to take note of it.
      else queueMicrotask(() => this.#settle(arrival))
    }
    this.#arrange()
  }

  close(): void {
    this.#over = true
    this.#arrivals.clear()
    for (const { follower } of this.#legs.values()) follower?.close()
    this.#count()
  }

  // --- its legs ---

  #open(place: number, start: Since<MessageId>): Leg {
    const log = this.#host.logs[place] as LogHub
    const leg = new Leg(this, log, cursorAt(start, log.head))
    this.#legs.set(place, leg)
    return leg
  }

  #follow(leg: Leg, selectors: Selectors, since: Since<MessageId>): void {
    const encoder = this.#encoderOf(leg)
    const sink = this.#sinkOf(leg)
    leg.follower = leg.log.follow({ selectors, encoder, sink, since, once: this.#once })
  }

  /** Has a leg in each of these partitions. */
  #widen(parts: readonly Split[]): void {
    const opened = parts
      .filter(({ place }) => !this.#legs.has(place))
      .map(({ place }) => this.#open(place, NOW))
    for (const leg of opened) this.#follow(leg, NOTHING, NOW)
    if (opened.length > 0) this.#arrange()
  }

  /** Legs alone are like any other follower, several know of each other. */
  #arrange(): void {
    for (const leg of this.#legs.values()) {
      const { follower } = leg
      if (follower) leg.log.transfer(follower, this.#encoderOf(leg), this.#sinkOf(leg))
    }
    this.#count()
  }

  #count(): void {
    const more = this.#over ? 0 : this.#legs.size - 1
    if (more !== this.#counted) this.#host.counts(this.#encoder.door, more - this.#counted)
    this.#counted = more
  }

  /** Whether its ids are cursors. */
  get #isPlain(): boolean {
    return this.#legs.size === 1 && this.#encoder.showsCursors !== 'always'
  }

  #encoderOf(leg: Leg): Encoder {
    if (this.#isPlain || !this.#encoder.showsCursors) return this.#encoder
    leg.encoder ??= new SpanEncoder(this.#encoder, leg.log.place, () => this.#standing(leg))
    return leg.encoder
  }

  #sinkOf(leg: Leg): Sink {
    return this.#legs.size === 1 && !this.#once ? this.#sink : leg
  }

  // --- where it stands ---

  /** @param arrival what was added, where that stands further back; undefined: all else */
  #vector(arrival: Arrival | undefined): Vector {
    const vector: (MessageId | undefined)[] = this.#host.logs.map(() => undefined)
    for (const [place, { follower, start }] of this.#legs) {
      if (!follower) {
        vector[place] = start
        continue
      }
      const added = arrival && follower.backfills?.find((one) => this.#arrivalOf(one) === arrival)
      vector[place] = added ? beginOf(added) : follower.resumesAt(this.#isAdded)
    }
    return vector
  }

  #standing({ follower }: Leg): Standing {
    const vectors = new Map<Arrival, Vector>()
    const vectorOf = (arrival: Arrival): Vector => {
      let vector = vectors.get(arrival)
      if (!vector) vectors.set(arrival, (vector = this.#vector(arrival)))
      return vector
    }
    const [reading] = follower?.backfills ?? []
    const read = reading && this.#arrivalOf(reading)
    const late = read ?? this.#late()
    return {
      rest: this.#vector(undefined),
      read: read && vectorOf(read),
      added: late && {
        vector: vectorOf(late),
        here: follower?.backfills?.some((one) => this.#arrivalOf(one) === late) ?? false,
      },
      addedFor: (channel) => {
        for (const arrival of this.#arrivals) {
          if (arrival.left.matches(channel)) return vectorOf(arrival)
        }
        return undefined
      },
    }
  }

  /** What was added and is still being read somewhere. */
  #late(): Arrival | undefined {
    if (this.#arrivals.size === 0) return undefined
    for (const { follower } of this.#legs.values()) {
      for (const backfill of follower?.backfills ?? []) {
        const arrival = this.#arrivalOf(backfill)
        if (arrival) return arrival
      }
    }
    return undefined
  }

  /** What a stretch is of; undefined when it is what was followed before, or will be from the start. */
  #arrivalOf({ selectors, added, caughtUp }: Backfill): Arrival | undefined {
    if (selectors.key !== added.key) return undefined
    const arrival = this.#byCall.get(caughtUp)
    return arrival && this.#arrivals.has(arrival) ? arrival : undefined
  }

  readonly #isAdded = (backfill: Backfill): boolean => this.#arrivalOf(backfill) !== undefined

  #arrived(arrival: Arrival, place: number): void {
    arrival.waits.delete(place)
    if (arrival.waits.size === 0) this.#settle(arrival)
  }

  #settle(arrival: Arrival): void {
    if (this.#arrivals.delete(arrival)) arrival.caughtUp(this.position)
  }

  // --- what its legs are told ---

  write(bytes: Buffer): void {
    if (this.#once) {
      // Another partition may have had a message in the same turn.
      if (this.#served) return
      this.#served = true
    }
    this.#sink.write(bytes)
  }

  get unsent(): number {
    return this.#sink.unsent
  }

  whenSent(then: () => void): void {
    this.#sink.whenSent(then)
  }

  ended(leg: Leg, reason: EndReason): void {
    if (this.#over) return
    const { follower, log } = leg
    if (reason === 'deleted' && follower) {
      // One channel of several: of that, nothing is left to read but what came since.
      const after = follower.resumesAt(this.#isAdded)
      const since: Since<MessageId> = after === ALL_KEPT ? ALL : { kind: 'id', after }
      const { selectors } = follower.audience
      leg.follower = log.follow({ ...this.#optionsOf(leg), selectors, since })
      return
    }
    this.close()
    this.#sink.ended(reason)
  }

  #optionsOf(leg: Leg): Pick<FollowOptions, 'encoder' | 'sink' | 'once'> {
    return { encoder: this.#encoderOf(leg), sink: this.#sinkOf(leg), once: this.#once }
  }
}

/** A span's follower in one partition, and the sink of that. */
class Leg implements Sink {
  readonly log: LogHub
  /** Where it begins, until it has. */
  readonly start: MessageId
  readonly #span: Span
  follower: Follower | undefined
  encoder: SpanEncoder | undefined

  constructor(span: Span, log: LogHub, start: MessageId) {
    this.#span = span
    this.log = log
    this.start = start
  }

  write(bytes: Buffer): void {
    this.#span.write(bytes)
  }

  get unsent(): number {
    return this.#span.unsent
  }

  whenSent(then: () => void): void {
    this.#span.whenSent(then)
  }

  ended(reason: EndReason): void {
    this.#span.ended(this, reason)
  }
}

/** The cursor that leads to this start. */
function cursorAt(since: Since<MessageId>, head: MessageId): MessageId {
  switch (since.kind) {
    case 'now':
      return head
    case 'all':
      return since.after ?? ALL_KEPT
    case 'time':
      return since.after < head ? since.after : head
    case 'id':
      return since.after
    default:
      return since satisfies never
  }
}
