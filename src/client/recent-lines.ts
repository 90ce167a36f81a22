/** Lines and characters that are remembered. With more, some may come twice after a lost connection. */
const MAX_LINES = 20_000
const MAX_CHARACTERS = 2 ** 24
const MAX_ARRIVALS = 1_000

/** ms in which the server may have stamped a line with the time of the stillalive behind it. */
const SAME_MOMENT = 20
/** The same for a clock at a whole second: that of a server stands there until its first second is over. */
const SAME_SECOND = 1_100

/**
 * What a feed sends again to a client that comes back: it is asked for everything from the time of the
 * last stillalive on, and the lines that came behind that are known already.
 */
export class RecentLines {
  /** Came just before the stillalive: they may be sent again, or not. */
  #older: string[] = []
  /** Come behind it: they are sent again, in this order. */
  #newer: string[] = []
  #characters = 0
  /** When the last few came, for telling what belongs to one moment. */
  #arrivals: { readonly line: string; readonly at: number }[] = []
  #expected: readonly string[] = []
  #next = 0
  #inOrder = true

  /** A connection begins: what is known is expected again. */
  restart(): void {
    this.#expected = [...this.#older, ...this.#newer]
    this.#next = 0
  }

  /** @returns whether the line is new; if so it is remembered */
  take(line: string, now = performance.now()): boolean {
    if (this.#isKnown(line)) return false
    this.#newer.push(line)
    this.#characters += line.length
    this.#arrivals.push({ line, at: now })
    if (this.#arrivals.length > MAX_ARRIVALS) this.#arrivals.shift()
    if (this.#newer.length > MAX_LINES || this.#characters > MAX_CHARACTERS) {
      const half = this.#newer.splice(0, Math.ceil(this.#newer.length / 2))
      for (const { length } of half) this.#characters -= length
    }
    return true
  }

  /**
   * A stillalive came.
   * @param time its unix time
   * @param exact whether the server compares milliseconds, as ours does; others compare whole seconds,
   * so that all that came since the stillalive before may come again
   */
  alive(time: number, exact: boolean, now = performance.now()): void {
    const moment = Number.isInteger(time) ? SAME_SECOND : SAME_MOMENT
    this.#arrivals = this.#arrivals.filter(({ at }) => now - at < moment)
    this.#older = exact ? this.#arrivals.map(({ line }) => line) : this.#newer
    this.#inOrder = exact
    this.#newer = []
    this.#characters = 0
    this.#expected = []
  }

  #isKnown(line: string): boolean {
    if (this.#next >= this.#expected.length) return false
    const found = this.#expected.indexOf(line, this.#next)
    if (found !== -1) {
      this.#next = found + 1
      return true
    }
    // Ours repeats in order: with the first new line all that is known has come.
    if (this.#inOrder) this.#expected = []
    return false
  }
}
