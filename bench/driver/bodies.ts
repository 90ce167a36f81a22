import { HEADER_BYTES, MARKER } from './body.ts'

/** Reads the header of every body in one stream, however it is cut, and passes by all else. */
export class BodyReader {
  readonly #bodySize: number
  readonly #onBody: (header: Buffer) => void
  readonly #header = Buffer.alloc(HEADER_BYTES)
  /** Bytes of the current header that have come; 0 between messages. */
  #have = 0
  /** Bytes of the current body's filler still to come. */
  #skip = 0

  /** @param onBody is given the header of each body (driver/body.ts), valid until it returns */
  constructor(bodySize: number, onBody: (header: Buffer) => void) {
    this.#bodySize = bodySize
    this.#onBody = onBody
  }

  /** Takes the next bytes of the connection. */
  take(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, to - at)
        this.#skip -= skipped
        at += skipped
      } else if (this.#have === 0 && bytes[at] !== MARKER) {
        at++
      } else {
        const end = Math.min(to, at + HEADER_BYTES - this.#have)
        const copied = bytes.copy(this.#header, this.#have, at, end)
        this.#have += copied
        at += copied
        if (this.#have === HEADER_BYTES) this.#body()
      }
    }
  }

  /** The next bytes are of another connection. */
  cut(): void {
    this.#have = 0
    this.#skip = 0
  }

  #body(): void {
    this.#have = 0
    this.#skip = this.#bodySize - HEADER_BYTES
    this.#onBody(this.#header)
  }
}
