import { machineMicros, type ProcessTree } from './processes.ts'

/** What one look at the clocks showed. */
interface Reading {
  readonly at: number
  readonly serverMicros: number
  readonly driverMicros: number
  readonly machineMicros: number
  readonly delivered: number
}

/** A measured interval. */
export interface Interval {
  readonly seconds: number
  /** Messages received by all subscribers in it. */
  readonly deliveries: number
  readonly deliveriesPerSecond: number
  /** CPU time of the server and its children for each delivery, in microseconds. */
  readonly serverMicrosPerDelivery: number
  /** CPU time of the server and its children, in percent of one core. */
  readonly serverPercent: number
  /** CPU time of this process, in percent of one core. Near 100, the driver is what was measured. */
  readonly driverPercent: number
  /** CPU time of everything else on the machine, in percent of one core: what disturbs a measurement. */
  readonly othersPercent: number
}

/** Measures from its making to `stop`. */
export class Meter {
  readonly #server: ProcessTree
  readonly #delivered: () => number
  readonly #begin: Reading

  constructor(server: ProcessTree, delivered: () => number) {
    this.#server = server
    this.#delivered = delivered
    server.refresh()
    server.onMark()
    this.#begin = this.#read()
  }

  stop(): Interval {
    const end = this.#read()
    this.#server.onMark()
    const begin = this.#begin
    const seconds = (end.at - begin.at) / 1000
    const deliveries = end.delivered - begin.delivered
    const serverMicros = end.serverMicros - begin.serverMicros
    const driverMicros = end.driverMicros - begin.driverMicros
    const machine = end.machineMicros - begin.machineMicros
    return {
      seconds,
      deliveries,
      deliveriesPerSecond: deliveries / seconds,
      serverMicrosPerDelivery: serverMicros / deliveries,
      serverPercent: serverMicros / seconds / 1e4,
      driverPercent: driverMicros / seconds / 1e4,
      othersPercent: Math.max(0, (machine - serverMicros - driverMicros) / seconds / 1e4),
    }
  }

  #read(): Reading {
    const own = process.cpuUsage()
    return {
      at: performance.now(),
      delivered: this.#delivered(),
      serverMicros: this.#server.cpuMicros(),
      driverMicros: own.user + own.system,
      machineMicros: machineMicros(),
    }
  }
}
