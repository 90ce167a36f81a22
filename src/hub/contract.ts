import { BEFORE_ALL, type MessageId } from '../model/id.ts'
import type { Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'

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
   */
  encode(messages: readonly Message[], gap: Gap | undefined, selectors: Selectors): Buffer
  /** False where the protocol cannot tell a gap: such a follower is ended instead. */
  readonly tellsGaps: boolean
}

/** Where a follower starts. */
export type Since =
  /** with what comes from now on */
  | { readonly kind: 'now' }
  /** with the oldest message kept, or the oldest after an id that the caller has just read */
  | { readonly kind: 'all'; readonly after?: MessageId }
  /** after an id that this server gave */
  | { readonly kind: 'id'; readonly after: MessageId }
  /** after a cursor made from a time; one that lies after the newest message is as good as now */
  | { readonly kind: 'time'; readonly after: MessageId }

export const NOW: Since = { kind: 'now' }
export const ALL: Since = { kind: 'all' }

/** The cursor to read from for a reader that does not follow. */
export function cursorOf(since: Since, head: MessageId): MessageId {
  if (since.kind === 'now') return head
  if (since.kind === 'id' && since.after > head) return BEFORE_ALL
  return since.after ?? BEFORE_ALL
}

/** What a reader with this cursor may have missed, given the floor of what it reads. */
export function gapOf(since: Since, floor: MessageId, head: MessageId): Gap | undefined {
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
  readonly position: MessageId
  /** Stops it; nothing is written for it afterwards. */
  close(): void
  /**
   * Follows something more from `since` on, which MUST NOT be followed already. Of the added and the
   * former, whichever stands further back is written first, up to where the other stands; `caughtUp`
   * is called, and from there on all is one stream in id order. 'now' is this follower's position.
   */
  add(selectors: Selectors, since: Since, caughtUp: (position: MessageId) => void): void
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
}

export const HUB_DEFAULTS: HubLimits = {
  maxUnsentBytes: 2 ** 20,
  catchUpBytes: 64 * 2 ** 10,
  maxBatchBytes: 2 ** 20,
}
