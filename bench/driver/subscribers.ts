import type { Step, StreamDoor } from '../doors/door.ts'
import { MarkerCounter } from './counter.ts'
import type { Latencies } from './latency.ts'
import { Link } from './link.ts'
import { type Numbering, SampledStream } from './sample.ts'
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
  /** How it does; by the door's `subscribe` unless given. */
  readonly stepsOf?: (index: number) => readonly Step[]
  /** Which numbers a subscriber sees, where it does not see all. */
  readonly numberingOf?: (index: number) => Numbering
  readonly bodySize: number
  readonly latencies: Latencies
}

/** A read longer than this is messages: no ping is looked for in it. */
const SHORT = 600
/** More connections than these come from several addresses, so that none runs out of ports. */
const ONE_ADDRESS = 10_000
const ADDRESSES = 8

/** The address that connection `index` of `count` comes from; undefined for any. */
export function addressOf(index: number, count: number): string | undefined {
  return count > ONE_ADDRESS ? `127.0.0.${2 + (index % ADDRESSES)}` : undefined
}

/** Many subscribers of one server, each message of each of them accounted for. */
export class Subscribers {
  readonly counter: MarkerCounter
  readonly #options: SubscribersOptions
  readonly #links: (Link | undefined)[] = []
  readonly #samples = new Map<number, SampledStream>()
  readonly #broken: string[] = []

  private constructor(options: SubscribersOptions) {
    this.#options = options
    this.counter = new MarkerCounter(options.count, options.bodySize)
    const every = Math.max(1, Math.floor(options.count / SAMPLED))
    for (let i = 0; i < options.count && this.#samples.size < SAMPLED; i += every) {
      const name = `subscriber ${i}`
      const { bodySize, latencies, numberingOf } = options
      this.#samples.set(i, new SampledStream(name, bodySize, latencies, numberingOf?.(i)))
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
      const length = options.door.openingAtOnce ?? OPENING_AT_ONCE
      await Promise.all(Array.from({ length }, worker))
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
    for (const link of this.#links) link?.drop()
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
    const { door, port, channelOf, stepsOf, count } = this.#options
    const from = addressOf(index, count)
    const sample = this.#samples.get(index)
    const counter = this.counter
    const link = await Link.open({
      port,
      ...(from === undefined ? {} : { from }),
      steps: stepsOf?.(index) ?? door.subscribe(channelOf(index)),
      onBytes: (bytes, start, end) => {
        counter.take(index, bytes, start, end)
        sample?.take(bytes, start, end)
        if (end - start < SHORT && door.answer !== undefined) {
          const answer = door.answer(bytes, start, end)
          if (answer !== undefined) this.#links[index]?.write(answer)
        }
      },
      onBroken: (reason) => this.#broken.push(`subscriber ${index}: ${reason}`),
    })
    this.#links[index] = link
  }
}
