/**
 * The body of a measured message: a marker byte, who published it, its number and when it was sent,
 * all as zero-padded decimals, then filler up to the wanted size.
 *
 *     | 01 00000042 0000123456789 xxxx…      (without the spaces)
 *
 * It survives JSON, SSE, and text frames as it is.
 */

/**
 * `|`. It must not occur in any door's framing between two bodies: not in SSE field names, ids, chunk
 * sizes or JSON, nor as a length byte of a binary frame. (`~` would not do: it is 126, a WebSocket
 * length byte.) Were it to, counts would not match what was published and the run would fail.
 */
export const MARKER = 0x7c

const PUBLISHER_DIGITS = 2
const SEQUENCE_DIGITS = 8
/** Microseconds of the driver's monotonic clock: 10^13 µs is 115 days. */
const TIME_DIGITS = 13

/** Bytes of a body that carry meaning; no body is smaller. */
export const HEADER_BYTES = 1 + PUBLISHER_DIGITS + SEQUENCE_DIGITS + TIME_DIGITS

const FILLER = 'abcdefghijklmnopqrstuvwxyz'
const ZERO = 0x30

/** A body of `size` bytes whose numbers are all zero, to be stamped in place. */
export function blankBody(size: number): Buffer {
  if (size < HEADER_BYTES) throw new RangeError(`a body needs ${HEADER_BYTES} bytes, got ${size}`)
  const body = Buffer.alloc(size, FILLER)
  body.fill(ZERO, 0, HEADER_BYTES)
  body[0] = MARKER
  return body
}

/** Writes the numbers of the body that starts at `at`. */
export function stamp(
  bytes: Buffer,
  at: number,
  publisher: number,
  sequence: number,
  micros: number,
): void {
  let to = at + 1
  to = writeDigits(bytes, to, publisher, PUBLISHER_DIGITS)
  to = writeDigits(bytes, to, sequence, SEQUENCE_DIGITS)
  writeDigits(bytes, to, micros, TIME_DIGITS)
}

export function publisherOf(bytes: Buffer, at: number): number {
  return readDigits(bytes, at + 1, PUBLISHER_DIGITS)
}

export function sequenceOf(bytes: Buffer, at: number): number {
  return readDigits(bytes, at + 1 + PUBLISHER_DIGITS, SEQUENCE_DIGITS)
}

/** When the body was stamped, in microseconds of `nowMicros`. */
export function sentOf(bytes: Buffer, at: number): number {
  return readDigits(bytes, at + 1 + PUBLISHER_DIGITS + SEQUENCE_DIGITS, TIME_DIGITS)
}

/** The clock of both publishers and subscribers: monotonic, whole microseconds. */
export function nowMicros(): number {
  return Math.floor(performance.now() * 1000)
}

/** Writes `value` right-aligned; returns the offset after it. */
function writeDigits(bytes: Buffer, from: number, value: number, digits: number): number {
  let rest = value
  for (let i = from + digits - 1; i >= from; i--) {
    const next = Math.floor(rest / 10)
    bytes[i] = ZERO + rest - next * 10
    rest = next
  }
  return from + digits
}

/** The number written there, or NaN when a byte is not a digit. */
function readDigits(bytes: Buffer, from: number, digits: number): number {
  let value = 0
  for (let i = from; i < from + digits; i++) {
    const digit = (bytes[i] ?? 0) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}
