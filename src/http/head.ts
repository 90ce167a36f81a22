/**
 * The lean parser of request heads.
 *
 * It accepts only what it fully understands: one well-formed HTTP/1.1 request whose body, if any,
 * is framed by one Content-Length. Anything else (other versions and methods, chunked bodies,
 * upgrades, expectations, repeated or odd headers) is `foreign`, and goes to node:http, bytes
 * intact. So there is never a second opinion about where a request ends.
 */
export interface RequestHead {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly names: readonly string[]
  /** Slices of the whole head: see `own`. */
  readonly values: readonly string[]
  /** Bytes of body that follow. */
  readonly length: number
  readonly keepAlive: boolean
  /** Where the head ends: the offset of the body. */
  readonly end: number
}

const BLANK_LINE = Buffer.from('\r\n\r\n')
const CR = 0x0d
const LF = 0x0a

/** Far more than clients of the delivery doors send; others take the other path. */
const MAX_HEADERS = 40

/**
 * The whole grammar in one pass: no bare CR or LF, no folded lines, no space before a colon, no
 * control or non-ASCII bytes, no fragment in the target. Linear: no two parts can match the same byte.
 */
const WELL_FORMED =
  /^(?:GET|POST|PUT|DELETE) \/[!"$-~]* HTTP\/1\.1(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*)*$/

/** Headers that change how a request is framed or answered in ways left to node:http. */
const FOREIGN = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'http2-settings',
  'proxy-connection',
])

/**
 * Reads one head from `bytes` at `start`.
 * @param max bytes a head may have; a longer one is foreign
 * @returns `more` when the head has not arrived whole
 */
export function readHead(
  bytes: Buffer,
  start: number,
  max: number,
): RequestHead | 'more' | 'foreign' {
  const stop = bytes.indexOf(BLANK_LINE, start)
  if (stop === -1) {
    if (bytes.length - start > max) return 'foreign'
    return mayBecomeRequest(bytes, start) ? 'more' : 'foreign'
  }
  if (stop - start > max) return 'foreign'
  const text = bytes.toString('latin1', start, stop)
  if (!WELL_FORMED.test(text)) return 'foreign'

  const lineEnd = text.indexOf('\r\n')
  const line = lineEnd === -1 ? text : text.slice(0, lineEnd)
  const space = line.indexOf(' ')
  const method = line.slice(0, space)
  const target = line.slice(space + 1, -9)
  const mark = target.indexOf('?')

  const names: string[] = []
  const values: string[] = []
  let length = -1
  let keepAlive = true
  let hosts = 0
  for (let at = lineEnd; at !== -1; ) {
    const next = text.indexOf('\r\n', at + 2)
    const colon = text.indexOf(':', at)
    const name = text.slice(at + 2, colon).toLowerCase()
    const value = text.slice(colon + 1, next === -1 ? undefined : next).trim()
    at = next
    if (FOREIGN.has(name) || names.includes(name) || names.length === MAX_HEADERS) return 'foreign'
    names.push(name)
    values.push(value)
    if (name === 'host') hosts++
    else if (name === 'content-length') {
      // A tab behind the number is right by RFC 9110, and refused by node:http: that is for node:http to say.
      const raw = text.slice(colon + 1, next === -1 ? undefined : next)
      if (!/^[\t ]*\d{1,12} *$/.test(raw)) return 'foreign'
      length = Number(value)
    } else if (name === 'connection') {
      const option = value.toLowerCase()
      if (option === 'close') keepAlive = false
      else if (option !== 'keep-alive') return 'foreign'
    }
  }
  if (hosts !== 1) return 'foreign'
  if (length > 0 && (method === 'GET' || method === 'DELETE')) return 'foreign'
  return {
    method,
    path: own(mark === -1 ? target : target.slice(0, mark)),
    query: mark === -1 ? '' : own(target.slice(mark + 1)),
    names,
    values,
    length: Math.max(length, 0),
    keepAlive,
    end: stop + BLANK_LINE.length,
  }
}

/**
 * The same text with memory of its own. A slice keeps alive what it was cut out of: a channel's name or
 * a message's type, kept for long, would keep the whole head of the request that they came with.
 */
export function own(text: string): string {
  // V8 joins the two before it cuts, and so copies; shorter texts it copies anyway.
  return text.length < 13 ? text : ` ${text}`.slice(1)
}

/**
 * Whether what has arrived could still be the beginning of a request that is understood here. What is
 * plainly something else is handed over early, so that node:http's answers and time limits apply to it.
 */
function mayBecomeRequest(bytes: Buffer, start: number): boolean {
  // The first line and the last: whoever types bare line feeds has them everywhere.
  const first = bytes.indexOf(LF, start)
  if (first !== -1) {
    if (bytes[first - 1] !== CR || bytes[bytes.lastIndexOf(LF) - 1] !== CR) return false
  }
  const begin = bytes.toString('latin1', start, Math.min(bytes.length, start + 8))
  return METHODS.some((method) => begin.startsWith(method) || method.startsWith(begin))
}

const METHODS = ['GET /', 'POST /', 'PUT /', 'DELETE /']
