import { isPublicName, TELLING } from '../access/trust.ts'

/**
 * The lean parser of request heads.
 *
 * It accepts only what it fully understands: one well-formed HTTP/1.1 request whose body, if any,
 * is framed by one Content-Length, or asks to speak WebSocket. Anything else (other versions and methods,
 * chunked bodies, other upgrades, expectations, repeated or odd headers) is `foreign`, and goes to node:http,
 * bytes intact. So there is never a second opinion about where a request ends.
 */
export interface RequestHead {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly names: readonly string[]
  readonly values: readonly string[]
  /** Whether nothing in it may tell that the client speaks for somebody else: a page, or whom it forwards for. */
  readonly plain: boolean
  /** Bytes of body that follow. */
  readonly length: number
  readonly keepAlive: boolean
  /** Whether the client asks to speak WebSocket from here on. */
  readonly upgrades: boolean
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
  'content-encoding',
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
  if (start === 0 && isRepeated(bytes) && repeated.length - BLANK_LINE.length <= max)
    return lastHead
  const stop = bytes.indexOf(BLANK_LINE, start)
  if (stop === -1) {
    if (bytes.length - start > max) return 'foreign'
    return mayBecomeRequest(bytes, start) ? 'more' : 'foreign'
  }
  if (stop - start > max) return 'foreign'
  const text = bytes.toString('latin1', start, stop)
  if (start === 0 && text === lastText) {
    // Its bytes are kept only now: most heads come once.
    if (text.length <= LONGEST_REPEATED) repeated = Buffer.from(`${text}\r\n\r\n`, 'latin1')
    return lastHead
  }
  if (!WELL_FORMED.test(text)) return 'foreign'

  const lineEnd = text.indexOf('\r\n')
  // Without a line there is no host either.
  if (lineEnd === -1) return 'foreign'
  const space = text.indexOf(' ')
  const method = text.slice(0, space)
  const target = text.slice(space + 1, lineEnd - VERSION_BYTES)
  const mark = target.indexOf('?')

  const former = lastHeaders
  let headers = former
  let count = 0
  let length = -1
  let keepAlive = true
  let plain = true
  let hosts = 0
  /** Upgrade and Connection must both say so (RFC 9110, 7.8). */
  let wishes = 0
  let kept = true
  for (let at = lineEnd; at !== -1; count++) {
    const line = count < MAX_HEADERS ? lineAt(text, at, count) : undefined
    if (!line) return 'foreign'
    const { name, value, meaning } = line
    if (headers !== former || former.names[count] !== name || former.values[count] !== value) {
      if (headers === former) headers = firstOf(former, count)
      if (headers.names.includes(name)) return 'foreign'
      headers.names.push(name)
      headers.values.push(value)
    }
    if (meaning === 'host' || meaning === 'name') {
      hosts++
      if (meaning === 'name') plain = false
    } else if (meaning === 'length') length = Number(value)
    else if (meaning === 'close') keepAlive = false
    else if (meaning === 'upgrade') wishes++
    else if (meaning === 'telling') plain = false
    if (line.text === '') kept = false
    at = line.text === '' ? text.indexOf('\r\n', at + 2) : at + line.text.length
    if (at === text.length) at = -1
  }
  if (hosts !== 1) return 'foreign'
  if (length > 0 && (method === 'GET' || method === 'DELETE')) return 'foreign'
  if (wishes > 0 && (wishes !== 2 || method !== 'GET' || length !== -1)) return 'foreign'
  if (headers === former && count < former.names.length) headers = firstOf(former, count)
  const head = {
    method,
    path: own(mark === -1 ? target : target.slice(0, mark)),
    query: mark === -1 ? '' : own(target.slice(mark + 1)),
    names: headers.names,
    values: headers.values,
    plain,
    length: Math.max(length, 0),
    keepAlive,
    upgrades: wishes > 0,
    end: stop + BLANK_LINE.length,
  }
  if (kept && start === 0) {
    lastHeaders = headers
    lastText = text
    lastHead = head
    repeated = NO_BYTES
  }
  return head
}

