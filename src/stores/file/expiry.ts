/** Stale entries are not worth looking for below this many. */
const SLACK = 1_024

/**
 * Which message runs out next by its own expiry: a binary heap of plain numbers. Messages without an
 * expiry of their own cost nothing here.
 */
export class ExpiryHeap {
  /** Those still kept. */
  readonly #kept = new Map<number, number>()
  #messages: number[] = []
  /** Of those in `#messages`, gone ones included: what is gone must not upset the order. */
  #times: number[] = []

  /** ms since 1970, or 0 for a message without an expiry. */
  of(message: number): number {
    return this.#kept.get(message) ?? 0
  }

  add(message: number, at: number): void {
    this.#kept.set(message, at)
    let slot = this.#messages.length
    while (slot > 0) {
      const up = (slot - 1) >>> 1
      if ((this.#times[up] as number) <= at) break
      this.#copy(up, slot)
      slot = up
    }
    this.#messages[slot] = message
    this.#times[slot] = at
  }

  /** The message is gone for another reason. */
  drop(message: number): void {
    if (!this.#kept.delete(message)) return
    if (this.#messages.length <= this.#kept.size * 2 + SLACK) return
    // In order is one way to be a heap.
    const kept = [...this.#kept].sort(([, a], [, b]) => a - b)
    this.#messages = kept.map(([one]) => one)
    this.#times = kept.map(([, at]) => at)
  }

  /** Takes out one message that has run out by `now`; undefined when there is none. */
  takeDue(now: number): number | undefined {
    while (this.#messages.length > 0 && (this.#times[0] as number) <= now) {
      const message = this.#messages[0] as number
      this.#removeTop()
      if (this.#kept.delete(message)) return message
    }
    return undefined
  }

  #copy(from: number, to: number): void {
    this.#messages[to] = this.#messages[from] as number
    this.#times[to] = this.#times[from] as number
  }

  #removeTop(): void {
    const message = this.#messages.pop()
    const at = this.#times.pop()
    const { length } = this.#messages
    if (message === undefined || at === undefined || length === 0) return
    let slot = 0
    for (;;) {
      let down = slot * 2 + 1
      if (down >= length) break
      const right = down + 1
      if (right < length && (this.#times[right] as number) < (this.#times[down] as number)) {
        down = right
      }
      if ((this.#times[down] as number) >= at) break
      this.#copy(down, slot)
      slot = down
    }
    this.#messages[slot] = message
    this.#times[slot] = at
  }
}
