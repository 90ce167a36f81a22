import type { Slice } from '../model/message.ts'

const EMPTY = Buffer.alloc(0)

/** Bodies of up to SMALL bytes share blocks of BLOCK bytes. */
const BLOCK = 4 * 2 ** 10
const SMALL = 2 ** 10

let block = EMPTY
let used = 0

/**
 * Bytes for what may be kept for long. Node's own pool would not do: a message of ten bytes keeps the
 * 8 KiB alive that it shares with whatever was short-lived around it. Here it shares with messages.
 */
function allocate(length: number): Buffer {
  if (length > SMALL) return Buffer.allocUnsafeSlow(length)
  if (used + length > block.length) {
    block = Buffer.allocUnsafeSlow(BLOCK)
    used = 0
  }
  const bytes = block.subarray(used, used + length)
  used += length
  return bytes
}

/** A copy of a part of something larger, which it would keep in memory as long as itself. */
export function ownBytes(part: Buffer): Buffer {
  const bytes = allocate(part.length)
  part.copy(bytes)
  return bytes
}

/** A copy of the first `length` bytes, which may be kept: of a few, their place in a block. */
export function ownSlice(bytes: Buffer, length: number): Buffer | Slice {
  if (length === 0) return EMPTY
  if (length > SMALL) return ownBytes(bytes.subarray(0, length))
  if (used + length > block.length) {
    block = Buffer.allocUnsafeSlow(BLOCK)
    used = 0
  }
  const slice = { block, from: used, length }
  bytes.copy(block, used, 0, length)
  used += length
  return slice
}

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

  /** One byte of what has come. */
  at(index: number): number | undefined {
    return this.#bytes[index]
  }

  add(piece: Buffer): void {
    const length = this.#length + piece.length
    if (length > this.#bytes.length) {
      const size = Math.min(this.#most, Math.max(length, 2 * this.#bytes.length))
      const grown = allocate(size)
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    piece.copy(this.#bytes, this.#length)
    this.#length = length
  }

  /** The whole, in bytes of its own: it may be kept for long. */
  take(): Buffer {
    const bytes = this.#bytes
    const length = this.#length
    this.#bytes = EMPTY
    this.#length = 0
    if (length === bytes.length) return bytes
    const whole = allocate(length)
    bytes.copy(whole, 0, 0, length)
    return whole
  }
}