/**
 * The head that came last. All who wait for the same message send the same head for it, and many who publish
 * send one like the other.
 */
let lastHead: RequestHead = {
  method: '',
  path: '',
  query: '',
  names: [],
  values: [],
  plain: false,
  length: 0,
  keepAlive: false,
  upgrades: false,
  end: 0,
}
let lastText = ''
const NO_BYTES = Buffer.alloc(0)
/** Its bytes, once it has come twice. */
let repeated = NO_BYTES
const LONGEST_REPEATED = 2 ** 10

function isRepeated(bytes: Buffer): boolean {
  const { length } = repeated
  return (
    length > 0 &&
    bytes.length >= length &&
    bytes[length - 1] === LF &&
    bytes.compare(repeated, 0, length, 0, length) === 0
  )
}

/** ` HTTP/1.1` */
const VERSION_BYTES = 9

interface Headers {
  readonly names: string[]
  readonly values: string[]
}

/** A header line that was read, and what it means here. */
interface Line {
  /** With the line end in front of it; '' for one that is not remembered. */
  readonly text: string
  readonly name: string
  readonly value: string
  readonly meaning: 'host' | 'name' | 'length' | 'close' | 'upgrade' | 'telling' | undefined
}

/**
 * What came last as the first header line, as the second, and so on: one request says mostly what the one
 * before said, and then nothing has to be cut out of it, or kept twice.
 */
const remembered: Line[] = []
/** The last lists; they do not change any more. */
let lastHeaders: Headers = { names: [], values: [] }
/** Bytes of a line that is remembered. */
const LONGEST_REMEMBERED = 256
/** How long a comparison with one of these takes, nobody is to measure. */
const SECRET = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-cookie'])

function firstOf({ names, values }: Headers, count: number): Headers {
  return { names: names.slice(0, count), values: values.slice(0, count) }
}

/** The line that begins at `at`, with its line end; undefined when it is not for the lean path. */
function lineAt(text: string, at: number, index: number): Line | undefined {
  const known = remembered[index]
  if (known && text.startsWith(known.text, at)) {
    const end = at + known.text.length
    if (end === text.length || text.charCodeAt(end) === CR) return known
  }
  const next = text.indexOf('\r\n', at + 2)
  const end = next === -1 ? text.length : next
  const colon = text.indexOf(':', at)
  const name = own(text.slice(at + 2, colon).toLowerCase())
  if (FOREIGN.has(name)) return undefined
  const raw = text.slice(colon + 1, end)
  const value = own(raw.trim())
  const meaning = meaningOf(name, value, raw)
  if (meaning === 'foreign') return undefined
  if (end - at > LONGEST_REMEMBERED || SECRET.has(name)) return { text: '', name, value, meaning }
  const line = { text: own(text.slice(at, end)), name, value, meaning }
  remembered[index] = line
  return line
}

/** @param raw the value with the space around it */
function meaningOf(name: string, value: string, raw: string): Line['meaning'] | 'foreign' {
  if (name === 'host') return isPublicName(value) ? 'name' : 'host'
  // A tab behind the number is right by RFC 9110, and refused by node:http: that is for node:http to say.
  if (name === 'content-length') return /^[\t ]*\d{1,12} *$/.test(raw) ? 'length' : 'foreign'
  if (name === 'connection') {
    const option = value.toLowerCase()
    if (option === 'close') return 'close'
    if (option === 'upgrade' || option === 'keep-alive, upgrade') return 'upgrade'
    return option === 'keep-alive' ? undefined : 'foreign'
  }
  if (name === 'upgrade') return value.toLowerCase() === 'websocket' ? 'upgrade' : 'foreign'
  return TELLING.has(name) ? 'telling' : undefined
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
