import { Body } from '../../http/body.ts'
import { ChunkError, ChunkReader } from './chunked.ts'
import type { FeedRequest } from './request.ts'
import { Refusal } from './refusal.ts'

const LF = 0x0a

/**
 * What a publisher posts, however it says where that ends: by Content-Length, in chunks, or, as the
 * original's hook does, not at all. Then it is one line: up to its LF, or to the end of the connection.
 */
export class PostBody {
  readonly #body: Body
  readonly #most: number
  #length: number | undefined
  #chunks: ChunkReader | undefined
  done = false

  /**
   * @param most bytes of the body at most
   * @throws Refusal when the head does not make sense, or promises more than `most`
   */
  constructor(request: FeedRequest, most: number) {
    this.#body = new Body(most)
    this.#most = most
    const coding = request.header('transfer-encoding')
    const length = request.header('content-length')
    if (coding !== undefined && coding.toLowerCase() !== 'identity') {
      if (!/(?:^|,)\s*chunked$/i.test(coding) || coding.includes(',')) {
        throw new Refusal('501 Not implemented', `Transfer-Encoding is chunked or nothing :(\r\n`)
      }
      this.#chunks = new ChunkReader((piece) => this.#add(piece))
    } else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) {
        throw new Refusal('400 Bad request', 'Content-Length is no number :(\r\n')
      }
      this.#length = Number(length)
      if (this.#length > most) throw this.#tooLarge()
      this.done = this.#length === 0
    }
  }

  /** @throws Refusal */
  add(piece: Buffer): void {
    if (this.#chunks) {
      try {
        this.#chunks.add(piece)
      } catch (error) {
        if (!(error instanceof ChunkError)) throw error
        throw new Refusal('400 Bad request', `Malformed chunks: ${error.message} :(\r\n`)
      }
      this.done = this.#chunks.done
    } else if (this.#length === undefined) {
      const end = piece.indexOf(LF)
      this.#add(end === -1 ? piece : piece.subarray(0, end))
      this.done = end !== -1
    } else {
      this.#add(piece.subarray(0, this.#length - this.#body.length))
      this.done = this.#body.length === this.#length
    }
  }

  /**
   * The client sends nothing more. Without a length, that ends the line.
   * @throws Refusal when something was promised
   */
  ended(): void {
    if (this.#chunks || this.#length !== undefined) {
      throw new Refusal('400 Bad request', 'The request ended too early :(\r\n')
    }
    this.done = true
  }

  take(): Buffer {
    return this.#body.take()
  }

  #add(piece: Buffer): void {
    if (this.#body.length + piece.length > this.#most) throw this.#tooLarge()
    this.#body.add(piece)
  }

  #tooLarge(): Refusal {
    return new Refusal('413 Too large', `A request has at most ${this.#most} bytes here :(\r\n`)
  }
}
