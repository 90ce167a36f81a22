/** The longest line of a chunk's size, and all trailers together. */
const MAX_LINE = 256
const MAX_TRAILERS = 8 * 2 ** 10

const LF = 0x0a

/** Why a chunked body cannot be read. */
export class ChunkError extends Error {}

/**
 * Takes the chunks out of a body (RFC 9112, section 7.1), as it comes in pieces. A bare LF ends a line
 * here too, as everywhere on this door.
 */
export class ChunkReader {
  readonly #take: (piece: Buffer) => void
  #state: 'size' | 'data' | 'end' | 'trailers' | 'done' = 'size'
  #line = ''
  #left = 0
  #trailers = 0

  /** @param take gets the data, in the pieces in which it comes */
  constructor(take: (piece: Buffer) => void) {
    this.#take = take
  }

  get done(): boolean {
    return this.#state === 'done'
  }

  /** @throws ChunkError */
  add(piece: Buffer): void {
    let at = 0
    while (at < piece.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(piece.length, at + this.#left)
        this.#take(piece.subarray(at, end))
        this.#left -= end - at
        at = end
        if (this.#left === 0) this.#state = 'end'
      } else {
        const end = piece.indexOf(LF, at)
        const part = piece.subarray(at, end === -1 ? piece.length : end)
        if (this.#line.length + part.length > MAX_LINE) throw new ChunkError('a line is too long')
        this.#line += part.toString('latin1')
        if (end === -1) return
        at = end + 1
        const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line
        this.#line = ''
        this.#ended(line)
      }
    }
  }

  #ended(line: string): void {
    if (this.#state === 'end') {
      if (line !== '') throw new ChunkError('a chunk is longer than it says')
      this.#state = 'size'
    } else if (this.#state === 'size') {
      const digits = /^[0-9a-f]{1,8}(?=$|[\t ]*(?:;|$))/i.exec(line)?.[0]
      if (digits === undefined) throw new ChunkError('a chunk has no size')
      this.#left = Number.parseInt(digits, 16)
      this.#state = this.#left === 0 ? 'trailers' : 'data'
    } else if (line === '') this.#state = 'done'
    else {
      this.#trailers += line.length
      if (this.#trailers > MAX_TRAILERS) throw new ChunkError('the trailers are too long')
    }
  }
}
