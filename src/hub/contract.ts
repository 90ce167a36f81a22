import type { ChannelName } from '../model/channel.ts'
import type { Cursor } from '../model/cursor.ts'
import { BEFORE_ALL, formatId, type MessageId } from '../model/id.ts'
import type { MaybePromise } from '../model/maybe.ts'
import type { Draft, Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import type { ChannelPage, ChannelStat, Page, ReadQuery } from '../stores/store.ts'
import type { LogState } from './timings.ts'
import type { Behind, Traffic } from './traffic.ts'

/** One subscriber's connection, as the hub sees it. Several followers may share one. */
export interface Sink {
  /**
   * Sends bytes. MUST NOT throw or change the Buffer, as all sinks of an audience get the same one;
   * MUST NOT keep it while `unsent` is 0, as it may be used again then.
   */
  write(bytes: Buffer): void
  /** Bytes written that the kernel has not taken yet. */
  readonly unsent: number
  /**
   * Calls `then` once all bytes written so far were taken; never, if the connection closes. The hub
   * has one such call open for a follower at most.
   */
  whenSent(then: () => void): void
  /**
   * The hub lets this follower go: nothing more is written for it. Called once at most, never after
   * `close`, and never while the store announces something, so that it may call the hub.
   */
  ended(reason: EndReason): void
}

/**
 * `served`: a follower for one message has it. `deleted`: the channel a one-message follower waited
 * on was removed. `gap`: it missed messages, and its encoder has no word for that. `failed`: the
 * store could not be read.
 */
export type EndReason = 'served' | 'deleted' | 'gap' | 'failed'

/** Messages are missing: whatever lay between the cursor and `to` may have been dropped. */
export interface Gap {
  /** The subscriber's cursor. */
  readonly from: MessageId
  /** From this id on nothing is missing. */
  readonly to: MessageId
}

/** How a batch's ids read as cursors. */
export interface Cursors {
  /** What a client comes back with after a message. */
  after(message: Message): string
  /** The same for an end of a gap that is told before the messages. */
  text(id: MessageId): string
  /**
   * The same in two: of what was added and is still being read, and of all else that is followed. Undefined
   * where nothing is, and where one cursor says both.
   */
  parts?(id: MessageId): { readonly added: string; readonly rest: string } | undefined
}

/** Within one partition a message's id is the cursor behind it. */
export const IDS: Cursors = { after: ({ id }) => formatId(id), text: formatId }

/** Turns messages into one protocol's bytes. */
export interface Encoder {
  /** The same for encoders that give the same bytes: their followers share an audience. */
  readonly key: string
  /** The door that its bytes leave by; see `Traffic`. */
  readonly door: string
  /**
   * One Buffer for a batch, oldest first; never called with nothing to say. `gap` comes before the
   * messages; there may be a gap and no message, except for followers of one message.
   * @param selectors what the audience follows, for protocols that tell which of it a message is for
   * @param cursors given where ids are no cursors, as the follower spans partitions
   */
  encode(
    messages: readonly Message[],
    gap: Gap | undefined,
    selectors: Selectors,
    cursors?: Cursors,
  ): Buffer
  /**
   * Whether its bytes have cursors in them. Then a follower that spans partitions is encoded for by itself:
   * no other stands where it does. `always`: so is one that lies within a partition, as it has its audience
   * to itself in any case, and is to have cursors that are right for whatever it follows next.
   */
  readonly showsCursors?: 'spanning' | 'always'
  /** Whether what is read for all that somebody follows looks the same, whatever else that is. */
  readonly sameForAll?: true
  /** False where the protocol cannot tell a gap: such a follower is ended instead. */
  readonly tellsGaps: boolean
}

/**
 * Where a follower starts. An id, on a hub of several partitions, is an id of the one partition that is
 * followed. Where several are, it stands for the time just before its second: what came in that second may
 * come again.
 */
export type Since<C = Cursor> =
  /** with what comes from now on */
  | { readonly kind: 'now' }
  /** with the oldest message kept, or the oldest after an id that the caller has just read */
  | { readonly kind: 'all'; readonly after?: C }
  /** after a cursor that this server gave */
  | { readonly kind: 'id'; readonly after: C }
  /** after a cursor made from a time; one that lies after the newest message is as good as now */
  | { readonly kind: 'time'; readonly after: C }

export const NOW: Since<never> = { kind: 'now' }
export const ALL: Since<never> = { kind: 'all' }

/** The cursor to read from for a reader that does not follow. */
export function cursorOf(since: Since<MessageId>, head: MessageId): MessageId {
  if (since.kind === 'now') return head
  if (since.kind === 'id' && since.after > head) return BEFORE_ALL
  return since.after ?? BEFORE_ALL
}

/** What a reader with this cursor may have missed, given the floor of what it reads. */
export function gapOf(since: Since<MessageId>, floor: MessageId, head: MessageId): Gap | undefined {
  if (since.kind === 'now' || since.kind === 'all') return undefined
  const foreign = since.kind === 'id' && since.after > head
  return foreign || since.after < floor ? { from: since.after, to: floor } : undefined
}

export interface FollowOptions {
  readonly selectors: Selectors
  readonly encoder: Encoder
  readonly sink: Sink
  readonly since?: Since
  /** Ends after the first message: a long poll. */
  readonly once?: boolean
}

/** A subscription in progress. */
export interface Subscription {
  /**
   * Everything up to here was written, or is not for this follower; except what `add` still owes it
   * until `caughtUp`.
   */
  readonly position: Cursor
  /** Whether nothing that was announced is still to be written for it. */
  readonly isCurrent: boolean
  /** Stops it; nothing is written for it afterwards. */
  close(): void
  /**
   * Follows something more from `since` on, which MUST NOT be followed already. Of the added and the
   * former, whichever stands further back is written first, up to where the other stands; `caughtUp`
   * is called, and from there on all is one stream, in id order within a partition. 'now' is this follower's position.
   */
  add(selectors: Selectors, since: Since, caughtUp: (position: Cursor) => void): void
  /** Follows less. */
  drop(selectors: Selectors): void
}

export interface Published {
  readonly id: MessageId
  /** True when an earlier publish with the same key had stored it. */
  readonly duplicate: boolean
  /** Followers of the channel when the message came, subtrees included. */
  readonly receivers: number
}

/** Bounds of the hub; each has its name in the configuration (`limits`). */
export interface HubLimits {
  /** Unsent bytes of one connection above which its followers go behind. */
  readonly maxUnsentBytes: number
  /** One slice of history for one follower, in bytes of bodies, data and attributes. */
  readonly catchUpBytes: number
  /** The same bytes that a batch holds before it is written within the turn. */
  readonly maxBatchBytes: number
  /**
   * ms that one loop turn writes at most before others have theirs; the rest of a batch is written in the
   * next. 0: one write a turn.
   */
  readonly maxTurn: number
}

export const HUB_DEFAULTS: HubLimits = {
  maxUnsentBytes: 2 ** 20,
  catchUpBytes: 64 * 2 ** 10,
  maxBatchBytes: 2 ** 20,
  maxTurn: 8,
}

/** One partition's log, in which ids are cursors. */
export interface Log {
  /** Which partition of its store it is, from 0. */
  readonly place: number
  /** The newest message announced. */
  readonly head: MessageId
  /** A slice of what is kept, without following. */
  read(query: ReadQuery): MaybePromise<Page>
}

/** What a selection comes to in one partition. */
export interface Part {
  readonly log: Log
  readonly selectors: Selectors
}

/** As `ReadQuery`, over any number of partitions. */
export interface SliceQuery extends Omit<ReadQuery, 'after' | 'upTo'> {
  readonly after: Cursor
  readonly upTo?: Cursor
}

/** As `Page`, over any number of partitions. */
export interface Slice {
  /** Oldest first: in the order of ids, in which partitions meet by the second alone. */
  readonly messages: readonly Message[]
  readonly upTo: Cursor
}

/** What a reader gets that has a cursor and does not follow. */
export interface History {
  readonly messages: readonly Message[]
  /** Over several partitions: the first one's that has one. */
  readonly gap: Gap | undefined
  /** Whether there may be more of it. */
  readonly more: boolean
}

/** A store's channels and everyone who follows them: what doors know of it. */
export interface Hub {
  /** How many the store has; in one, all cursors are ids. */
  readonly partitions: number
  /** The newest message announced of each. */
  readonly head: Cursor

  /** The newest message announced where what these select may lie: where one stands who begins now. */
  headOf(selectors: Selectors): Cursor
  /** Where a channel lies. */
  at(channel: ChannelName): Log
  /** Where what these select may lie. */
  parts(selectors: Selectors): readonly Part[]

  /**
   * Stores a message and tells everyone who follows its channel. The answer comes once the store
   * has it, at the durability it is configured for.
   * @param via the door that it came by
   * @throws FanfareError as `Store.append`
   */
  publish(draft: Draft, via?: Traffic): MaybePromise<Published>
  /** Several, in order; those of a partition are appended in one turn, and so go out together. */
  publishAll(drafts: readonly Draft[], via?: Traffic): MaybePromise<readonly Published[]>

  /**
   * Starts a subscription. What the sink is owed already may be written, and a follower of one
   * message may be served and ended, before this returns.
   * @throws FanfareError `bad_cursor` when it is of another number of partitions
   */
  follow(options: FollowOptions): Subscription

  /** A slice of what is kept, without following. @throws FanfareError `bad_cursor` */
  read(query: SliceQuery): MaybePromise<Slice>
  /** What is kept from a cursor on, without following. @throws FanfareError `bad_cursor` */
  history(since: Since, query: Omit<SliceQuery, 'after' | 'newest'>): MaybePromise<History>
  /** Where to start for the newest so many messages. */
  beforeNewest(selectors: Selectors, count: number): MaybePromise<Since>

  stat(channel: ChannelName, create?: boolean): MaybePromise<ChannelStat | undefined>
  /** Some of the known channels; see `Store.channels`. */
  channels(cursor: number, limit: number): MaybePromise<ChannelPage>
  /** Deletes a channel; whoever waits for one message of it is let go. */
  remove(channel: ChannelName): MaybePromise<ChannelStat | undefined>

  /** How many follow this channel here, subtrees included, over all doors. */
  receivers(channel: ChannelName): number
  /** How many follow this channel by each door. */
  receiversByDoor(channel: ChannelName): Map<string, number>
  /** How many followers there are by each door, whatever they follow. */
  followersByDoor(): Map<string, number>
  /** How many of those are behind, by each door; one that spans partitions counts in each of them. */
  behindByDoor(): Map<string, number>
  /** How each of its logs is. */
  states(): readonly LogState[]
  /** Some of those that are behind; one that spans partitions, in each of them. */
  behind(limit: number): Behind[]
  /** When a subscriber last asked for this channel, in ms since 1970; undefined: not remembered. */
  lastAsked(channel: ChannelName): number | undefined

  /** Other bounds, from now on. */
  update(limits: HubLimits): void
  /** Lets everyone go who follows anything, with what has been announced so far: the store is replaced. */
  endAll(): void
}
