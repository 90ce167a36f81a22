import { HEADER_BYTES, MARKER, nowMicros, publisherOf, sentOf, sequenceOf } from './body.ts'
import type { Latencies } from './latency.ts'

/** Problems beyond this many tell nothing new. */
const MAX_PROBLEMS = 5

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
  readonly #bodySize: number
  readonly #latencies: Latencies
  /** Next number expected from each publisher. */
  readonly #expected = new Map<number, number>()
  readonly #header = Buffer.alloc(HEADER_BYTES)
  /** Bytes of the current header that have come; 0 between messages. */
  #have = 0
  /** Bytes of the current body's filler still to come. */
  #skip = 0

  constructor(name: string, bodySize: number, latencies: Latencies) {
    this.#name = name
    this.#bodySize = bodySize
    this.#latencies = latencies
  }

  /** Takes the next bytes of the connection. */
  take(bytes: Buffer, from: number, to: number): void {
    const now = nowMicros()
    let at = from
    while (at < to) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, to - at)
        this.#skip -= skipped
        at += skipped
      } else if (this.#have === 0 && bytes[at] !== MARKER) {
        at++
      } else {
        const copied = bytes.copy(
          this.#header,
          this.#have,
          at,
          Math.min(to, at + HEADER_BYTES - this.#have),
        )
        this.#have += copied
        at += copied
        if (this.#have === HEADER_BYTES) this.#message(now)
      }
    }
  }

  #message(now: number): void {
    this.#have = 0
    this.#skip = this.#bodySize - HEADER_BYTES
    this.count++
    const publisher = publisherOf(this.#header, 0)
    const sequence = sequenceOf(this.#header, 0)
    const expected = this.#expected.get(publisher) ?? 0
    if (sequence !== expected) {
      this.#complain(`publisher ${publisher}: expected number ${expected}, got ${sequence}`)
    }
    this.#expected.set(publisher, sequence + 1)
    this.orderHash = (Math.imul(this.orderHash, 31) + sequence * 100 + publisher) | 0
    this.#latencies.add(now - sentOf(this.#header, 0))
  }

  #complain(what: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(`${this.#name}: ${what}`)
  }
}
