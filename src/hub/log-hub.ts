import type { ChannelName } from '../model/channel.ts'
import type { Cursor } from '../model/cursor.ts'
import { before, BEFORE_ALL, type MessageId } from '../model/id.ts'
import { all, chain, type MaybePromise } from '../model/maybe.ts'
import type { Draft, Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import type { ChannelPage, ChannelStat, Page, ReadQuery, Store } from '../stores/store.ts'
import { Audience, type AudienceHost } from './audience.ts'
import { CatchUp } from './catch-up.ts'
import {
  countBehindByDoor,
  countByDoor,
  countReceivers,
  countReceiversByDoor,
  findBehind,
} from './census.ts'
import {
  cursorOf,
  type EndReason,
  type Encoder,
  type FollowOptions,
  gapOf,
  type History,
  type Hub,
  HUB_DEFAULTS,
  type HubLimits,
  type Log,
  NOW,
  type Part,
  type Published,
  type Since,
  type Sink,
} from './contract.ts'
import { ADOPT_FLOOR, Follower, type FollowerHost } from './follower.ts'
import { LastAsked } from './last-asked.ts'
import { Matcher } from './matcher.ts'
import { Released } from './released.ts'
import { ofOneLog, startOf } from './start.ts'
import { type LogState, Timings } from './timings.ts'
import { type Behind, type Traffic, TrafficTable } from './traffic.ts'
import { Turns } from './turns.ts'

export interface HubOptions extends Partial<HubLimits> {
  /** Which partition of its store this is; 0 without it. */
  readonly place?: number
  /** Runs `work` once, at the end of the current loop turn (setImmediate in the server). */
  readonly soon: (work: () => void) => void
  /** Where it is counted what goes through each door. */
  readonly traffic?: TrafficTable
  /** Hears of what went wrong in an encoder or a store while nobody was waiting for an answer. */
  readonly onError?: (error: unknown) => void
}

/**
 * One log's channels and everyone who follows them: of a whole store, or of one partition of it.
 *
 * Publishing appends to the store; the store announces the message; it joins the batch of each
 * audience that follows its channel; at the end of the loop turn each batch is encoded once and
 * written to all. docs/invariants.md states what holds in between.
 */
export class LogHub implements Hub, Log, AudienceHost, FollowerHost {
  readonly store: Store
  readonly partitions = 1
  readonly place: number
  maxUnsentBytes: number
  maxBatchBytes: number
  catchUpBytes: number
  readonly timings = new Timings()
  readonly #onError: (error: unknown) => void
  readonly #matcher = new Matcher()
  readonly #audiences = new Map<string, Audience>()
  /** The one that was asked for last, while it is one of these. */
  #lastAudience: Audience | undefined
  readonly #catchUp: CatchUp
  readonly #asked = new LastAsked()
  readonly #traffic: TrafficTable
  readonly #turns: Turns<Audience>
  #full: Audience[] = []
  /** Whether the store is telling us something: then nobody may be told who could call it. */
  #listening = false
  readonly #released: Released
  /** How many the newest message is for. */
  #offered = 0
  /** The newest message announced. */
  head: MessageId

  constructor(store: Store, options: HubOptions) {
    const limits = { ...HUB_DEFAULTS, ...options }
    this.store = store
    this.place = limits.place ?? 0
    this.maxUnsentBytes = limits.maxUnsentBytes
    this.maxBatchBytes = limits.maxBatchBytes
    this.catchUpBytes = limits.catchUpBytes
    this.#traffic = options.traffic ?? new TrafficTable()
    this.#onError = options.onError ?? (() => {})
    this.#released = new Released(this.#onError)
    this.#catchUp = new CatchUp(this)
    this.#turns = new Turns(limits.maxTurn, {
      soon: options.soon,
      first: () => this.#released.tell(),
      flush: (audience) => this.#flush(audience),
      wrote: (began) => this.timings.flush.since(began),
      last: () => this.#catchUp.run(),
    })
    this.head = store.head
    store.watch({
      appended: (message) => this.#announce(message),
      removed: (channel) => this.#removed(channel),
      skipped: () => this.#skipped(),
      began: (at) => (this.head = at),
      available: () => this.#catchUp.retry(),
    })
  }

  update(limits: HubLimits): void {
    this.maxUnsentBytes = limits.maxUnsentBytes
    this.maxBatchBytes = limits.maxBatchBytes
    this.catchUpBytes = limits.catchUpBytes
    this.#turns.length = limits.maxTurn
  }

  endAll(): void {
    this.flushAll()
    const audiences = [...this.#audiences.values()]
    for (const audience of audiences) audience.end('failed')
    this.#released.tell()
  }

  /** Writes what has been announced so far. */
  flushAll(): void {
    const audiences = [...this.#audiences.values()]
    for (const audience of audiences) this.#flush(audience)
  }

  headOf(): MessageId {
    return this.head
  }

  at(): Log {
    return this
  }

  parts(selectors: Selectors): readonly Part[] {
    return [{ log: this, selectors }]
  }

  publish(draft: Draft, via?: Traffic): MaybePromise<Published> {
    if (via) via.published++
    const appended = this.store.append(draft)
    if (appended instanceof Promise) {
      const receivers = this.receivers(draft.channel)
      const began = performance.now()
      return appended.then((stored) => {
        this.timings.stored.since(began)
        return { ...stored, receivers }
      })
    }
    // A store that answers at once has announced it by now, and they were counted.
    const { id, duplicate } = appended
    const receivers = id === this.head ? this.#offered : this.receivers(draft.channel)
    return { id, duplicate, receivers }
  }

  publishAll(drafts: readonly Draft[], via?: Traffic): MaybePromise<readonly Published[]> {
    return publishEach(this, drafts, via)
  }

  follow(options: FollowOptions): Follower {
    const { selectors, sink, since = NOW } = options
    if (selectors.single !== undefined) this.#asked.touch(selectors.single, Date.now())
    const audience = this.#audience(selectors, options)
    const start = startOf(since, this.head)
    const follower = new Follower(this, sink, audience, this.head)
    if (start.cursor > this.head) follower.owe(selectors, start, this.head, () => {})
    else {
      follower.cursor = start.cursor
      follower.told = start.told
    }
    if (start.cursor === this.head) audience.join(follower)
    else {
      audience.joinBehind(follower)
      this.#catchUp.start(follower)
    }
    return follower
  }

  /** A slice of what is kept, without following. */
  read(query: ReadQuery): MaybePromise<Page> {
    if (query.selectors.single !== undefined) this.#asked.touch(query.selectors.single, Date.now())
    return this.store.read(query)
  }

  history(wanted: Since, query: Omit<ReadQuery, 'after' | 'newest'>): MaybePromise<History> {
    const { head } = this
    const since = ofOneLog(wanted)
    return chain(this.read({ ...query, after: cursorOf(since, head) }), (page) => ({
      messages: page.messages,
      gap: gapOf(since, page.floor, head),
      more: page.messages.length > 0 && page.upTo < (query.upTo ?? head),
    }))
  }

  beforeNewest(selectors: Selectors, limit: number): MaybePromise<Since> {
    const query = { selectors, after: BEFORE_ALL, limit, newest: true }
    return chain(this.read(query), ({ messages: [first] }) =>
      first ? { kind: 'all', after: before(first.id) } : NOW,
    )
  }

  stat(channel: ChannelName, create?: boolean): MaybePromise<ChannelStat | undefined> {
    return this.store.stat(channel, create)
  }

  channels(cursor: number, limit: number): MaybePromise<ChannelPage> {
    return this.store.channels(cursor, limit)
  }

  remove(channel: ChannelName): MaybePromise<ChannelStat | undefined> {
    return this.store.remove(channel)
  }

  receivers(channel: ChannelName): number {
    return countReceivers(this.#matcher, channel)
  }

  receiversByDoor(channel: ChannelName): Map<string, number> {
    return countReceiversByDoor(this.#matcher, channel)
  }

  followersByDoor(): Map<string, number> {
    return countByDoor(this.#audiences.values())
  }

  behindByDoor(): Map<string, number> {
    return countBehindByDoor(this.#audiences.values())
  }

  states(): readonly LogState[] {
    const { place, timings, store } = this
    return [{ place, timings, store: store.state?.() }]
  }

  behind(limit: number): Behind[] {
    return findBehind(this.#audiences.values(), limit)
  }

  lastAsked(channel: ChannelName): number | undefined {
    return this.#asked.get(channel)
  }

  // --- what audiences, followers and the catch-up ask for ---

  soon(audience: Audience): void {
    this.#turns.add(audience)
  }

  isLate(): boolean {
    return this.#turns.isLate()
  }

  full(audience: Audience): void {
    this.#full.push(audience)
  }

  schedule(): void {
    this.#turns.schedule()
  }

  wentBehind(follower: Follower): void {
    this.#catchUp.startWhenSent(follower)
  }

  emptied(audience: Audience): void {
    if (this.#lastAudience === audience) this.#lastAudience = undefined
    if (this.#audiences.get(audience.key) !== audience) return
    this.#audiences.delete(audience.key)
    this.#matcher.remove(audience)
  }

  unfollow(follower: Follower): void {
    follower.ticket++
    if (follower.state !== 'done') follower.audience.leave(follower)
  }

  end(follower: Follower, reason: EndReason): void {
    if (follower.state === 'done') return
    this.unfollow(follower)
    this.release(follower, reason)
    this.#released.tell()
  }

  release(follower: Follower, reason: EndReason): void {
    this.#released.add(follower, reason)
  }

  trafficOf(door: string): Traffic {
    return this.#traffic.of(door)
  }

  failed(error: unknown): void {
    this.#onError(error)
  }

  widen(
    follower: Follower,
    selectors: Selectors,
    since: Since,
    caughtUp: (position: Cursor) => void,
  ): void {
    if (follower.state === 'done') return
    const { audience } = follower
    audience.leave(follower)
    const here = follower.cursor
    const start = startOf(since, this.head)
    // A gap that was told was none of what joins now.
    if (follower.told !== ADOPT_FLOOR) follower.told = BEFORE_ALL
    if (start.cursor !== here) follower.owe(selectors, start, this.head, caughtUp)
    this.#enter(follower, audience.selectors.with(selectors))
    if (start.cursor === here) caughtUp(here)
  }

  narrow(follower: Follower, selectors: Selectors): void {
    if (follower.state === 'done') return
    const { audience } = follower
    audience.leave(follower)
    follower.forgo(selectors)
    this.#enter(follower, audience.selectors.without(selectors))
  }

  /** Others write for it, to another sink, from where it stands. */
  transfer(follower: Follower, encoder: Encoder, sink: Sink): void {
    follower.sink = sink
    if (follower.state === 'done' || follower.audience.encoder === encoder) return
    const { audience } = follower
    audience.leave(follower)
    this.#enter(follower, audience.selectors, encoder)
  }

  /** Takes a follower that has just left its audience in where it stands, with other selectors. */
  #enter(follower: Follower, selectors: Selectors, encoder = follower.audience.encoder): void {
    const { once } = follower.audience
    follower.audience = this.#audience(selectors, { encoder, once })
    if (follower.backfills?.length || follower.cursor < this.head) {
      follower.audience.joinBehind(follower)
      this.#catchUp.startWhenSent(follower)
    } else follower.audience.join(follower)
  }

  #audience(
    selectors: Selectors,
    { encoder, once = false }: Pick<FollowOptions, 'encoder' | 'once'>,
  ): Audience {
    // Those who ask one after the other ask mostly for the same.
    const last = this.#lastAudience
    if (last?.selectors === selectors && last.encoder === encoder && last.once === once) return last
    const key = Audience.keyOf(selectors, encoder, once)
    let audience = this.#audiences.get(key)
    if (!audience) {
      audience = new Audience(this, key, selectors, encoder, once)
      this.#audiences.set(key, audience)
      this.#matcher.add(audience)
    }
    this.#lastAudience = audience
    return audience
  }

  #announce(message: Message): void {
    this.#listening = true
    this.head = message.id
    this.#offered = 0
    this.#matcher.each(message.channel, (audience) => {
      this.#offered += audience.offer(message)
    })
    while (this.#full.length > 0) this.#flush(this.#full.pop() as Audience)
    this.#listening = false
  }

  /** What was lost, nobody announces: everyone reads from where they stand, and so learns of the gap. */
  #skipped(): void {
    this.#listening = true
    const audiences = [...this.#audiences.values()]
    for (const audience of audiences) {
      this.#flush(audience)
      audience.fallBehind()
    }
    this.#listening = false
    if (!this.#released.isEmpty) this.schedule()
  }

  #removed(channel: ChannelName): void {
    this.#asked.forget(channel)
    this.#catchUp.forget()
    for (const audience of this.#matcher.exact(channel)) {
      if (audience.once && audience.selectors.size === 1) audience.end('deleted')
    }
    if (!this.#released.isEmpty) this.schedule()
  }

  /** @returns whether nothing is left to be written, also when that has failed */
  #flush(audience: Audience): boolean {
    let done = true
    try {
      done = audience.flush()
    } catch (error) {
      // An encoder that fails must not silence anybody else, and its own must not miss it silently.
      this.#onError(error)
      audience.end('failed')
    }
    if (!this.#listening) this.#released.tell()
    return done
  }
}

/** Publishes in order; what can be stored at once goes out together. */
export function publishEach(
  hub: Pick<Hub, 'publish'>,
  drafts: readonly Draft[],
  via?: Traffic,
): MaybePromise<readonly Published[]> {
  return all(drafts.map((draft) => hub.publish(draft, via)))
}
