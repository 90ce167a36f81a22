import type { TrafficTable } from '../hub/traffic.ts'
import type { NodeLoad } from '../services/control.ts'

/** Shorter than that, a rate says nothing. */
const LEAST_INTERVAL = 500

/** How much this process has to do, between one look and the next. */
export class LoadMeter {
  readonly #traffic: () => TrafficTable | undefined
  #at = performance.now()
  #cpu = process.cpuUsage()
  #published = 0
  #delivered = 0
  #last: NodeLoad = { connections: 0, published: 0, delivered: 0, cpu: 0, memory: 0 }

  constructor(traffic: () => TrafficTable | undefined) {
    this.#traffic = traffic
  }

  look(): NodeLoad {
    const now = performance.now()
    const ms = now - this.#at
    if (ms < LEAST_INTERVAL) return { ...this.#last, memory: process.memoryUsage.rss() }
    let [connections, published, delivered] = [0, 0, 0]
    for (const [, door] of this.#traffic()?.entries() ?? []) {
      connections += door.connections
      published += door.published
      delivered += door.delivered
    }
    const cpu = process.cpuUsage()
    const used = cpu.user + cpu.system - this.#cpu.user - this.#cpu.system
    const rate = (count: number): number => Math.round((count * 1_000) / ms)
    this.#last = {
      connections,
      published: rate(published - this.#published),
      delivered: rate(delivered - this.#delivered),
      cpu: Math.round((used / 1_000 / ms) * 1_000) / 1_000,
      memory: process.memoryUsage.rss(),
    }
    this.#at = now
    this.#cpu = cpu
    this.#published = published
    this.#delivered = delivered
    return this.#last
  }
}
