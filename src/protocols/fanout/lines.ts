import { Body } from '../../http/body.ts'

const LF = 0x0a

/** What a piece of the stream has completed. */
export interface Lines {
  /** Without their LF. */
  readonly lines: readonly Buffer[]
  /** A line behind these is too long: the stream cannot be read on. */
  readonly tooLong: boolean
}

/** Takes a stream apart at its LFs, however it was cut on its way. */
export class LineReader {
  readonly #most: number
  #part: Body

  /** @param most bytes of one line, without its LF */
  constructor(most: number) {
    this.#most = most
    this.#part = new Body(most)
  }

  add(bytes: Buffer): Lines {
    const lines: Buffer[] = []
    for (let from = 0; from < bytes.length; ) {
      const end = bytes.indexOf(LF, from)
      const piece = bytes.subarray(from, end === -1 ? bytes.length : end)
      if (this.#part.length + piece.length > this.#most) return { lines, tooLong: true }
      from += piece.length + 1
      if (end === -1) this.#part.add(piece)
      else if (this.#part.length === 0) lines.push(piece)
      else {
        this.#part.add(piece)
        lines.push(this.#part.take())
      }
    }
    return { lines, tooLong: false }
  }
}
