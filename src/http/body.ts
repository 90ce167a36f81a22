const EMPTY = Buffer.alloc(0)

/**
 * A body that comes in pieces, kept as one Buffer: a piece of one byte costs one byte, however many
 * of them a client makes of its body.
 */
export class Body {
  #bytes: Buffer = EMPTY
  #length = 0
  readonly #most: number

  /** @param most bytes that the whole has at most; MUST NOT be exceeded */
  constructor(most: number) {
    this.#most = most
  }

  get length(): number {
    return this.#length
  }

  add(piece: Buffer): void {
    const length = this.#length + piece.length
    if (length > this.#bytes.length) {
      const size = Math.min(this.#most, Math.max(length, 2 * this.#bytes.length))
      const grown = Buffer.allocUnsafe(size)
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    piece.copy(this.#bytes, this.#length)
    this.#length = length
  }

  /** The whole, in a Buffer of its own size: it may be kept for long. */
  take(): Buffer {
    const bytes = this.#bytes
    const whole =
      this.#length === bytes.length ? bytes : Buffer.from(bytes.subarray(0, this.#length))
    this.#bytes = EMPTY
    this.#length = 0
    return whole
  }
}
