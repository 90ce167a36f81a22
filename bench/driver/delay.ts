import { readFileSync } from 'node:fs'
import { until } from './wait.ts'

/** An answer that is not there by then will not come, in milliseconds. */
const PATIENCE_MS = 2000

/** What the server's event loop kept others waiting, as bench/preload/delay.ts writes it down. */
export class DelayProbe {
  readonly #file: string
  readonly #pid: () => number
  #marks = 0
  #intervals = 0

  constructor(file: string, pid: () => number) {
    this.#file = file
    this.#pid = pid
  }

  /** Begins an interval, or ends the one that has begun. */
  mark(): void {
    try {
      process.kill(this.#pid(), 'SIGUSR2')
    } catch {
      return
    }
    this.#marks++
    if (this.#marks % 2 === 0) this.#intervals++
  }

  /** The worst 99th percentile and the longest delay of all intervals, in milliseconds. */
  async worst(): Promise<{ readonly p99: number; readonly max: number }> {
    await until(() => this.#lines().length >= this.#intervals, PATIENCE_MS)
    const pairs = this.#lines().map((line) => line.split(' ').map(Number))
    if (pairs.length === 0) return { p99: Number.NaN, max: Number.NaN }
    return {
      p99: Math.max(...pairs.map(([p99 = Number.NaN]) => p99)),
      max: Math.max(...pairs.map(([, max = Number.NaN]) => max)),
    }
  }

  #lines(): string[] {
    try {
      return readFileSync(this.#file, 'latin1')
        .split('\n')
        .filter((line) => line !== '')
    } catch {
      return []
    }
  }
}
