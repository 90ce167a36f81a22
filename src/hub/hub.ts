import type { ChannelName } from '../model/channel.ts'
import { BEFORE_ALL, type MessageId } from '../model/id.ts'
import type { MaybePromise } from '../model/maybe.ts'
import type { Draft, Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import type { ChannelPage, ChannelStat, Page, ReadQuery, Store } from '../stores/store.ts'
import { Audience, type AudienceHost } from './audience.ts'
import { CatchUp } from './catch-up.ts'
import {
  type EndReason,
  type FollowOptions,
  HUB_DEFAULTS,
  type HubLimits,
  NOW,
  type Published,
  type Since,
  type Subscription,
} from './contract.ts'
import { ADOPT_FLOOR, type Cursor, Follower, type FollowerHost } from './follower.ts'
import { LastAsked } from './last-asked.ts'
import { Matcher } from './matcher.ts'
import { type Behind, type Traffic, TrafficTable } from './traffic.ts'

/** Names of what a slow subscriber follows that are shown. */
const NAMES_SHOWN = 5

export interface HubOptions extends Partial<HubLimits> {
  /** Runs `work` once, at the end of the current loop turn (setImmediate in the server). */
  readonly soon: (work: () => void) => void
  /** Where it is counted what goes through each door. */
  readonly traffic?: TrafficTable
  /** Hears of what went wrong in an encoder or a store while nobody was waiting for an answer. */
  readonly onError?: (error: unknown) => void
}

/**
 * One store's channels and everyone who follows them.
 *
 * Publishing appends to the store; the store announces the message; it joins the batch of each
 * audience that follows its channel; at the end of the loop turn each batch is encoded once and
 * written to all. docs/invariants.md states what holds in between.
 */
export class Hub implements AudienceHost, FollowerHost {
  readonly store: Store
  readonly maxUnsentBytes: number
  readonly maxBatchBytes: number
  readonly catchUpBytes: number
  readonly #soon: (work: () => void) => void
  readonly #onError: (error: unknown) => void
  readonly #matcher = new Matcher()
  readonly #audiences = new Map<string, Audience>()
  readonly #catchUp: CatchUp
  readonly #asked = new LastAsked()
  readonly #traffic: TrafficTable
  #dirty: Audience[] = []
  #full: Audience[] = []
  #scheduled = false
  /** Whether the store is telling us something: then nobody may be told who could call it. */
  #listening = false
  #released: Released[] = []
  /** How many the newest message is for. */
  #offered = 0
  /** The newest message announced. */
  head: MessageId
  readonly #run = (): void => this.#turn()

  constructor(store: Store, options: HubOptions) {
    const limits = { ...HUB_DEFAULTS, ...options }
    this.store = store
    this.maxUnsentBytes = limits.maxUnsentBytes
    this.maxBatchBytes = limits.maxBatchBytes
    this.catchUpBytes = limits.catchUpBytes
    this.#soon = options.soon
    this.#traffic = options.traffic ?? new TrafficTable()
    this.#onError = options.onError ?? (() => {})
    this.#catchUp = new CatchUp(this)
    this.head = store.head
    store.watch({
      appended: (message) => this.#announce(message),
      removed: (channel) => this.#removed(channel),
      skipped: () => this.#skipped(),
      available: () => this.#catchUp.retry(),
    })
  }

  /**
   * Stores a message and tells everyone who follows its channel. The answer comes once the store
   * has it, at the durability it is configured for.
   * @param via the door that it came by
   * @throws FanfareError as `Store.append`
   */
  publish(draft: Draft, via?: Traffic): MaybePromise<Published> {
    if (via) via.published++
    const appended = this.store.append(draft)
    if (appended instanceof Promise) {
      const receivers = this.receivers(draft.channel)
      return appended.then((stored) => ({ ...stored, receivers }))
    }
    // A store that answers at once has announced it by now, and they were counted.
    const { id, duplicate } = appended
    const receivers = id === this.head ? this.#offered : this.receivers(draft.channel)
    return { id, duplicate, receivers }
  }

  /** Several, in order; they are appended in one turn, and so go out together. */
  publishAll(drafts: readonly Draft[], via?: Traffic): MaybePromise<readonly Published[]> {
    const results = drafts.map((draft) => this.publish(draft, via))
    const waits = results.some((result) => result instanceof Promise)
    return waits ? Promise.all(results.map(async (result) => result)) : (results as Published[])
  }

  /**
   * Starts a subscription. What the sink is owed already may be written, and a follower of one
   * message may be served and ended, before this returns.
   */
  follow(options: FollowOptions): Subscription {
    const { selectors, sink, since = NOW } = options
    if (selectors.single !== undefined) this.#asked.touch(selectors.single, Date.now())
    const audience = this.#audience(selectors, options)
    const start = this.#startOf(since)
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

  stat(channel: ChannelName, create?: boolean): MaybePromise<ChannelStat | undefined> {
    return this.store.stat(channel, create)
  }

  /** Some of the known channels; see `Store.channels`. */
  channels(cursor: number, limit: number): MaybePromise<ChannelPage> {
    return this.store.channels(cursor, limit)
  }

  /** Deletes a channel; whoever waits for one message of it is let go. */
  remove(channel: ChannelName): MaybePromise<ChannelStat | undefined> {
    return this.store.remove(channel)
  }

  /** How many follow this channel here, subtrees included, over all doors. */
  receivers(channel: ChannelName): number {
    let count = 0
    let several: Set<Audience> | undefined
    this.#matcher.each(channel, (audience) => {
      if (audience.selectors.size > 1) {
        // It may come twice, by its channels and by its subtrees.
        several ??= new Set()
        if (several.has(audience)) return
        several.add(audience)
      }
      count += audience.size
    })
    return count
  }

  /** How many follow this channel by each door. */
  receiversByDoor(channel: ChannelName): Map<string, number> {
    const counts = new Map<string, number>()
    const seen = new Set<Audience>()
    this.#matcher.each(channel, (audience) => {
      if (seen.has(audience)) return
      seen.add(audience)
      const { door } = audience.encoder
      counts.set(door, (counts.get(door) ?? 0) + audience.size)
    })
    return counts
  }

  /** How many followers there are by each door, whatever they follow. */
  followersByDoor(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { encoder, size } of this.#audiences.values()) {
      counts.set(encoder.door, (counts.get(encoder.door) ?? 0) + size)
    }
    return counts
  }

  /** Some of those that are behind. */
  behind(limit: number): Behind[] {
    const found: Behind[] = []
    for (const audience of this.#audiences.values()) {
      const { channels, prefixes, patterns } = audience.selectors
      const names = [...channels, ...prefixes, ...patterns].slice(0, NAMES_SHOWN)
      for (const { sink, position } of audience.behind) {
        if (found.length >= limit) return found
        const { door } = audience.encoder
        found.push({ door, unsent: sink.unsent, channels: names, position })
      }
    }
    return found
  }

  /** When a subscriber last asked for this channel, in ms since 1970; undefined: not remembered. */
  lastAsked(channel: ChannelName): number | undefined {
    return this.#asked.get(channel)
  }

  // --- what audiences, followers and the catch-up ask for ---

  soon(audience: Audience): void {
    this.#dirty.push(audience)
    this.schedule()
  }

  full(audience: Audience): void {
    this.#full.push(audience)
  }

  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#soon(this.#run)
  }

  wentBehind(follower: Follower): void {
    this.#catchUp.startWhenSent(follower)
  }

  emptied(audience: Audience): void {
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
    this.#tellReleased()
  }

  release(follower: Follower, reason: EndReason): void {
    this.#released.push({ follower, reason, ticket: follower.ticket })
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
    caughtUp: (position: MessageId) => void,
  ): void {
    if (follower.state === 'done') return
    const { audience } = follower
    audience.leave(follower)
    const here = follower.cursor
    const start = this.#startOf(since)
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

  /** The cursor that a subscription starts with. */
  #startOf(since: Since): Cursor {
    const { head } = this
    switch (since.kind) {
      case 'now':
        return cursorAt(head)
      case 'all': {
        const { after = BEFORE_ALL } = since
        return cursorAt(after, after < head ? ADOPT_FLOOR : BEFORE_ALL)
      }
      case 'time':
        // A time to come is as good as now: nobody has anything from there.
        return cursorAt(Math.min(since.after, head) as MessageId)
      case 'id':
        return cursorAt(since.after)
      default:
        return since satisfies never
    }
  }

  /** Takes a follower that has just left its audience in where it stands, with other selectors. */
  #enter(follower: Follower, selectors: Selectors): void {
    const { encoder, once } = follower.audience
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
    const key = Audience.keyOf(selectors, encoder, once)
    let audience = this.#audiences.get(key)
    if (!audience) {
      audience = new Audience(this, key, selectors, encoder, once)
      this.#audiences.set(key, audience)
      this.#matcher.add(audience)
    }
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
    if (this.#released.length > 0) this.schedule()
  }

  #removed(channel: ChannelName): void {
    this.#asked.forget(channel)
    for (const audience of this.#matcher.exact(channel)) {
      if (audience.once && audience.selectors.size === 1) audience.end('deleted')
    }
    if (this.#released.length > 0) this.schedule()
  }

  #turn(): void {
    this.#scheduled = false
    this.#tellReleased()
    const dirty = this.#dirty
    this.#dirty = []
    for (const audience of dirty) this.#flush(audience)
    this.#catchUp.run()
  }

  #flush(audience: Audience): void {
    try {
      audience.flush()
    } catch (error) {
      // An encoder that fails must not silence anybody else, and its own must not miss it silently.
      this.#onError(error)
      audience.end('failed')
    }
    if (!this.#listening) this.#tellReleased()
  }

  /** Tells sinks that they were let go. They may call the hub: no list of it is being walked. */
  #tellReleased(): void {
    while (this.#released.length > 0) {
      const released = this.#released
      this.#released = []
      for (const { follower, reason, ticket } of released) {
        // Not one that closed its subscription itself in the meantime.
        if (follower.ticket === ticket) this.#tell(follower, reason)
      }
    }
  }

  #tell(follower: Follower, reason: EndReason): void {
    try {
      follower.sink.ended(reason)
    } catch (error) {
      this.#onError(error)
    }
  }
}

/** A follower whose sink has yet to be told that it was let go. */
interface Released {
  readonly follower: Follower
  readonly reason: EndReason
  readonly ticket: number
}

function cursorAt(cursor: MessageId, told = BEFORE_ALL): Cursor {
  return { cursor, told, foreign: undefined }
}
