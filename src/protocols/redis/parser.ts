import type { Slice } from '../../model/message.ts'
import { splitInline } from './inline.ts'

/** Bounds of the parser. All hold before anything is allocated for what a client promises. */
export interface ParserLimits {
  /** Arguments of one command, its name included. */
  maxArguments: number
  /** Bytes of one argument. */
  maxArgumentBytes: number
  /** Bytes of a command as a line of text, and of any line of the protocol. */
  maxInlineBytes: number
}

/** What a client may send before it has said the password (Redis has the same). */
export const UNAUTHENTICATED = { maxArguments: 10, maxArgumentBytes: 16_384 } as const

/** The client does not speak the protocol: it is told so in Redis's words, and let go. */
export class ProtocolError extends Error {}

const EMPTY = Buffer.alloc(0)
const CR = 0x0d
const LF = 0x0a
const STAR = 0x2a
const DOLLAR = 0x24
const ZERO = 0x30
const MINUS = 0x2d

/** Bytes of what is kept for long: bodies of up to SMALL bytes share blocks of BLOCK. */
const BLOCK = 4 * 2 ** 10
const SMALL = 2 ** 10
let block = EMPTY
let used = 0

/**
 * Where arguments begin and end, of whichever parser reads: mostly all of a command comes at once, and then
 * none of thousands that wait needs lists of its own.
 */
const shared = { starts: [] as number[], ends: [] as number[] }
/** Lists that have become longer are emptied; not replaced, as parsers that wait would keep the former. */
const LONGEST_SHARED = 64

/** The arguments of one command; they lie in bytes that are only good until the next is read. */
export interface Args {
  /** With the command's name, which is argument 0. */
  readonly count: number
  length(index: number): number
  /** One character a byte. */
  text(index: number): string
  /** The same with A–Z as a–z. */
  lower(index: number): string
  /** Good until the next command is read. */
  view(index: number): Buffer
  /** A copy that may be kept: of a short one, its place in a block. */
  own(index: number): Buffer | Slice
  /** Whether the argument is this text, of one character a byte. */
  is(index: number, text: string): boolean
}

/**
 * Reads commands out of a stream of bytes, however it is cut: arrays of bulk strings, and lines of
 * text. Arguments are offsets into the bytes as they came; what of a command has not come yet waits in
 * a buffer that grows with what comes, and each byte is looked at and moved a bounded number of times.
 *
 * Strict and lenient where Redis is: a bulk string's last two bytes may be any.
 */
export class RespParser implements Args {
  readonly #limits: ParserLimits
  /** Where a password is asked for and was not said yet. */
  guarded = false
  #bytes: Buffer = EMPTY
  /** The part of #bytes that has come. */
  #end = 0
  /** Whether #bytes is our own, with room behind #end. */
  #grown = false
  /** Where the command that is being read begins, and up to where it was read. */
  #start = 0
  #at = 0
  /** Up to where the line that is being read has no end. */
  #scanned = 0
  /** Arguments that are still to come; -1: the command's first line. */
  #left = -1
  /** Length of the bulk string that is being read; -1: its line. */
  #bulk = -1
  #starts = shared.starts
  #ends = shared.ends
  /** Nobody else writes to these lists. */
  #owns = false
  #argBytes: Buffer = EMPTY
  /** Where bytes from and to of #argBytes are kept in a block. */
  #copied: Buffer = EMPTY
  #copyAt = 0
  #copiedFrom = 0
  #copiedTo = 0
  count = 0
  /** The last command came as a line of text. */
  inline = false

  constructor(limits: ParserLimits) {
    this.#limits = limits
  }

  /** Bytes that wait for the rest of their command. */
  get waiting(): number {
    return this.#end - this.#start
  }

