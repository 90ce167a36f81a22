// Loaded into a server by `node --import`: writes what it uses, a line each time, for scripts/soak.mjs.
import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const file = process.env.SOAK_SAMPLES
const every = Number(process.env.SOAK_EVERY)
const started = performance.now()
const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()
const timer = setInterval(() => {
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage()
  const seconds = Math.round((performance.now() - started) / 1000)
  const p99 = delay.percentile(99) / 1e6
  const most = delay.max / 1e6
  delay.reset()
  const line = { seconds, rss, heapUsed, heapTotal, external, arrayBuffers, p99, most }
  appendFileSync(file, `${JSON.stringify(line)}\n`)
}, every)
timer.unref()
