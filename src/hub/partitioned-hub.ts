import type { ChannelName } from '../model/channel.ts'
import {
  ALL_KEPT,
  beforeSecond,
  type Cursor,
  cursorFrom,
  placeOf,
  unknownPlace,
  type Vector,
} from '../model/cursor.ts'
import { FanfareError } from '../model/errors.ts'
import { before, BEFORE_ALL, idSecond, type MessageId } from '../model/id.ts'
import { all, chain, type MaybePromise } from '../model/maybe.ts'
import type { Draft, Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import { partitionOf } from '../stores/partition.ts'
import type { ChannelPage, ChannelStat, Page, Store } from '../stores/store.ts'
import {
  ALL,
  cursorOf,
  type FollowOptions,
  gapOf,
  type History,
  type Hub,
  type HubLimits,
  type Log,
  NOW,
  type Part,
  type Published,
  type Since,
  type Slice,
  type SliceQuery,
  type Subscription,
} from './contract.ts'
import { type HubOptions, LogHub, publishEach } from './log-hub.ts'
import { Span, type SpanHost } from './span.ts'
import { type Split, split } from './split.ts'
import type { LogState } from './timings.ts'
import { type Behind, type Traffic, TrafficTable } from './traffic.ts'

/** How far ahead of the clock an id may lie before it is nobody's, in seconds. */
const MOST_AHEAD = 60

/** A page of one partition. */
interface Read {
  readonly place: number
  readonly page: Page
}

/**
 * Several logs as one hub: each channel lies in one of them, by its first level. What lies in one partition
 * is that one's hub's alone; a follower of more is a `Span`.
 */
export class PartitionedHub implements Hub, SpanHost {
  readonly logs: readonly LogHub[]
  /** Followers too many that spans have, by door. */
  readonly #extra = new Map<string, number>()
  /** Channels known of each partition, as was said last. */
  readonly #totals: number[]

  /** @param stores one a partition, in their order; they MUST stay the same for as long as they hold anything */
  constructor(stores: readonly Store[], options: Omit<HubOptions, 'place'>) {
    const traffic = options.traffic ?? new TrafficTable()
    this.logs = stores.map((store, place) => new LogHub(store, { ...options, traffic, place }))
    this.#totals = stores.map(() => 0)
  }

  get partitions(): number {
    return this.logs.length
  }

  get head(): Vector {
    return this.logs.map(({ head }) => head)
  }

  headOf(selectors: Selectors): Cursor {
    const places = this.split(selectors).map(({ place }) => [place, this.#log(place).head] as const)
    const [only] = places
    return only && places.length === 1 ? only[1] : cursorFrom(this.logs.length, places)
  }

  at(channel: ChannelName): LogHub {
    return this.#log(partitionOf(channel, this.logs.length))
  }

  parts(selectors: Selectors): readonly Part[] {
    return this.split(selectors).map((part) => ({
      log: this.#log(part.place) satisfies Log,
      selectors: part.selectors,
    }))
  }

  split(selectors: Selectors): readonly Split[] {
    return split(selectors, this.logs.length)
  }

  #log(place: number): LogHub {
    return this.logs[place] as LogHub
  }

  // --- publishing and following ---

  publish(draft: Draft, via?: Traffic): MaybePromise<Published> {
    return this.at(draft.channel).publish(draft, via)
  }

  publishAll(drafts: readonly Draft[], via?: Traffic): MaybePromise<readonly Published[]> {
    return publishEach(this, drafts, via)
  }

  follow(options: FollowOptions): Subscription {
    const { selectors, since = NOW, once = false } = options
    this.#check(since)
    const parts = this.split(selectors)
    const [only] = parts
    if (once && only && parts.length === 1) {
      const start = this.startIn(only.place, since, true)
      return this.#log(only.place).follow({ ...options, since: start })
    }
    const span = new Span(this, options)
    span.begin(parts, since)
    return span
  }

  /** @throws FanfareError `bad_cursor` when it is of another number of partitions */
  #check(since: Since): void {
    if (since.kind === 'now' || typeof since.after !== 'object') return
    if (since.after.length !== this.logs.length) throw new FanfareError('bad_cursor')
  }

  startIn(place: number, since: Since, alone: boolean): Since<MessageId> {
    if (since.kind === 'now') return NOW
    const { kind, after } = since
    if (after === undefined) return ALL
    if (typeof after === 'object') {
      const known = after[place] ?? unknownPlace(after)
      if (known === ALL_KEPT) return ALL
      // What it does not know of is a guess, and not an id.
      return { kind: kind === 'id' && after[place] === undefined ? 'time' : kind, after: known }
    }
    if (kind !== 'id' || alone || this.#isNobodys(after)) return { kind, after }
    return { kind: 'time', after: beforeSecond(after) }
  }

  /** Whether an id cannot have been given by any partition, as its second is yet to come. */
  #isNobodys(id: MessageId): boolean {
    const newest = this.logs.reduce((most, { head }) => Math.max(most, idSecond(head)), 0)
    return idSecond(id) > Math.max(newest, Date.now() / 1000 + MOST_AHEAD)
  }

  counts(door: string, more: number): void {
    const extra = (this.#extra.get(door) ?? 0) + more
    if (extra === 0) this.#extra.delete(door)
    else this.#extra.set(door, extra)
  }

  // --- reading ---

  read(query: SliceQuery): MaybePromise<Slice> {
    const reads = this.#readEach(query, (place) => placeOf(query.after, place) ?? BEFORE_ALL)
    return chain(reads, (pages) => this.#merge(query, pages))
  }

  history(since: Since, query: Omit<SliceQuery, 'after' | 'newest'>): MaybePromise<History> {
    this.#check(since)
    const alone = this.split(query.selectors).length === 1
    const starts = this.logs.map(({ place }) => this.startIn(place, since, alone))
    const { head } = this
    const start = (place: number): Since<MessageId> => starts[place] ?? NOW
    const headAt = (place: number): MessageId => placeOf(head, place) ?? BEFORE_ALL
    const after = (place: number): MessageId => cursorOf(start(place), headAt(place))
    return chain(this.#readEach(query, after), (pages) => {
      const { messages, upTo } = this.#merge(query, pages)
      const end = query.upTo ?? head
      return {
        messages,
        gap: first(pages, ({ place, page }) => gapOf(start(place), page.floor, headAt(place))),
        more:
          messages.length > 0 &&
          pages.some(
            ({ place }) => (placeOf(upTo, place) ?? 0) < (placeOf(end, place) ?? BEFORE_ALL),
          ),
      }
    })
  }

  beforeNewest(selectors: Selectors, limit: number): MaybePromise<Since> {
    const query = { selectors, after: BEFORE_ALL, limit, newest: true }
    return chain(
      this.#readEach(query, () => BEFORE_ALL),
      (pages) => {
        const { messages } = this.#merge(query, pages)
        if (messages.length === 0) return NOW
        const taken = new Set(messages)
        const places = pages.map(({ place, page }) => {
          const oldest = page.messages.find((message) => taken.has(message))
          return [place, oldest ? before(oldest.id) : page.upTo] as const
        })
        return { kind: 'all', after: cursorFrom(this.logs.length, places) }
      },
    )
  }

  #readEach(
    { selectors, upTo, bytes, ...rest }: Omit<SliceQuery, 'after'>,
    after: (place: number) => MessageId,
  ): MaybePromise<readonly Read[]> {
    const parts = this.split(selectors)
    const reads = parts.map((part) => {
      const { place } = part
      const end = upTo === undefined ? undefined : placeOf(upTo, place)
      const page = this.#log(place).read({
        ...rest,
        selectors: part.selectors,
        after: after(place),
        ...(end === undefined ? {} : { upTo: end }),
        ...(bytes === undefined ? {} : { bytes: Math.ceil(bytes / parts.length) }),
      })
      return chain(page, (found): Read => ({ place, page: found }))
    })
    return all(reads)
  }

  /** As many of the oldest, or newest, of several pages as were asked for. */
  #merge({ limit, newest }: Pick<SliceQuery, 'limit' | 'newest'>, reads: readonly Read[]): Slice {
    const messages = reads.flatMap(({ page }) => page.messages)
    if (reads.length > 1) messages.sort(byId)
    const untaken = new Set(newest ? [] : messages.slice(limit))
    const places = reads.map(({ place, page }) => {
      const next = page.messages.find((message) => untaken.has(message))
      return [place, next ? before(next.id) : page.upTo] as const
    })
    return {
      messages: newest
        ? messages.slice(Math.max(0, messages.length - limit))
        : messages.slice(0, limit),
      upTo: cursorFrom(this.logs.length, places),
    }
  }

  // --- channels ---

  stat(channel: ChannelName, create?: boolean): MaybePromise<ChannelStat | undefined> {
    return this.at(channel).stat(channel, create)
  }

  remove(channel: ChannelName): MaybePromise<ChannelStat | undefined> {
    return this.at(channel).remove(channel)
  }

  /** Runs through one partition after the other: the cursor says which, and where in it. */
  channels(cursor: number, limit: number): MaybePromise<ChannelPage> {
    const count = this.logs.length
    const place = cursor % count
    const inner = Math.floor(cursor / count)
    const asked = this.logs.map((log, other) => {
      if (other === place) return log.channels(inner, limit)
      return cursor === 0 ? log.channels(0, 1) : undefined
    })
    return chain(all(asked), (pages) => {
      for (const [other, page] of pages.entries()) if (page) this.#totals[other] = page.total
      const page = pages[place]
      const further = place + 1 < count ? place + 1 : 0
      return {
        names: page?.names ?? [],
        cursor: page && page.cursor !== 0 ? page.cursor * count + place : further,
        total: this.#totals.reduce((sum, total) => sum + total, 0),
      }
    })
  }

  receivers(channel: ChannelName): number {
    return this.at(channel).receivers(channel)
  }

  receiversByDoor(channel: ChannelName): Map<string, number> {
    return this.at(channel).receiversByDoor(channel)
  }

  followersByDoor(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const log of this.logs) addAll(counts, log.followersByDoor(), 1)
    addAll(counts, this.#extra, -1)
    return counts
  }

  behindByDoor(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const log of this.logs) addAll(counts, log.behindByDoor(), 1)
    return counts
  }

  states(): readonly LogState[] {
    return this.logs.flatMap((log) => log.states())
  }

  behind(limit: number): Behind[] {
    return this.logs.flatMap((log) => log.behind(limit)).slice(0, limit)
  }

  lastAsked(channel: ChannelName): number | undefined {
    return this.at(channel).lastAsked(channel)
  }

  update(limits: HubLimits): void {
    for (const log of this.logs) log.update(limits)
  }

  endAll(): void {
    // Everywhere first: whoever is let go in one partition gets no more of another.
    for (const log of this.logs) log.flushAll()
    for (const log of this.logs) log.endAll()
  }
}

function addAll(sums: Map<string, number>, more: ReadonlyMap<string, number>, sign: 1 | -1): void {
  for (const [door, some] of more) sums.set(door, (sums.get(door) ?? 0) + sign * some)
}

function byId(one: Message, other: Message): number {
  return one.id - other.id
}

function first<T, U>(items: readonly T[], find: (item: T) => U | undefined): U | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}
