import type { MaybePromise } from '../model/maybe.ts'

/**
 * What is known beside messages: sessions, subscriptions, connections. A fact is a text under three
 * names: its kind, its owner, and an item of that owner's. Small, and as durable as the store that
 * keeps it; several nodes see the same ones.
 */
export interface Facts {
  /** Undefined when there is no such fact, or its time has run out. */
  get(kind: string, owner: string, item: string): MaybePromise<string | undefined>

  /**
   * States a fact, or takes it back (undefined). Whoever watches hears of it, on every node. What `how` asks
   * for is looked at and done in one step: of several that want to be the first, on any nodes, one is.
   * @throws FanfareError `store_unavailable`; over a network it may have been done all the same
   */
  set(
    kind: string,
    owner: string,
    item: string,
    value: string | undefined,
    how?: How,
  ): MaybePromise<Stated>

  /** All items of an owner, in the order in which they were last stated. */
  list(kind: string, owner: string): MaybePromise<ReadonlyMap<string, string>>

  /** How many items each of these owners has, in one question. */
  sizes(kind: string, owners: readonly string[]): MaybePromise<readonly number[]>

  /** Everyone who has an item of this kind, in no order. */
  owners(kind: string): MaybePromise<readonly string[]>

  /** How many have an item of this kind; those count whose time has run out unnoticed. */
  count(kind: string): MaybePromise<number>

  /**
   * The one listener, set before the first fact.
   * @param missed called when changes were not heard of and never will be; whoever follows from them has to look
   */
  watch(watcher: FactWatcher, missed?: () => void): void

  /** Lets go of files, sockets and timers. What is under way is done first. */
  close(): MaybePromise<void>
}

/** On what terms a fact is stated or taken back. */
export interface How {
  /** ms after which it is no fact any more, without anybody hearing of that; 0 = for good. */
  readonly ttl?: number | undefined
  /** Only if there is none yet (`new`), if there is one (`known`), or if it is this text. */
  readonly when?: 'new' | 'known' | { readonly is: string }
  /** A new item only if its owner has at most this many then; those past count until noticed. */
  readonly maxItems?: number
  /** A new owner only if the kind has at most this many then; those past count until noticed. */
  readonly maxOwners?: number
}

/** What became of it. */
export interface Stated {
  /** False: it was not what `how` asks for, and nothing has changed. */
  readonly done: boolean
  /** How many items its owner has now. */
  readonly size: number
  /** What was known before. */
  readonly former: string | undefined
}

/** Hears of each change after it holds. MUST NOT throw. */
export type FactWatcher = (kind: string, owner: string, item: string, value?: string) => void

/** What there is before a fact is stated. */
export interface Before {
  readonly former: string | undefined
  /** Items of its owner. */
  readonly items: number
  /** Owners of its kind. */
  readonly owners: number
}

/** Whether a fact may be stated, or taken back, on these terms. */
export function isAllowed(value: string | undefined, how: How, before: Before): boolean {
  const { former, items, owners } = before
  const { when, maxItems = Number.POSITIVE_INFINITY, maxOwners = Number.POSITIVE_INFINITY } = how
  if (when === 'new' && former !== undefined) return false
  if (when === 'known' && former === undefined) return false
  if (typeof when === 'object' && when.is !== former) return false
  if (value === undefined || former !== undefined) return true
  return items < maxItems && (items > 0 || owners < maxOwners)
}
