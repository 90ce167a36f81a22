import { NOW, type Since, type Subscription } from '../../hub/contract.ts'
import { type Cursor, laterOf } from '../../model/cursor.ts'
import { BEFORE_ALL } from '../../model/id.ts'
import type { Selectors } from '../../model/selector.ts'
import type { Stretch } from './recovery.ts'

/** Channels that were added and have not caught up with the connection's others yet. */
interface Arrival {
  selectors: Selectors
  readonly settle: () => void
}

/** One subscription of the hub, and what it follows at this moment. */
export class Following {
  readonly #subscription: Subscription
  #selectors: Selectors
  readonly #arrivals = new Set<Arrival>()
  readonly #waiting: (() => void)[] = []
  #stretch: Stretch | undefined

  constructor(subscription: Subscription, selectors: Selectors) {
    this.#subscription = subscription
    this.#selectors = selectors
  }

  get position(): Cursor {
    return this.#subscription.position
  }

  /** The last history that was read; its client may not have all of it yet. */
  get stretch(): Stretch | undefined {
    return this.#stretch
  }

  /**
   * From now on follows what is wanted, and nothing else.
   * @param expected what `addSince` is about to add: that is left to it
   */
  set(wanted: Selectors, expected: Selectors): void {
    const dropped = this.#selectors.without(wanted).without(expected)
    if (dropped.size > 0) this.#drop(dropped)
    const added = wanted.without(this.#selectors).without(expected)
    if (added.size > 0) this.#add(added, NOW, nobody)
  }

  /**
   * Follows these as well, from `since` on; what is followed already goes on as it is. One call at a
   * time, because ids go back while history is read.
   * @param expected asked when it is their turn
   */
  async addSince(expected: () => Selectors, since: Since): Promise<void> {
    while (this.#arrivals.size > 0) await this.#settled()
    const added = expected().without(this.#selectors)
    if (added.size === 0) return
    const from = since.kind === 'now' ? BEFORE_ALL : (since.after ?? BEFORE_ALL)
    const upTo = laterOf(this.#subscription.position, from)
    this.#stretch = { selectors: added, since, upTo }
    await new Promise<void>((settle) => this.#add(added, since, settle))
  }

  close(): void {
    this.#subscription.close()
  }

  #add(added: Selectors, since: Since, settle: () => void): void {
    const arrival: Arrival = { selectors: added, settle }
    this.#selectors = this.#selectors.with(added)
    this.#arrivals.add(arrival)
    this.#subscription.add(added, since, () => this.#arrived(arrival))
  }

  #drop(dropped: Selectors): void {
    this.#selectors = this.#selectors.without(dropped)
    this.#subscription.drop(dropped)
    for (const arrival of this.#arrivals) {
      arrival.selectors = arrival.selectors.without(dropped)
      // Nobody hears of what is not waited for any more.
      if (arrival.selectors.size === 0) this.#arrived(arrival)
    }
  }

  #arrived(arrival: Arrival): void {
    if (!this.#arrivals.delete(arrival)) return
    arrival.settle()
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async #settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }
}

function nobody(): void {}
