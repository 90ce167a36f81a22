/**
 * Loaded into a server of Node's before its own code (`--import`): measures how long its event loop
 * keeps others waiting. SIGUSR2 begins an interval, the next one ends it and adds a line to the file
 * BENCH_DELAY_FILE: the 99th percentile and the longest, in milliseconds.
 */
import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Between two looks, in milliseconds: seldom enough to cost nothing that one could measure. */
const RESOLUTION_MS = 10

const file = process.env.BENCH_DELAY_FILE
if (file !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  let measuring = false
  histogram.enable()
  process.on('SIGUSR2', () => {
    if (measuring) {
      // What is recorded is from one look to the next: the time between them is not delay.
      const over = (nanos: number): number => Math.max(0, nanos / 1e6 - RESOLUTION_MS)
      const p99 = over(histogram.percentile(99)).toFixed(3)
      appendFileSync(file, `${p99} ${over(histogram.max).toFixed(3)}\n`)
    } else {
      histogram.reset()
    }
    measuring = !measuring
  })
}
