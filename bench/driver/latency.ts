/** Latencies in microseconds, kept one by one, so that quantiles are exact. */
export class Latencies {
  #values = new Float64Array(1024)
  #size = 0

  get size(): number {
    return this.#size
  }

  add(micros: number): void {
    if (this.#size === this.#values.length) {
      const larger = new Float64Array(this.#size * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#size++] = micros
  }

  /** Forgets everything, as at the end of a warm-up. */
  clear(): void {
    this.#size = 0
  }

  /** The quantiles asked for (0 to 1), in milliseconds; NaN without samples. */
  millis(quantiles: readonly number[]): number[] {
    const sorted = this.#values.slice(0, this.#size).sort()
    return quantiles.map((q) => {
      const at = Math.min(this.#size - 1, Math.floor(q * this.#size))
      return (sorted[at] ?? Number.NaN) / 1000
    })
  }
}
