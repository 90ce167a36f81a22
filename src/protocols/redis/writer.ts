const FIRST_SIZE = 16 * 2 ** 10
/** A buffer that grew beyond this for one reply is let go after it. */
const MOST_KEPT = 2 ** 20
/** Shorter pieces are copied faster byte by byte than by a call out of JavaScript. */
export const SHORT = 48

const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30

/** The two versions of Redis's protocol. RESP3: https://github.com/redis/redis-specifications */
export type Resp = 2 | 3

/**
 * Replies as bytes, one after the other in one buffer. What RESP2 has no type for, it gets in the form
 * that Redis itself uses there: a map as a flat array, a push as an array, null as a null bulk string.
 */
export class ReplyWriter {
  /** The version that is written. */
  resp: Resp = 2
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_SIZE)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Takes back what was written behind an earlier `length`. */
  truncate(length: number): void {
    this.#length = length
  }

  /** All that was written, in bytes of its own; then it is empty. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    if (this.#bytes.length > MOST_KEPT) this.#bytes = Buffer.allocUnsafeSlow(FIRST_SIZE)
    return bytes
  }

  /** All that was written, in bytes that are this writer's; `settle` is to be called next. */
  lend(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** @param free whether nobody has the bytes any more that were lent; then it is empty */
  settle(free: boolean): void {
    this.#length = 0
    if (!free || this.#bytes.length > MOST_KEPT) this.#bytes = Buffer.allocUnsafeSlow(FIRST_SIZE)
  }

  /** @param text without line breaks */
  simple(text: string): void {
    this.#line(0x2b, text)
  }

  ok(): void {
    this.#line(0x2b, 'OK')
  }

  /** @param text with its code in front, such as `ERR`; line breaks become spaces, as in Redis */
  error(text: string): void {
    this.#line(0x2d, text.replaceAll(/[\r\n]/g, ' '))
  }

  /** @param value whole */
  integer(value: number): void {
    this.#head(0x3a, value)
  }

  /** @param value bytes, or one character a byte */
  bulk(value: Buffer | string): void {
    this.#head(0x24, value.length)
    this.raw(value)
    this.#lineEnd()
  }

  /** A text of people's characters. */
  text(value: string): void {
    this.bulk(Buffer.from(value))
  }

  /** Text to be shown as it is: a verbatim string in RESP3. */
  verbatim(value: string): void {
    if (this.resp === 2) {
      this.text(value)
      return
    }
    const bytes = Buffer.from(value)
    this.#head(0x3d, bytes.length + 4)
    this.raw('txt:')
    this.raw(bytes)
    this.#lineEnd()
  }

  /** Nothing where a text would be. */
  nil(): void {
    this.raw(this.resp === 2 ? '$-1\r\n' : '_\r\n')
  }

  /** Nothing where an array would be. */
  nilArray(): void {
    this.raw(this.resp === 2 ? '*-1\r\n' : '_\r\n')
  }

  /** So many values follow. */
  array(length: number): void {
    this.#head(0x2a, length)
  }

  /** So many pairs follow. */
  map(length: number): void {
    if (this.resp === 2) this.#head(0x2a, 2 * length)
    else this.#head(0x25, length)
  }

  set(length: number): void {
    this.#head(this.resp === 2 ? 0x2a : 0x7e, length)
  }

  /** So many values follow that no command asked for. */
  push(length: number): void {
    this.#head(this.resp === 2 ? 0x2a : 0x3e, length)
  }

  /** Bytes of the protocol as they are. */
  raw(value: Buffer | string): void {
    const { length } = value
    this.#room(length)
    const bytes = this.#bytes
    const at = this.#length
    if (typeof value === 'string') bytes.write(value, at, length, 'latin1')
    else if (length > SHORT) value.copy(bytes, at)
    else for (let index = 0; index < length; index++) bytes[at + index] = value[index] as number
    this.#length += length
  }

  #line(type: number, text: string): void {
    this.#room(1)
    this.#bytes[this.#length++] = type
    this.raw(text)
    this.#lineEnd()
  }

  #head(type: number, value: number): void {
    this.#room(24)
    this.#bytes[this.#length++] = type
    this.#length = writeNumber(this.#bytes, this.#length, value)
    this.#lineEnd()
  }

  #lineEnd(): void {
    this.#room(2)
    this.#bytes[this.#length++] = CR
    this.#bytes[this.#length++] = LF
  }

  #room(length: number): void {
    const needed = this.#length + length
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** Writes a whole number in decimal. @returns the offset behind it */
export function writeNumber(bytes: Buffer, from: number, value: number): number {
  if (value < 0) {
    bytes[from] = 0x2d
    return writeNumber(bytes, from + 1, -value)
  }
  const end = from + digits(value)
  let rest = value
  for (let at = end - 1; at >= from; at--) {
    const next = Math.floor(rest / 10)
    bytes[at] = ZERO + rest - next * 10
    rest = next
  }
  return end
}

/** How many digits a whole number of 0 or more has. */
export function digits(value: number): number {
  let count = 1
  for (let bound = 10; value >= bound; bound *= 10) count++
  return count
}
