/** The longest wait between two attempts, in ms. */
const LONGEST = 30_000
/** The longest that a server may ask for, in ms. */
const LONGEST_ASKED = 3_600_000

/**
 * How long to wait before each further attempt: doubling, with a random part so that the clients of a
 * restarted server do not all come back in the same moment.
 */
export class Backoff {
  readonly #first: number
  readonly #random: () => number
  #attempts = 0

  /** @param first ms before the second attempt */
  constructor(first = 500, random: () => number = Math.random) {
    this.#first = first
    this.#random = random
  }

  /** ms to wait now. @param least what the server asked for */
  next(least = 0): number {
    const wait = Math.min(this.#first * 2 ** this.#attempts, LONGEST)
    this.#attempts++
    const asked = Math.min(least, LONGEST_ASKED)
    return Math.max(wait / 2, asked) + (Math.max(wait, asked) / 2) * this.#random()
  }

  /** After an attempt that worked. */
  reset(): void {
    this.#attempts = 0
  }
}
