import { RefusedError } from './source.ts'

const OPEN = 0x7b
const CLOSE = 0x7d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Cuts a stream of JSON objects that nothing separates (SparkleShare's TCP protocol has no framing),
 * however it was split on its way.
 */
export class JsonObjects {
  readonly #max: number
  #pieces: Buffer[] = []
  #length = 0
  #depth = 0
  #inText = false
  #escaped = false

  /** @param max bytes that an object may have */
  constructor(max = 2 ** 20) {
    this.#max = max
  }

  /**
   * @returns the objects that are complete with this piece, as text
   * @throws RefusedError for what is no object, or is too long
   */
  push(piece: Buffer): string[] {
    const objects: string[] = []
    let from = 0
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] as number
      if (this.#depth === 0) {
        if (byte === OPEN) {
          this.#depth = 1
          from = at
        } else if (byte > 0x20) {
          throw new RefusedError('the server speaks something else than the JSON of SparkleShare')
        }
      } else if (this.#inText) {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#inText = false
      } else if (byte === QUOTE) this.#inText = true
      else if (byte === OPEN) this.#depth++
      else if (byte === CLOSE && --this.#depth === 0) {
        this.#keep(piece.subarray(from, at + 1))
        objects.push(Buffer.concat(this.#pieces).toString('utf8'))
        this.#pieces = []
        this.#length = 0
      }
    }
    if (this.#depth > 0) this.#keep(piece.subarray(from))
    return objects
  }

  #keep(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#length += bytes.length
    if (this.#length > this.#max) {
      throw new RefusedError(`a notification has more than ${this.#max} bytes`)
    }
  }
}
