import type { Since, Subscription } from '../../hub/contract.ts'
import type { Cursor } from '../../model/cursor.ts'
import { Selectors } from '../../model/selector.ts'
import type { Ref } from './command.ts'

/** Channels that were added and have not caught up with the connection's others yet. */
interface Arrival {
  selectors: Selectors
}

/** A subscribe frame without its answer yet. */
interface Asked {
  readonly names: readonly string[]
  /** What of it was not given up again. */
  wanted: Selectors
  readonly ref: Ref
  readonly waitsFor: Set<Arrival>
}

/** Tells the client that what it asked for has caught up. `names` are those it has not given up. */
export type Subscribed = (names: readonly string[], position: Cursor, ref: Ref) => void

/**
 * What one connection follows, by its frames: one subscription of the hub that is widened and narrowed.
 * Each subscribe is answered exactly once: when its channels have caught up, or were given up.
 */
export class Subscriptions {
  readonly #subscription: Subscription
  readonly #answer: Subscribed
  #selectors: Selectors
  readonly #arrivals = new Set<Arrival>()
  readonly #asked = new Set<Asked>()

  constructor(subscription: Subscription, selectors: Selectors, answer: Subscribed) {
    this.#subscription = subscription
    this.#selectors = selectors
    this.#answer = answer
  }

  /** Channels and subtrees that would be followed with these. */
  sizeWith(selectors: Selectors): number {
    return this.#selectors.with(selectors).size
  }

  /** Names in subscribe frames that wait for their answer. */
  get waiting(): number {
    let names = 0
    for (const asked of this.#asked) names += asked.names.length
    return names
  }

  /** Follows these as well; what is followed already goes on as it is, and `since` is not for it. */
  add(selectors: Selectors, names: readonly string[], since: Since, ref: Ref): void {
    const added = selectors.without(this.#selectors)
    const asked: Asked = { names, wanted: selectors, ref, waitsFor: new Set() }
    this.#selectors = this.#selectors.with(selectors)
    for (const arrival of this.#arrivals) {
      if (overlap(arrival.selectors, selectors)) asked.waitsFor.add(arrival)
    }
    if (added.size === 0) {
      if (asked.waitsFor.size > 0) this.#asked.add(asked)
      else this.#answer(names, this.#subscription.position, ref)
      return
    }
    const arrival: Arrival = { selectors: added }
    asked.waitsFor.add(arrival)
    this.#asked.add(asked)
    this.#arrivals.add(arrival)
    this.#subscription.add(added, since, (position) => this.#arrived(arrival, position))
  }

  /** Follows these no longer. */
  drop(selectors: Selectors): void {
    this.#selectors = this.#selectors.without(selectors)
    this.#subscription.drop(selectors)
    const { position } = this.#subscription
    for (const asked of this.#asked) {
      asked.wanted = asked.wanted.without(selectors)
      if (asked.wanted.size === 0) this.#settle(asked, position)
    }
    for (const arrival of this.#arrivals) {
      arrival.selectors = arrival.selectors.without(selectors)
      if (arrival.selectors.size === 0) this.#arrived(arrival, position)
    }
  }

  #arrived(arrival: Arrival, position: Cursor): void {
    this.#arrivals.delete(arrival)
    for (const asked of this.#asked) {
      if (asked.waitsFor.delete(arrival) && asked.waitsFor.size === 0) this.#settle(asked, position)
    }
  }

  #settle(asked: Asked, position: Cursor): void {
    this.#asked.delete(asked)
    const { names, wanted, ref } = asked
    this.#answer(
      names.filter((name) => overlap(Selectors.parseText(name), wanted)),
      position,
      ref,
    )
  }
}

function overlap(some: Selectors | undefined, others: Selectors): boolean {
  return some !== undefined && some.without(others).size < some.size
}
