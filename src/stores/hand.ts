/** So many leave, beside as many as there are, until a hand that has not moved begins anew. */
const SLACK = 1_000

/** Whoever was used since the hand last passed may stay. */
interface Usable {
  /** Taken away by the hand. */
  used: boolean
}

/**
 * Goes round what is in a Map, in the order in which it came, and looks for one to forget.
 *
 * An iterator that stands in a Map keeps every table that the Map has had since it last moved. So it must hear of
 * whoever leaves, and begins anew when that were many: with the oldest, who would be looked at first in any case.
 */
export class Hand<V extends Usable> {
  readonly #among: ReadonlyMap<unknown, V>
  #walk: Iterator<V>
  #left = 0

  constructor(among: ReadonlyMap<unknown, V>) {
    this.#among = among
    this.#walk = among.values()
  }

  /** Somebody was taken out of the Map. */
  left(): void {
    if (++this.#left <= this.#among.size + SLACK) return
    this.#left = 0
    this.#walk = this.#among.values()
  }

  /** Who was not used for long: the next on its way without new use. Undefined when there is nobody. */
  longUnused(): V | undefined {
    this.#left = 0
    while (this.#among.size > 0) {
      const { value, done } = this.#walk.next()
      if (done === true) this.#walk = this.#among.values()
      else if (value.used) value.used = false
      else return value
    }
    return undefined
  }
}
