import { MARKER } from './body.ts'

/** A connection that went this far without a marker has no use for the distance any more. */
const FAR = 1 << 30

/**
 * Counts messages on many connections by their marker bytes, at a nanosecond or two a message.
 *
 * Bodies are all `bodySize` long, so two markers are at least that far apart and no body byte is ever
 * looked at. Messages of one stream are mostly equally far apart, so the next marker is first looked
 * for at the last distance, and scanned for only when it is not there. The guess cannot jump over a
 * message: it is only made for distances under twice the smallest one.
 */
export class MarkerCounter {
  /** Messages seen on each connection. */
  readonly counts: Uint32Array
  /** Messages seen on all of them. */
  total = 0
  /** Calls of `take`, which are reads. */
  reads = 0

  readonly #bodySize: number
  /** Where each connection's last marker lies, relative to the byte that comes next; negative. */
  readonly #last: Int32Array
  /** Each connection's last distance between two markers. */
  readonly #stride: Int32Array

  constructor(connections: number, bodySize: number) {
    this.#bodySize = bodySize
    this.counts = new Uint32Array(connections)
    // The first marker may be the very first byte.
    this.#last = new Int32Array(connections).fill(-bodySize)
    this.#stride = new Int32Array(connections).fill(bodySize)
  }

  /** Counts the messages that begin in `bytes[from, to)`, the next bytes of `connection`. */
  take(connection: number, bytes: Buffer, from: number, to: number): number {
    const smallest = this.#bodySize
    let stride = this.#stride[connection] ?? smallest
    let last = (this.#last[connection] ?? 0) + from
    let found = 0
    for (;;) {
      const guess = last + stride
      if (guess >= from && guess < to && bytes[guess] === MARKER) {
        last = guess
        found++
        continue
      }
      let at = last + smallest
      if (at < from) at = from
      while (at < to && bytes[at] !== MARKER) at++
      if (at >= to) break
      stride = at - last < 2 * smallest ? at - last : smallest
      last = at
      found++
    }
    this.#stride[connection] = stride
    this.#last[connection] = Math.max(last - to, -FAR)
    this.counts[connection] = (this.counts[connection] ?? 0) + found
    this.total += found
    this.reads++
    return found
  }
}
