import { BodyReader } from './bodies.ts'
import { nowMicros, publisherOf, sentOf, sequenceOf } from './body.ts'
import type { Latencies } from './latency.ts'

/** Problems beyond this many tell nothing new. */
const MAX_PROBLEMS = 5

/** Which numbers of each publisher come, where not all of them do. */
export interface Numbering {
  readonly first: number
  readonly step: number
}

const EVERY_NUMBER: Numbering = { first: 0, step: 1 }

/**
 * Reads every message of one connection in full: is each publisher's next number the one that
 * follows, and how long was it under way? A reader of its own, so that it also checks the counter.
 */
export class SampledStream {
  readonly problems: string[] = []
  /** Messages read. */
  count = 0
  /**
   * Depends on the order in which the messages of all publishers came, so that two connections of
   * one channel can be compared: everybody must see the same order.
   */
  orderHash = 0

  readonly #name: string
  readonly #latencies: Latencies
  readonly #numbering: Numbering
  /** Next number expected from each publisher. */
  readonly #expected = new Map<number, number>()
  readonly #reader: BodyReader
  #now = 0

  constructor(
    name: string,
    bodySize: number,
    latencies: Latencies,
    numbering: Numbering = EVERY_NUMBER,
  ) {
    this.#name = name
    this.#numbering = numbering
    this.#reader = new BodyReader(bodySize, (header) => this.#message(header))
    this.#latencies = latencies
  }

  /** Takes the next bytes of the connection. */
  take(bytes: Buffer, from: number, to: number): void {
    this.#now = nowMicros()
    this.#reader.take(bytes, from, to)
  }

  #message(header: Buffer): void {
    this.count++
    const publisher = publisherOf(header, 0)
    const sequence = sequenceOf(header, 0)
    const expected = this.#expected.get(publisher) ?? this.#numbering.first
    if (sequence !== expected) {
      this.#complain(`publisher ${publisher}: expected number ${expected}, got ${sequence}`)
    }
    this.#expected.set(publisher, sequence + this.#numbering.step)
    this.orderHash = (Math.imul(this.orderHash, 31) + sequence * 100 + publisher) | 0
    this.#latencies.add(this.#now - sentOf(header, 0))
  }

  #complain(what: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(`${this.#name}: ${what}`)
  }
}