  /**
   * MUST only be called when `next` has answered false. The bytes MUST NOT change afterwards, or until
   * `keep`.
   */
  push(chunk: Buffer): void {
    const rest = this.#end - this.#start
    if (rest === 0) {
      this.#bytes = chunk
      this.#end = chunk.length
      this.#grown = false
      this.#move(this.#start)
      return
    }
    const length = rest + chunk.length
    if (!this.#grown || this.#start + length > this.#bytes.length) {
      // Twice as much as there is: however small the pieces, each byte is moved about twice.
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * rest))
      this.#bytes.copy(grown, 0, this.#start, this.#end)
      this.#bytes = grown
      this.#grown = true
      this.#move(this.#start)
      this.#end = rest
    }
    chunk.copy(this.#bytes, this.#end)
    this.#end += chunk.length
  }

  /**
   * The bytes that were pushed last will change: copies what of them is still to be read.
   * @param command whether the arguments at hand are, too
   */
  keep(command: boolean): void {
    if (this.#grown || (!command && this.waiting === 0)) return
    const bytes = Buffer.allocUnsafeSlow(this.#end)
    this.#bytes.copy(bytes, 0, 0, this.#end)
    if (this.#argBytes === this.#bytes) this.#argBytes = bytes
    this.#bytes = bytes
  }

  /** The arguments at hand stay, whatever other parsers read. */
  hold(): void {
    if (this.#owns) return
    this.#owns = true
    this.#starts = this.#starts.slice(0, this.count)
    this.#ends = this.#ends.slice(0, this.count)
  }

  /**
   * Reads the next command, whose arguments are good until any parser reads on; see `hold`.
   * @returns false when more has to come first
   * @throws ProtocolError
   */
  next(): boolean {
    for (;;) {
      if (this.#left === -1) {
        if (this.#at >= this.#end) return this.#dry()
        if (this.#bytes[this.#at] !== STAR) {
          if (!this.#readInline()) return this.#dry()
          if (this.count === 0) continue
          return true
        }
        if (!this.#readCount()) return this.#dry()
        if (this.#left === -1) continue
      }
      if (!this.#readArguments()) return this.#dry()
      this.#left = -1
      this.#start = this.#at
      if (this.#argBytes !== this.#bytes) this.#forgetCopy()
      this.#argBytes = this.#bytes
      this.inline = false
      return true
    }
  }

  length(index: number): number {
    return (this.#ends[index] as number) - (this.#starts[index] as number)
  }

  text(index: number): string {
    return this.#argBytes.toString('latin1', this.#starts[index], this.#ends[index])
  }

  lower(index: number): string {
    return this.text(index).replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  }

  view(index: number): Buffer {
    return this.#argBytes.subarray(this.#starts[index], this.#ends[index])
  }

  own(index: number): Buffer | Slice {
    const from = this.#starts[index] as number
    const to = this.#ends[index] as number
    const length = to - from
    if (length > SMALL) {
      const bytes = Buffer.allocUnsafeSlow(length)
      this.#argBytes.copy(bytes, 0, from, to)
      return bytes
    }
    if (from < this.#copiedFrom || to > this.#copiedTo) this.#copy(from, to)
    return { block: this.#copied, from: this.#copyAt + from - this.#copiedFrom, length }
  }

  /**
   * Copies an argument and what has come behind it, as far as the block has room: of commands that come
   * together, the next argument to be kept is mostly there already, and one call copies them all.
   */
  #copy(from: number, to: number): void {
    if (used + to - from > block.length) {
      block = Buffer.allocUnsafeSlow(BLOCK)
      used = 0
    }
    const come = this.#argBytes === this.#bytes ? this.#end : this.#argBytes.length
    const length = Math.min(come - from, block.length - used)
    this.#argBytes.copy(block, used, from, from + length)
    this.#copied = block
    this.#copyAt = used
    this.#copiedFrom = from
    this.#copiedTo = from + length
    used += length
  }

  /** What was copied is no copy of what comes now. */
  #forgetCopy(): void {
    this.#copied = EMPTY
    this.#copiedFrom = 0
    this.#copiedTo = 0
  }

  is(index: number, text: string): boolean {
    const from = this.#starts[index] as number
    const { length } = text
    if ((this.#ends[index] as number) - from !== length) return false
    const source = this.#argBytes
    for (let at = 0; at < length; at++) if (source[from + at] !== text.charCodeAt(at)) return false
    return true
  }

  /** Nothing more can be read now; what is left waits, without more around it than needed. */
  #dry(): false {
    this.#argBytes = EMPTY
    this.#forgetCopy()
    if (this.#start === this.#end) {
      this.#bytes = EMPTY
      this.#end = 0
      this.#grown = false
      this.#move(this.#start)
      if (shared.starts.length > LONGEST_SHARED) {
        shared.starts.length = 0
        shared.ends.length = 0
      }
      this.#starts = shared.starts
      this.#ends = shared.ends
      this.#owns = false
      return false
    }
    if (this.#left !== -1) this.hold()
    if (this.#start > 0 && (!this.#grown || 2 * this.#start > this.#bytes.length)) {
      // A copy of the rest lets all before it go.
      this.#bytes = Buffer.from(this.#bytes.subarray(this.#start, this.#end))
      this.#end -= this.#start
      this.#grown = true
      this.#move(this.#start)
    }
    return false
  }

  /** All offsets `by` less. */
  #move(by: number): void {
    if (by === 0) return
    this.#start -= by
    this.#at -= by
    this.#scanned = Math.max(0, this.#scanned - by)
    for (let index = 0; index < this.count && this.#left !== -1; index++) {
      ;(this.#starts[index] as number) -= by
      ;(this.#ends[index] as number) -= by
    }
  }

  #readInline(): boolean {
    const from = Math.max(this.#at, this.#scanned)
    const end = this.#bytes.subarray(0, this.#end).indexOf(LF, from)
    const { maxInlineBytes } = this.#limits
    if (end === -1 || end - this.#at > maxInlineBytes) {
      this.#scanned = this.#end
      if (end !== -1 || this.#end - this.#at > maxInlineBytes) {
        throw new ProtocolError('too big inline request')
      }
      return false
    }
    const stop = end > this.#at && this.#bytes[end - 1] === CR ? end - 1 : end
    const args = splitInline(this.#bytes.toString('latin1', this.#at, stop))
    if (!args) throw new ProtocolError('unbalanced quotes in request')
    this.#at = end + 1
    this.#start = this.#at
    this.#argBytes = Buffer.from(args.join(''), 'latin1')
    this.#forgetCopy()
    let at = 0
    this.count = args.length
    for (const [index, arg] of args.entries()) {
      this.#starts[index] = at
      this.#ends[index] = at += arg.length
    }
    this.inline = true
    return true
  }

  /** The line `*3`: how many arguments follow. */
  #readCount(): boolean {
    const line = this.#lineEnd('too big mbulk count string')
    if (line === -1) return false
    const count = readInteger(this.#bytes, this.#at + 1, line)
    const most = this.guarded ? UNAUTHENTICATED.maxArguments : this.#limits.maxArguments
    if (count === undefined || count > 2 ** 31 - 1)
      throw new ProtocolError('invalid multibulk length')
    if (count > most) {
      throw new ProtocolError(
        this.guarded ? 'unauthenticated multibulk length' : 'invalid multibulk length',
      )
    }
    this.#at = line + 2
    this.count = 0
    // Nothing at all is no command, and not answered.
    if (count <= 0) this.#start = this.#at
    else this.#left = count
    return true
  }

  #readArguments(): boolean {
    const bytes = this.#bytes
    while (this.#left > 0) {
      if (this.#bulk === -1) {
        const line = this.#lineEnd('too big bulk count string')
        if (line === -1) return false
        const first = bytes[this.#at] as number
        if (first !== DOLLAR) {
          throw new ProtocolError(`expected '$', got '${String.fromCharCode(first)}'`)
        }
        this.#bulk = this.#bulkLength(line)
        this.#at = line + 2
      }
      const end = this.#at + this.#bulk
      if (this.#end < end + 2) return false
      this.#starts[this.count] = this.#at
      this.#ends[this.count] = end
      this.count++
      this.#left--
      this.#bulk = -1
      this.#at = end + 2
    }
    return true
  }

  #bulkLength(line: number): number {
    const length = readInteger(this.#bytes, this.#at + 1, line)
    const { maxArgumentBytes } = this.#limits
    if (length === undefined || length < 0) throw new ProtocolError('invalid bulk length')
    if (this.guarded && length > UNAUTHENTICATED.maxArgumentBytes) {
      throw new ProtocolError('unauthenticated bulk length')
    }
    const whole = this.#at - this.#start + length
    if (length > maxArgumentBytes || whole > Math.max(2 * maxArgumentBytes, 2 ** 20)) {
      throw new ProtocolError('invalid bulk length')
    }
    return length
  }

  /**
   * The offset of the CR that ends the line at hand, once the byte behind it has come, too.
   * @param tooBig what to say when it has none within the bound
   */
  #lineEnd(tooBig: string): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = Math.max(this.#at, this.#scanned)
    while (at < end && bytes[at] !== CR) at++
    if (at + 1 < end) return at
    this.#scanned = at
    if (at - this.#at > this.#limits.maxInlineBytes) throw new ProtocolError(tooBig)
    return -1
  }
}

/** A whole number, in no other form than a program would write it (Redis's string2ll). */
function readInteger(bytes: Buffer, from: number, to: number): number | undefined {
  const first = bytes[from]
  if (first === MINUS) {
    const value = readInteger(bytes, from + 1, to)
    return value === undefined || value === 0 || bytes[from + 1] === MINUS ? undefined : -value
  }
  if (from >= to || to - from > 15 || (first === ZERO && to - from > 1)) return undefined
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}
