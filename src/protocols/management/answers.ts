import type { Exchange, HttpRequest } from '../../http/exchange.ts'
import { type HeaderLines, head, reply } from '../../http/reply.ts'
import { FanfareError } from '../../model/errors.ts'

/** Of every answer. */
const ALWAYS: HeaderLines = ['Cache-Control: no-store', 'X-Content-Type-Options: nosniff']

const JSON_TYPE = 'Content-Type: application/json'
const TEXT_TYPE = 'Content-Type: text/plain; charset=utf-8'

/**
 * socket-push called its answers HTML, and its clients may look at that. They hold what anybody has
 * published: a browser that is shown one must run nothing of it.
 */
const HTML: HeaderLines = [
  'Content-Type: text/html',
  "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; sandbox",
]

/** Answers of one exchange; HEAD gets the head of what GET would get. */
export function answer(
  exchange: Exchange,
  status: number,
  headers: HeaderLines,
  body: string,
): void {
  exchange.send(whole(exchange, status, headers, body, exchange.closes))
}

function whole(
  { method }: HttpRequest,
  status: number,
  headers: HeaderLines,
  body: string,
  closes: boolean,
): Buffer {
  const lines = [...headers, ...ALWAYS]
  if (method !== 'HEAD') return reply(status, lines, body, closes)
  const length = `Content-Length: ${Buffer.byteLength(body)}`
  return Buffer.from(head(status, [length, ...lines], closes), 'latin1')
}

export function answerHtml(exchange: Exchange, status: number, body: string): void {
  answer(exchange, status, HTML, body)
}

export function answerText(exchange: Exchange, status: number, body: string): void {
  answer(exchange, status, [TEXT_TYPE], body)
}

export function answerJson(exchange: Exchange, status: number, body: string): void {
  answer(exchange, status, [JSON_TYPE], body)
}

/** An error as programs read it, or, for whoever does not ask for JSON, in words. */
export function refuse(exchange: Exchange, error: FanfareError): void {
  exchange.send(refusal(exchange, error, exchange.closes))
}

/** The same for a request that need not have been taken. @param closes whether the connection ends with it */
export function refusal(request: HttpRequest, error: FanfareError, closes: boolean): Buffer {
  // Not Basic: a browser that remembers a password shows it for other pages, too.
  const challenge = error.status === 401 ? ['WWW-Authenticate: Bearer realm="fanfare"'] : []
  if (wantsJson(request)) {
    const body = `${JSON.stringify(bodyOf(error))}\n`
    return whole(request, error.status, [JSON_TYPE, ...challenge], body, closes)
  }
  const { code, help, message, status } = error
  const words = `${status} ${code}: ${message}${help === undefined ? '' : ` ${help}`}\n`
  return whole(request, status, [TEXT_TYPE, ...challenge], words, closes)
}

function bodyOf({ code, message, help }: FanfareError): object {
  return { error: { code, message, ...(help === undefined ? {} : { help }) } }
}

function wantsJson(request: HttpRequest): boolean {
  return request.method === 'POST' || /\bjson\b/i.test(request.header('accept') ?? '')
}
