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
   * States a fact, or takes it back (undefined). Whoever watches hears of it, on every node.
   * @param ttl ms after which it is no fact any more, without anybody hearing of that
   */
  set(
    kind: string,
    owner: string,
    item: string,
    value: string | undefined,
    ttl?: number,
  ): MaybePromise<void>

  /** All items of an owner, in the order in which they were last stated. */
  list(kind: string, owner: string): MaybePromise<ReadonlyMap<string, string>>

  /** How many items an owner has; those count whose time has run out unnoticed. */
  size(kind: string, owner: string): MaybePromise<number>

  /** Everyone who has an item of this kind, in no order. */
  owners(kind: string): MaybePromise<readonly string[]>

  /** How many have an item of this kind; those count whose time has run out unnoticed. */
  count(kind: string): MaybePromise<number>

  /** The one listener, set before the first fact. */
  watch(watcher: FactWatcher): void
}

/** Hears of each change after it holds. MUST NOT throw. */
export type FactWatcher = (kind: string, owner: string, item: string, value?: string) => void
