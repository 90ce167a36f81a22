import type { ChannelName } from '../model/channel.ts'
import type { MessageId } from '../model/id.ts'
import type { MaybePromise } from '../model/maybe.ts'
import type { Draft, Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import type { StoreState } from './state.ts'

/**
 * Keeps the logs of all channels in one order.
 *
 * Rules that every store MUST hold, and that test/stores/contract.ts checks on each:
 * - ids only grow over the whole store, whatever the machine's clock does, and `time` with them;
 * - the watcher hears of every appended message once, in id order, and of a removal in its place
 *   between them; that may be before or after the append is answered, and reads may be ahead of it;
 * - a page is complete: every kept message that matches and lies after `after` and not after
 *   `upTo` is in it;
 * - what was dropped by retention raises the floor; a message's own expiry and `remove` do not.
 */
export interface Store {
  /** The id of the newest message announced to the watcher; at start, where the store begins. */
  readonly head: MessageId

  /** After each read that it refused as `store_unavailable`, it calls `Watcher.available` once it can be read. */
  readonly tellsAvailable?: boolean

  /**
   * Stores a message and answers its id once it is as durable as the store is configured to make it.
   * The same key on the same channel within the window answers the first id and stores nothing.
   * @throws FanfareError `key_reused` when the key came with another message, `store_unavailable`
   */
  append(draft: Draft): MaybePromise<Appended>

  /** A slice of what is kept, as it stands in one instant. */
  read(query: ReadQuery): MaybePromise<Page>

  /** What is known of a channel, which `create` makes known first; undefined when it is not. */
  stat(channel: ChannelName, create?: boolean): MaybePromise<ChannelStat | undefined>

  /** Forgets a channel and its messages; answers what it held, undefined when it was unknown. */
  remove(channel: ChannelName): MaybePromise<ChannelStat | undefined>

  /**
   * Some of the known channels, in no order; private ones (`isPrivate`) are in no listing. Going on from each answer's `cursor` until that is 0 passes
   * every channel that was known all the while at least once.
   * @param cursor 0 to begin
   * @param limit about how many to look at
   */
  channels(cursor: number, limit: number): MaybePromise<ChannelPage>

  /** How it is, as far as it knows without asking anybody. Not there: as good as its last answer. */
  state?(): StoreState

  /** The one listener of this store, set before the first append. */
  watch(watcher: Watcher): void

  /** Lets go of files, sockets and timers. */
  close(): MaybePromise<void>
}

/** For stores in which messages age while nothing happens: the server calls this every second. */
export interface Sweepable {
  /** Drops what is past its time; MUST be bounded work. */
  sweep(): void
}

export interface Watcher {
  /** MUST NOT call back into the store, and neither MUST `removed`. */
  appended(message: Message): void
  removed(channel: ChannelName): void
  /**
   * Of what was stored elsewhere, some will never be announced: it was dropped before it was heard of.
   * Whoever follows has to read, to learn of the gap.
   */
  skipped?(): void
  /**
   * The store began at this id, where nothing had been kept before: nobody has missed anything up to it.
   * Called before the first message, if at all.
   */
  began?(at: MessageId): void
  /** A read that was refused (`store_unavailable`) may be tried again. */
  available?(): void
}

export interface Appended {
  readonly id: MessageId
  /** True when an earlier append with the same key already stored it. */
  readonly duplicate: boolean
}

export interface ReadQuery {
  readonly selectors: Selectors
  /** Messages with greater ids only. */
  readonly after: MessageId
  /** None with a greater id than this; without it, up to the head. */
  readonly upTo?: MessageId
  /** At most this many messages, and … */
  readonly limit: number
  /** … about this many bytes of bodies, data and attributes, though always one message. */
  readonly bytes?: number
  /**
   * The newest messages within these bounds instead of the oldest; still given oldest first. Of a
   * subtree, a store may look through a bounded stretch only.
   */
  readonly newest?: boolean
}

export interface Page {
  /** Oldest first. */
  readonly messages: readonly Message[]
  /**
   * Everything that matches up to here has been seen: the cursor to go on from. Less than `after`
   * when that lies beyond the end of the log: then `after` is no id of this store's present life.
   */
  readonly upTo: MessageId
  /** A cursor below this may have missed messages. */
  readonly floor: MessageId
}

export interface ChannelStat {
  readonly messages: number
  /** How many were ever stored in it, as far as that is remembered: rates are made of it. */
  readonly appended: number
  readonly bytes: number
  /** The id of the newest message ever stored in it that is remembered; undefined when none was. */
  readonly last: MessageId | undefined
  readonly floor: MessageId
}

export interface ChannelPage {
  readonly names: readonly ChannelName[]
  /** Where to go on; 0 when all were seen. */
  readonly cursor: number
  /** How many channels are known in all. */
  readonly total: number
}
