/**
 * The one clock that message times, ids and heartbeats with a time in them are read from.
 *
 * It never goes back: when the machine's clock does, it stands still until the machine has caught
 * up. So whoever was told a time can trust that no later message carries an earlier one.
 */
export class Clock {
  #last = 0
  readonly #read: () => number

  /** @param read milliseconds since 1970; the machine's clock unless a test gives another */
  constructor(read: () => number = Date.now) {
    this.#read = read
  }

  /** Milliseconds since 1970, whole, never less than any earlier answer. */
  now(): number {
    const now = Math.floor(this.#read())
    if (now > this.#last) this.#last = now
    return this.#last
  }

  /** Makes the clock at least `time` (ms): for a store whose ids already lie ahead. */
  advance(time: number): void {
    if (time > this.#last) this.#last = time
  }
}
