import type { PollDoor } from '../doors/door.ts'
import { WireError } from '../doors/door.ts'
import { MARKER, nowMicros, sentOf, sequenceOf } from './body.ts'
import type { Latencies } from './latency.ts'
import { Link } from './link.ts'

/** Answers of this many connections a round are timed. */
const SAMPLED = 10
/** Problems beyond this many tell nothing new. */
const MAX_PROBLEMS = 10

export interface PollersOptions {
  readonly door: PollDoor
  readonly port: number
  readonly channel: string
  readonly count: number
  readonly latencies: Latencies
  /** All have been answered with the current message, and have asked for the next one. */
  readonly onRound: () => void
}

/**
 * Clients that wait for a message, get it, and ask again at once, in rounds: everybody gets message
 * 0, then everybody gets message 1. The first answer of a round is parsed and checked; the others
 * must be the very same bytes, or are parsed and checked likewise.
 */
export class Pollers {
  /** The number of the message that is waited for. */
  round = 0
  readonly problems: string[] = []

  readonly #options: PollersOptions
  readonly #links: Link[] = []
  /** The round each connection waits for an answer to. */
  readonly #roundOf: Uint32Array
  readonly #partial = new Map<number, Buffer>()
  readonly #sampleEvery: number
  #answered = 0
  /** A checked answer of this round, and the request that follows it. */
  #answer: Buffer | undefined
  #request: Buffer

  private constructor(options: PollersOptions) {
    this.#options = options
    this.#roundOf = new Uint32Array(options.count)
    this.#sampleEvery = Math.max(1, Math.floor(options.count / SAMPLED))
    this.#request = options.door.request(options.channel, undefined)
  }

  /** Connects all; `start` sends the first requests. */
  static async open(options: PollersOptions): Promise<Pollers> {
    const all = new Pollers(options)
    for (let i = 0; i < options.count; i++) await all.#connect(i)
    return all
  }

  start(): void {
    for (const link of this.#links) link.write(this.#request)
  }

  /** Answers received and checked so far. */
  get delivered(): number {
    return this.round * this.#options.count + this.#answered
  }

  close(): void {
    for (const link of this.#links) link.drop()
  }

  async #connect(index: number): Promise<void> {
    const link = await Link.open({
      port: this.#options.port,
      steps: [],
      onBytes: (bytes, from, to) => this.#take(index, bytes, from, to),
      onBroken: (reason) => {
        if (this.problems.length < MAX_PROBLEMS) this.problems.push(`poller ${index}: ${reason}`)
      },
    })
    this.#links[index] = link
  }

  #take(index: number, bytes: Buffer, from: number, to: number): void {
    if (this.#roundOf[index] !== this.round) throw new WireError('answered without having asked')
    const answer = this.#answer
    const same =
      answer !== undefined &&
      this.#partial.size === 0 &&
      to - from === answer.length &&
      bytes.compare(answer, 0, answer.length, from, to) === 0
    if (!same && !this.#check(index, bytes.subarray(from, to))) return
    if (index % this.#sampleEvery === 0) this.#time(bytes, from, to)
    this.#roundOf[index] = this.round + 1
    this.#answered++
    this.#links[index]?.write(this.#request)
    if (this.#answered === this.#options.count) this.#next()
  }

  /** Parses an answer, perhaps from several reads. Returns whether it is complete; throws if wrong. */
  #check(index: number, fresh: Buffer): boolean {
    const before = this.#partial.get(index)
    const received = before === undefined ? fresh : Buffer.concat([before, fresh])
    const reply = this.#options.door.read(received)
    if (reply === undefined) {
      this.#partial.set(index, Buffer.from(received))
      return false
    }
    this.#partial.delete(index)
    if (reply.length !== received.length) throw new WireError('bytes after the answer to a poll')
    const sequence = sequenceOf(received, reply.body)
    if (received[reply.body] !== MARKER || sequence !== this.round) {
      throw new WireError(`expected message ${this.round}, got ${sequence}`)
    }
    const request = this.#options.door.request(this.#options.channel, reply.cursor)
    if (this.#answer === undefined) {
      this.#answer = Buffer.from(received)
      this.#request = request
    } else if (!request.equals(this.#request)) {
      throw new WireError(`message ${this.round} came with two cursors`)
    }
    return true
  }

  #time(bytes: Buffer, from: number, to: number): void {
    const body = bytes.indexOf(MARKER, from)
    if (body < 0 || body >= to) return
    const sent = sentOf(bytes, body)
    if (!Number.isNaN(sent)) this.#options.latencies.add(nowMicros() - sent)
  }

  #next(): void {
    this.round++
    this.#answered = 0
    this.#answer = undefined
    this.#options.onRound()
  }
}
