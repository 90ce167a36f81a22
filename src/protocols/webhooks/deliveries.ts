import type { MessageId } from '../../model/id.ts'

/**
 * The ids of deliveries that were published, for a while: bounded in time and in number. What is still
 * being published is known too, so that two at once are not both published.
 */
export class Deliveries {
  readonly #span: number
  readonly #max: number
  readonly #now: () => number
  /** Oldest first: a Map keeps the order in which they came. */
  readonly #seen: Map<string, { readonly id: MessageId | undefined; readonly time: number }>
  readonly #underWay: Map<string, Promise<MessageId | undefined>>

  /**
   * @param span how long an id is remembered, in ms
   * @param max how many are remembered at most; the oldest go first
   * @param former what that knows is known here, too, and the other way round
   */
  constructor(span: number, max: number, now: () => number = Date.now, former?: Deliveries) {
    this.#span = span
    this.#max = max
    this.#now = now
    this.#seen = former ? former.#seen : new Map()
    this.#underWay = former ? former.#underWay : new Map()
  }

  get size(): number {
    return this.#seen.size
  }

  /** The message that a delivery became; undefined when the delivery is new. */
  find(key: string): { readonly id: MessageId | undefined } | undefined {
    const seen = this.#seen.get(key)
    return seen && seen.time + this.#span > this.#now() ? seen : undefined
  }

  /** What a delivery that came a moment ago is going to be, or how it is going to fail. */
  underWay(key: string): Promise<MessageId | undefined> | undefined {
    return this.#underWay.get(key)
  }

  /** Notes a delivery that is being published, and remembers it once it has been. */
  follow(key: string, publishing: Promise<MessageId | undefined>): void {
    this.#underWay.set(key, publishing)
    publishing.then(
      (id) => {
        this.#underWay.delete(key)
        this.remember(key, id)
      },
      () => this.#underWay.delete(key),
    )
  }

  remember(key: string, id: MessageId | undefined): void {
    const time = this.#now()
    this.#seen.delete(key)
    this.#seen.set(key, { id, time })
    for (const [oldest, seen] of this.#seen) {
      if (this.#seen.size <= this.#max && seen.time + this.#span > time) return
      this.#seen.delete(oldest)
    }
  }
}
