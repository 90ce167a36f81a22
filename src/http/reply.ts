import { STATUS_CODES } from 'node:http'
import { asFanfareError, ERRORS, type FanfareError, RateError } from '../model/errors.ts'
import type { HttpRequest, Response } from './exchange.ts'

/** Header lines, each `Name: value`, without line ends. */
export type HeaderLines = readonly string[]

let dateSecond = -1
let dateLine = ''

/** `Date: …`, made once a second. @param now ms since 1970 */
function date(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateLine = `Date: ${new Date(second * 1000).toUTCString()}`
  }
  return dateLine
}

/** A response head up to and including the blank line, as a binary string. */
export function head(status: number, headers: HeaderLines, closes: boolean): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`
  for (const line of headers) text += `${line}\r\n`
  return `${text}${date(Date.now())}\r\n${closes ? 'Connection: close\r\n' : ''}\r\n`
}

/** The bytes of a response. */
export function bytesOf(response: Response): Buffer {
  return typeof response === 'string' ? Buffer.from(response, 'latin1') : response
}

/** A complete response with a body of one byte a character: without a Buffer where none is kept. */
export function textReply(
  status: number,
  headers: HeaderLines,
  body: string,
  closes: boolean,
): string {
  return `${head(status, [`Content-Length: ${body.length}`, ...headers], closes)}${body}`
}

/** A complete response. Content-Length is added, first, as the relay's originals have it. */
export function reply(
  status: number,
  headers: HeaderLines,
  body: Buffer | string,
  closes: boolean,
): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const bodiless = status === 304 || status === 204
  const lines = bodiless ? headers : [`Content-Length: ${bytes.length}`, ...headers]
  const text = head(status, lines, closes)
  if (bodiless || bytes.length === 0) return Buffer.from(text, 'latin1')
  const whole = Buffer.allocUnsafe(text.length + bytes.length)
  whole.write(text, 0, 'latin1')
  bytes.copy(whole, text.length)
  return whole
}

/** Whether a client would rather read JSON than plain text. */
function wantsJson(request: HttpRequest): boolean {
  return /\bapplication\/(?:[\w.+-]+\+)?json\b/i.test(request.header('accept') ?? '')
}

/** The head of an answer in words. */
export const PLAIN: HeaderLines = ['Content-Type: text/plain; charset=utf-8']

/** For answers to what is not a request yet, or none that can be read. */
export const NO_REQUEST: HttpRequest = {
  method: '',
  path: '',
  query: '',
  body: Buffer.alloc(0),
  peer: '',
  header: () => undefined,
}

const CHALLENGE = 'WWW-Authenticate: Bearer realm="fanfare"'

/** An error in words for people, or as JSON for programs that ask for it. */
export function errorReply(
  request: HttpRequest,
  thrown: unknown,
  closes: boolean,
  more: HeaderLines = [],
): Buffer {
  const error = asFanfareError(thrown)
  // RFC 9110 wants one with every 401. Not Basic: a browser would ask its user, and send what it is told ever after.
  const lines = [...more]
  if (error.code === 'not_authorized') lines.push(CHALLENGE)
  if (error instanceof RateError) lines.push(`Retry-After: ${error.retryAfter}`)
  if (wantsJson(request)) {
    const body = JSON.stringify({ error: { code: error.code, message: error.message } })
    return reply(error.status, ['Content-Type: application/json', ...lines], `${body}\n`, closes)
  }
  return reply(error.status, [...PLAIN, ...lines], errorText(error), closes)
}

export function errorText(error: FanfareError): string {
  return `${ERRORS[error.code].status} ${error.code}: ${error.message}\n`
}

/** A header value without what would end its line or is not one byte a character. */
export function headerSafe(value: string): string {
  return value.replace(/[^\t\x20-\x7e\x80-\xff]/g, ' ')
}
