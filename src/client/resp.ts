/** What a Redis server says with a `-`. */
export class RespError extends Error {}

export type Reply = string | number | Buffer | RespError | null | Reply[]

/** As Redis: the longest text. */
const MAX_BULK = 2 ** 29
const MAX_LINE = 2 ** 16
const MAX_ELEMENTS = 2 ** 20
const MAX_DEPTH = 16

const LF = 0x0a

/** A command as bytes. @param args its name first */
export function encodeCommand(args: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.from(arg as string)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

interface Open {
  readonly elements: Reply[]
  readonly count: number
}

/** Reads the replies of a Redis server (RESP2), in whatever pieces they come. */
export class ReplyParser {
  #pieces: Buffer[] = []
  #length = 0
  /** With fewer bytes than this there is nothing to do. */
  #needed = 1
  /** Lists whose elements are still coming, the outermost first. */
  readonly #open: Open[] = []

  /**
   * @returns the replies that are complete with this piece
   * @throws Error for what is no Redis protocol, or beyond all bounds
   */
  push(piece: Buffer): Reply[] {
    this.#pieces.push(piece)
    this.#length += piece.length
    const replies: Reply[] = []
    if (this.#length < this.#needed) return replies
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces)
    const end = this.#read(bytes, replies)
    const rest = bytes.subarray(end)
    this.#pieces = rest.length > 0 ? [rest] : []
    this.#length = rest.length
    return replies
  }

  /** @returns where it stopped */
  #read(bytes: Buffer, replies: Reply[]): number {
    for (let at = 0; ; ) {
      const lf = bytes.indexOf(LF, at)
      if (lf === -1) {
        if (bytes.length - at > MAX_LINE) throw noRedis()
        this.#needed = bytes.length - at + 1
        return at
      }
      const line = bytes.toString('utf8', at + 1, bytes[lf - 1] === 0x0d ? lf - 1 : lf)
      let next = lf + 1
      switch (String.fromCharCode(bytes[at] as number)) {
        case '+':
          this.#add(line, replies)
          break
        case '-':
          this.#add(new RespError(line), replies)
          break
        case ':':
          this.#add(numberOf(line, Number.MAX_SAFE_INTEGER), replies)
          break
        case '$': {
          const length = numberOf(line, MAX_BULK)
          if (length < 0) this.#add(null, replies)
          else {
            if (bytes.length < next + length + 2) {
              this.#needed = next + length + 2 - at
              return at
            }
            // A copy: a slice would keep all that came with it in memory.
            this.#add(Buffer.from(bytes.subarray(next, next + length)), replies)
            next += length + 2
          }
          break
        }
        case '*': {
          const count = numberOf(line, MAX_ELEMENTS)
          if (count < 0) this.#add(null, replies)
          else if (count === 0) this.#add([], replies)
          else if (this.#open.length === MAX_DEPTH) throw noRedis()
          else this.#open.push({ elements: [], count })
          break
        }
        default:
          throw noRedis()
      }
      at = next
    }
  }

  #add(value: Reply, replies: Reply[]): void {
    let done = value
    for (let top = this.#open.at(-1); top; top = this.#open.at(-1)) {
      top.elements.push(done)
      if (top.elements.length < top.count) return
      this.#open.pop()
      done = top.elements
    }
    replies.push(done)
  }
}

function numberOf(text: string, max: number): number {
  const number = Number(text)
  if (!/^[+-]?\d+$/.test(text) || number > max) throw noRedis()
  return number
}

function noRedis(): Error {
  return new Error('the server does not speak the Redis protocol')
}
