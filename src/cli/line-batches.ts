import { createInterface, type Interface } from 'node:readline'
import type { Readable } from 'node:stream'

/** Lines and characters that go in one request. */
const MOST_LINES = 500
const MOST_CHARACTERS = 2 ** 20

/**
 * The lines of a stream in batches: all that have come when the next batch is asked for, up to a
 * bound, so that a quiet input's line goes out at once and a busy one's go out together.
 */
export class LineBatches implements AsyncIterable<readonly string[]> {
  readonly #input: Interface
  #lines: string[] = []
  #characters = 0
  #ended = false
  #wake: (() => void) | undefined

  constructor(input: Readable) {
    this.#input = createInterface({ input })
    this.#input.on('line', (line) => {
      this.#lines.push(line)
      this.#characters += line.length
      if (this.#isFull) this.#input.pause()
      this.#stir()
    })
    this.#input.on('close', () => {
      this.#ended = true
      this.#stir()
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly string[], void> {
    for (;;) {
      if (this.#lines.length > 0) yield this.#take()
      else if (this.#ended) return
      else {
        this.#input.resume()
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    }
  }

  get #isFull(): boolean {
    return this.#lines.length >= MOST_LINES || this.#characters >= MOST_CHARACTERS
  }

  /** A paused input still gives the lines that it had read: there may be more than one batch of them. */
  #take(): readonly string[] {
    let characters = 0
    let end = 0
    while (end < this.#lines.length && end < MOST_LINES && characters < MOST_CHARACTERS) {
      characters += (this.#lines[end] as string).length
      end++
    }
    this.#characters -= characters
    return this.#lines.splice(0, end)
  }

  #stir(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
