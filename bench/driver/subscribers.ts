import type { StreamDoor } from '../doors/door.ts'
import { MarkerCounter } from './counter.ts'
import type { Latencies } from './latency.ts'
import { Link } from './link.ts'
import { SampledStream } from './sample.ts'
import { until } from './wait.ts'

/** Handshakes under way at once: enough to be quick, few enough for any listen backlog. */
const OPENING_AT_ONCE = 128
/** Connections whose messages are read in full; the others are counted. */
const SAMPLED = 10
/** Problems beyond this many tell nothing new. */
const MAX_PROBLEMS = 10

export interface SubscribersOptions {
  readonly door: StreamDoor
  readonly port: number
  readonly count: number
  /** The channel that subscriber `index` follows. */
  readonly channelOf: (index: number) => string
  readonly bodySize: number
  readonly latencies: Latencies
}

/** Many subscribers of one server, each message of each of them accounted for. */
export class Subscribers {
  readonly counter: MarkerCounter
  readonly #options: SubscribersOptions
  readonly #links: Link[] = []
  readonly #samples = new Map<number, SampledStream>()
  readonly #broken: string[] = []

  private constructor(options: SubscribersOptions) {
    this.#options = options
    this.counter = new MarkerCounter(options.count, options.bodySize)
    const every = Math.max(1, Math.floor(options.count / SAMPLED))
    for (let i = 0; i < options.count && this.#samples.size < SAMPLED; i += every) {
      const name = `subscriber ${i}`
      this.#samples.set(i, new SampledStream(name, options.bodySize, options.latencies))
    }
  }

  /** Connects all of them; the first refusal ends it. */
  static async open(options: SubscribersOptions): Promise<Subscribers> {
    const all = new Subscribers(options)
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < options.count) await all.#connect(next++)
    }
    try {
      await Promise.all(Array.from({ length: OPENING_AT_ONCE }, worker))
    } catch (error) {
      next = options.count
      all.close()
      throw error
    }
    return all
  }

  /** Waits, at most `ms`, until the sum of all counts is `total`; reconcile tells what is missing. */
  async arrived(total: number, ms: number): Promise<void> {
    await until(() => this.counter.total >= total || this.#broken.length > 0, ms)
  }

  /** What was lost, doubled, broken or out of order, given what each subscriber should have. */
  reconcile(expectedOf: (index: number) => number): string[] {
    const problems = this.#broken.slice(0, MAX_PROBLEMS)
    let wrong = 0
    for (let i = 0; i < this.#options.count; i++) {
      const expected = expectedOf(i)
      const got = this.counter.counts[i]
      if (got === expected) continue
      if (wrong++ < 3) problems.push(`subscriber ${i}: expected ${expected} messages, got ${got}`)
    }
    if (wrong > 0) problems.push(`${wrong} of ${this.#options.count} subscribers are off`)
    problems.push(...this.#sampleProblems())
    return problems
  }

  close(): void {
    for (const link of this.#links) link.drop()
  }

  #sampleProblems(): string[] {
    const problems: string[] = []
    const hashes = new Map<string, number>()
    for (const [index, sample] of this.#samples) {
      problems.push(...sample.problems)
      const counted = this.counter.counts[index]
      if (sample.count !== counted) {
        problems.push(`subscriber ${index}: counted ${counted} messages, but read ${sample.count}`)
      }
      const channel = this.#options.channelOf(index)
      const hash = hashes.get(channel) ?? sample.orderHash
      hashes.set(channel, hash)
      if (hash !== sample.orderHash && this.#options.door.commonOrder !== false) {
        problems.push(`subscriber ${index}: saw another order than others of its channel`)
      }
    }
    return problems.slice(0, MAX_PROBLEMS)
  }

  async #connect(index: number): Promise<void> {
    const { door, port, channelOf } = this.#options
    const sample = this.#samples.get(index)
    const counter = this.counter
    const link = await Link.open({
      port,
      steps: door.subscribe(channelOf(index)),
      onBytes: (bytes, from, to) => {
        counter.take(index, bytes, from, to)
        sample?.take(bytes, from, to)
      },
      onBroken: (reason) => this.#broken.push(`subscriber ${index}: ${reason}`),
    })
    this.#links.push(link)
  }
}
