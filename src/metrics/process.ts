import {
  constants,
  monitorEventLoopDelay,
  performance,
  type PerformanceEntry,
  PerformanceObserver,
} from 'node:perf_hooks'
import { readdir, readFile } from 'node:fs/promises'
import { Histogram } from '../model/histogram.ts'
import type { Exposition, Labels, Sample } from './exposition.ts'

/** How often the event loop is looked at, in ms; what that tells is later by as much. */
const RESOLUTION = 10
/** ms that quantiles are taken over at least: several who ask must not take each other's away. */
const WINDOW = 5_000
const QUANTILES = [0.5, 0.9, 0.99, 1] as const
const NS = 1e9

const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}

/** As `gc` entries are. */
type Entry = PerformanceEntry & { readonly detail: { readonly kind: number } }

/**
 * How the process is. What has to be watched (the event loop, the garbage collector) is watched from the first
 * time that somebody asks: a server that nobody watches pays for nothing.
 */
export class ProcessMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  readonly #pauses = new Map<string, Histogram>()
  readonly #collector = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as Entry).detail
      this.#pausesOf(KINDS[kind] ?? 'other').observe(entry.duration / 1000)
    }
  })
  #watching = false
  #began = 0
  /** The quantiles of the window before, in seconds. */
  #before: readonly number[] = QUANTILES.map(() => 0)
  /** Of windows that are over: seconds, and how many looks. */
  #sum = 0
  #count = 0

  /** Begins to watch, if that has not begun. */
  watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#began = performance.now()
    this.#delay.enable()
    this.#collector.observe({ entryTypes: ['gc'] })
  }

  stop(): void {
    this.#delay.disable()
    this.#collector.disconnect()
    this.#watching = false
  }

  async write(to: Exposition): Promise<void> {
    this.watch()
    this.#writeLoop(to)
    const labelled = [...this.#pauses].map(([kind, found]): [Labels, Histogram] => [
      { kind },
      found,
    ])
    to.histogram('fanfare_gc_pause_seconds', 'Pauses for garbage collection.', labelled)
    writeMemory(to)
    await writeSystem(to)
  }

  #pausesOf(kind: string): Histogram {
    let found = this.#pauses.get(kind)
    if (!found) this.#pauses.set(kind, (found = new Histogram()))
    return found
  }

  #writeLoop(to: Exposition): void {
    const delays = this.#delays()
    const found = Object.fromEntries(QUANTILES.map((share, at) => [String(share), delays[at] ?? 0]))
    const all = {
      sum: this.#sum + this.#late(this.#delay.mean) * this.#delay.count,
      count: this.#count + this.#delay.count,
    }
    to.summary(
      'fanfare_event_loop_delay_seconds',
      'How late the event loop was, over the last 5 to 10 s, or since it was last asked.',
      found,
      all,
    )
    const { active, idle } = performance.eventLoopUtilization()
    to.counter('fanfare_event_loop_active_seconds_total', 'Time the event loop has worked.', [
      [{}, active / 1000],
    ])
    to.counter('fanfare_event_loop_idle_seconds_total', 'Time the event loop has waited.', [
      [{}, idle / 1000],
    ])
  }

  #delays(): readonly number[] {
    const delay = this.#delay
    const now = QUANTILES.map((share) => this.#late(delay.percentile(share * 100)))
    const shown = now.map((value, at) => Math.max(value, this.#before[at] ?? 0))
    if (performance.now() - this.#began >= WINDOW) {
      this.#sum += this.#late(delay.mean) * delay.count
      this.#count += delay.count
      this.#before = now
      this.#began = performance.now()
      delay.reset()
    }
    return shown
  }

  /** @param between ns from one look to the next @returns seconds by which that was too long */
  #late(between: number): number {
    return this.#delay.count === 0 ? 0 : Math.max(0, between / NS - RESOLUTION / 1000)
  }
}

function writeMemory(to: Exposition): void {
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage()
  const sizes: readonly [name: string, help: string, bytes: number][] = [
    ['process_resident_memory_bytes', 'Memory of the process that is in RAM.', rss],
    ['fanfare_heap_used_bytes', 'JavaScript objects.', heapUsed],
    ['fanfare_heap_size_bytes', 'The heap that those lie in.', heapTotal],
    ['fanfare_external_memory_bytes', 'What JavaScript objects hold outside the heap.', external],
    ['fanfare_array_buffer_bytes', 'Buffers, which are part of that.', arrayBuffers],
  ]
  for (const [name, help, bytes] of sizes) to.gauge(name, help, [[{}, bytes]])
}

async function writeSystem(to: Exposition): Promise<void> {
  const { user, system } = process.cpuUsage()
  to.counter('process_cpu_seconds_total', 'CPU time, of user and system.', [
    [{}, (user + system) / 1e6],
  ])
  to.gauge('process_start_time_seconds', 'When the process was started, as unix time.', [
    [{}, Math.round(performance.timeOrigin) / 1000],
  ])
  const [open, most] = await Promise.all([openFiles(), mostFiles()])
  to.gauge('process_open_fds', 'Open file descriptors; connections are some.', open)
  to.gauge('process_max_fds', 'How many there may be.', most)
}

/** Where the system does not tell, there is no sample. */
async function openFiles(): Promise<readonly Sample[]> {
  try {
    // One of them is the folder that is being read.
    return [[{}, (await readdir('/proc/self/fd')).length - 1]]
  } catch {
    return []
  }
}

async function mostFiles(): Promise<readonly Sample[]> {
  try {
    const limits = await readFile('/proc/self/limits', 'latin1')
    const most = /^Max open files +(?<soft>\d+)/m.exec(limits)?.groups?.['soft']
    return most === undefined ? [] : [[{}, Number(most)]]
  } catch {
    return []
  }
}
