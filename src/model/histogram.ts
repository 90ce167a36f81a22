/** Upper bounds of what a part of the server takes, in seconds: from 50 µs to 10 s. */
export const SECONDS: readonly number[] = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
  2.5, 5, 10,
]

/**
 * How often something took how long: plain numbers, so that noting one costs a few comparisons and allocates
 * nothing. Whoever asks reads them.
 */
export class Histogram {
  /** Rising upper bounds, which belong to their bucket. */
  readonly bounds: readonly number[]
  /** How many lie in each bucket alone; the last one has no bound. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[] = SECONDS) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  /** @param value in the unit of the bounds */
  observe(value: number): void {
    const { bounds, counts } = this
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
    counts[bucket] = (counts[bucket] as number) + 1
    this.sum += value
  }

  /** @param began as performance.now gave it; notes the seconds since */
  since(began: number): void {
    this.observe((performance.now() - began) / 1000)
  }
}
