import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { own, readHead, type RequestHead } from '../../../src/http/head.ts'
import { readSince, readWanted } from '../../../src/http/following.ts'
import { parseQuery } from '../../../src/http/query.ts'
import { pollCursor, parseHttpDate } from '../../../src/protocols/relay/cursor.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { isForeign, Trust } from '../../../src/access/trust.ts'
import { bytesOf, cutUp, must, orError, same, type Target } from '../engine.ts'
import type { Random } from '../random.ts'

const MAX_HEAD = 600

/** A request as both readers tell it. */
interface Seen {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  readonly body: string
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

const node = createServer({ maxHeaderSize: 16_384 })
let seen: Seen[] = []
/** How many of them have come with their bodies. */
let whole = 0
let failure: Error | undefined
node.on('request', (request: IncomingMessage, response) => {
  const { method = '', url = '', rawHeaders } = request
  const one = { method, target: targetOf(url), headers: linesOf(rawHeaders), body: '' }
  // In its place at once: an upgrade behind it has no body to wait for.
  seen.push(one)
  request.setEncoding('latin1')
  request.on('data', (piece: string) => (one.body += piece))
  request.on('end', () => {
    whole++
    response.end()
  })
})
node.on('upgrade', ({ method = '', url = '', rawHeaders }: IncomingMessage) => {
  seen.push({ method, target: targetOf(url), headers: linesOf(rawHeaders), body: '' })
  whole++
})
node.on('clientError', (error: Error) => (failure = error))

/** An empty query is none. */
function targetOf(url: string): string {
  return url.replace(/\?$/, '')
}

function linesOf(rawHeaders: readonly string[]): string[] {
  const lines: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    lines.push(`${(rawHeaders[at] as string).toLowerCase()}:${rawHeaders[at + 1]}`)
  }
  return lines
}

/** What node:http makes of bytes that are so many whole requests. */
async function byNode(bytes: Buffer, count: number, random: Random): Promise<readonly Seen[]> {
  seen = []
  whole = 0
  failure = undefined
  const wire = new Wire()
  wire.on('error', () => {})
  node.emit('connection', wire)
  for (const piece of random.once(4) ? cutUp(bytes, random) : [bytes]) wire.push(piece)
  for (let turn = 0; turn < 200 && whole < count && !failure; turn++) {
    await new Promise(setImmediate)
  }
  await new Promise(setImmediate)
  wire.destroy()
  if (failure) throw new Error(`node:http refuses what the lean path takes: ${String(failure)}`)
  return seen
}

function seenBy(head: RequestHead, body: string): Seen {
  return {
    method: head.method,
    target: `${head.path}?${head.query}`.replace(/\?$/, ''),
    headers: head.names.map((name, index) => `${name}:${head.values[index]}`),
    body,
  }
}

const FRAMING = [
  'Content-Length: 4\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 4\r\nContent-Length: 4\r\n',
  'Content-Length: 4\r\nContent-Length: 5\r\n',
  'Content-Length: 4, 4\r\n',
  'Content-Length: +4\r\n',
  'Content-Length : 4\r\n',
  'Content-Length:\x0b4\r\n',
  'Content-Length: 0x4\r\n',
  'Content_Length: 9\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
  'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding:\tchunked\r\n',
  'Transfer-Encoding: xchunked\r\n',
  'Transfer-Encoding\r\n : chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'X: y\r\n Transfer-Encoding: chunked\r\n',
  'X: y\nTransfer-Encoding: chunked\r\n',
  'X: y\rTransfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Connection: Transfer-Encoding\r\n',
  'Upgrade: websocket\r\nConnection: Upgrade\r\n',
  'Expect: 100-continue\r\n',
]

const METHODS = ['GET', 'POST', 'PUT', 'DELETE']
const PATHS = ['/', '/p/a', '/p/%2f%', '//x', '/a?b?c=d&', '/"<>^`{|}', '/p/a;x=y', '/~!$*']
const NAMES = [
  'X',
  "a!#$%&'*+-.^_`|~9",
  'Accept',
  'Content-Type',
  'X-Forwarded-For',
  'Cookie',
  'Content-Lengthy',
]
const VALUES = ['', ' ', '\t x \t', 'a:b', 'a, b', '"q;"', 'Content-Length: 9', 'x'.repeat(100)]

/** Requests that are right, or wrong in one place: what is changed anywhere is seldom a request. */
function requests(random: Random): string {
  let text = ''
  for (let left = 1 + random.small(4); left > 0; left--) {
    const method = random.pick(METHODS)
    const body = method.startsWith('P')
      ? random.pick(['', 'body', '\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'])
      : ''
    const lines = [`Host:${random.pick(VALUES)}`]
    if (body !== '' || random.once(4)) {
      const zeros = random.once(4) ? '00' : ''
      lines.push(
        `${random.pick(['Content-Length', 'content-length'])}:${random.pick(['', ' ', '\t'])}${zeros}${body.length}${random.pick(['', ' '])}`,
      )
    }
    for (let more = random.int(3); more > 0; more--)
      lines.push(`${random.pick(NAMES)}:${random.pick(VALUES)}`)
    if (random.once(6))
      lines.push(`Connection: ${random.pick(['close', 'Keep-Alive', 'CLOSE ', 'x', 'Upgrade'])}`)
    if (random.once(6)) lines.push(`Upgrade: ${random.pick(['websocket', 'WebSocket ', 'h2c'])}`)
    if (random.once(3)) lines.reverse()
    text += `${method} ${random.pick(PATHS)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
  }
  if (random.once(2)) return text
  const at = random.int(text.length)
  const put = random.pick(['', ' ', '\r', '\n', '\t', ':', '\0', '\x80', ',', '0', random.bytes(1)])
  return text.slice(0, at) + put + text.slice(at + random.int(2))
}

const httpHead: Target = {
  name: 'http-head',
  reads: 'heads of requests on the lean path, with their bodies',
  holds:
    'what it takes, node:http takes for the same requests, ending at the same byte; however it is cut',
  seeds: [
    'POST /p/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET /s/a?since=all HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nLast-Event-ID: 17-0\r\n\r\n',
    'PUT /p/a%2fb HTTP/1.1\r\nhost:x\r\nContent-Length: 0\r\n\r\nDELETE /p/a HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST /p/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nbody\r\n0\r\nX: y\r\n\r\n',
    'POST /p/a HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\nPOST /p/b HTTP/1.1\r\nHost: x\r\n\r\n',
    ...FRAMING.map(
      (lines) => `POST /p/a HTTP/1.1\r\nHost: x\r\n${lines}\r\n4\r\nbody\r\n0\r\n\r\n`,
    ),
    ...FRAMING.map(
      (lines) =>
        `POST /p/a HTTP/1.1\r\n${lines}Host: x\r\n\r\nbodyGET /s/a HTTP/1.1\r\nHost: x\r\n\r\n`,
    ),
  ],
  tokens: [
    'GET /',
    'POST /',
    'PUT /',
    'DELETE /',
    'HEAD /',
    ' HTTP/1.1\r\n',
    ' HTTP/1.0\r\n',
    'http://x/',
    'Host: x\r\n',
    'Host:\r\n',
    '\r\n\r\n',
    '\r\n ',
    ': ',
    ' :',
    'body',
    '0\r\n\r\n',
    ...FRAMING,
  ],
  async check(input, random) {
    const bytes = bytesOf(random.once(2) ? requests(random) : input)
    const expected: Seen[] = []
    let at = 0
    for (;;) {
      const head = readHead(bytes, at, MAX_HEAD)
      // What was taken for the beginning of one may turn out to be foreign, and never the other way round.
      if (random.once(4)) {
        const part = readHead(
          bytes.subarray(0, at + random.int(bytes.length - at + 1)),
          at,
          MAX_HEAD,
        )
        if (typeof head === 'object') {
          must(part !== 'foreign', 'a part of what is taken is refused')
          if (typeof part === 'object') same(part, head, 'a head that has more behind it')
        }
      }
      if (typeof head === 'string' || head.end + head.length > bytes.length) break
      must(head.end > at && head.end - at <= MAX_HEAD + 4, 'a head beyond its bound')
      const to = head.end + head.length
      expected.push(seenBy(head, bytes.toString('latin1', head.end, to)))
      at = to
      if (!head.keepAlive || head.upgrades) break
    }
    if (expected.length === 0) return
    same(await byNode(bytes.subarray(0, at), expected.length, random), expected, 'the requests')
  },
}

const httpQuery: Target = {
  name: 'http-query',
  reads: 'percent-escapes, queries and forms',
  holds: 'as URLSearchParams reads them, where both know the bytes',
  seeds: [
    'channel=a&channel=b%2Fc&since=all&last=10',
    'since=1700000000-3&x=%e4%bd%a0+1',
    'a=b=c&&d&=e&last=1001',
    '%61=%00&channel=%',
  ],
  tokens: [
    '&',
    '=',
    '%',
    '%2',
    '%2F',
    '+',
    ';',
    '%u0041',
    'channel=',
    'since=',
    'last=',
    '%ff',
    '%00',
    '#',
  ],
  check(input) {
    const found = parseQuery(input)
    const malformed = /%(?![0-9A-Fa-f]{2})/.test(input)
    must((found === undefined) === malformed, 'malformed escapes, and nothing else, are refused')
    if (found) {
      const pairs = [...found].flatMap(([name, values]) =>
        values.map((value) => `${name}=${value}`),
      )
      // That one decodes to text: it is asked in ASCII, where bytes and text are the same.
      if (/^[\x20-\x7e]*$/.test(input) && !/%[89a-f]/i.test(input)) {
        const params = [...new URLSearchParams(`&${input}`)].map(
          ([name, value]) => `${name}=${value}`,
        )
        same(pairs.toSorted(), params.toSorted(), 'the parameters')
      }
    }
    const wanted = orError(() => readWanted('', input, undefined, 10, 3), isOurs)
    if (!wanted.error) must(wanted.value.selectors.size <= 10, 'more channels than the bound')
  },
}

const POLL_LATEST = 1_700_000_000

const httpCursor: Target = {
  name: 'http-cursor',
  reads: 'cursors: since=, Last-Event-ID, If-Modified-Since, If-None-Match',
  holds: 'a place, or the error bad_cursor; dates as Date reads them',
  seeds: [
    '1700000000-0\n"5"',
    'Tue, 14 Nov 2023 22:13:20 GMT\nW/"12-gzip"',
    'Tuesday, 14-Nov-23 22:13:20 GMT\n3',
    'Tue Nov 14 22:13:20 2023\n-1',
    'Tue, 14 Nov 2023 22:13:20 +0130\n0',
    '1700000000-1..*\n1700000000.25',
    'all\n',
  ],
  tokens: [
    '-',
    '.',
    '*',
    ' GMT',
    ':',
    'W/"',
    '"',
    '-gzip',
    'Nov',
    'Feb',
    '31',
    '29',
    ', ',
    '0',
    '\n',
    'all',
  ],
  check(input) {
    const [first = '', second] = input.split('\n')
    for (const partitions of [1, 3]) {
      const since = orError(() => readSince(first, partitions), isOurs)
      if (!since.error && since.value.kind === 'id' && typeof since.value.after === 'number') {
        must(
          Number.isSafeInteger(since.value.after) && since.value.after >= 0,
          'an id out of range',
        )
      }
    }
    const date = parseHttpDate(first)
    if (date !== undefined) must(Number.isSafeInteger(date), 'a date that is no second')
    const parsed = Date.parse(first)
    if (
      date !== undefined &&
      first.endsWith(' GMT') &&
      /^\w{3},/.test(first) &&
      !Number.isNaN(parsed)
    ) {
      // A leap second is the next minute's first; of years with two digits nobody knows the century.
      if (!first.includes(':60') && !/ 00\d\d /.test(first)) same(date, parsed / 1000, 'the date')
    }
    const poll = orError(() => pollCursor(first, second, POLL_LATEST), isOurs)
    if (!poll.error && 'after' in poll.value) {
      must(Number(poll.value.after) >= 0, 'a place before all')
    }
  },
}

const trust = new Trust(['127.0.0.1', '10.0.0.*', 'fd00::/8'], ['192.0.2.1', '192.0.2.128/25'])

const httpForwarded: Target = {
  name: 'http-forwarded',
  reads: 'X-Forwarded-For and its kin, Origin, Host',
  holds: 'nobody is trusted by what a proxy that is not named, or a foreign page, says',
  seeds: [
    '192.0.2.1\n127.0.0.1\n',
    '192.0.2.1\n127.0.0.1, 192.0.2.200\nhttp://x\nx',
    '198.51.100.1\n127.0.0.1\nhttp://127.0.0.1:80\n127.0.0.1:80',
    '127.0.0.1\n\nhttp://evil.example\n127.0.0.1',
    '::ffff:127.0.0.1\n::1\nhttp://[::1]:8080\n[::1]:8080',
  ],
  tokens: [
    ', ',
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '10.0.0.7',
    '192.0.2.1',
    '%lo',
    'unknown',
    '\n',
    'http://',
    'localhost',
    '.localhost',
    ':80',
    '[::1]',
    'null',
    '/',
    '@',
  ],
  check(input) {
    const [peer = '', forwarded = '', origin = '', host = ''] = input.split('\n')
    const headers = new Map<string, string>()
    if (forwarded !== '') headers.set('x-forwarded-for', forwarded)
    if (origin !== '') headers.set('origin', origin)
    if (host !== '') headers.set('host', host)
    const request = { peer, header: (name: string) => headers.get(name) }
    const result = orError(() => trust.mustPublish(request), isOurs)
    if (result.error) return
    must(!isForeign(request), 'a foreign page published')
    if (forwarded === '') must(trust.trusts(peer), 'a stranger published')
    else
      must(
        /^(?:::ffff:)?192\.0\.2\.|^::ffff:c000:2/i.test(peer),
        'a proxy that is not named was believed',
      )
    if (origin !== '') must(origin.endsWith(`//${host}`), 'a page of another host published')
  },
}

const httpOwn: Target = {
  name: 'http-own',
  reads: 'slices of heads that are kept',
  holds: 'the same text',
  seeds: ['a', 'a channel of more than thirteen characters'],
  tokens: ['x', '\u00ff'],
  check(input) {
    same(own(input), input, 'the copy')
  },
}

function isOurs(error: unknown): boolean {
  return error instanceof FanfareError && error.code !== 'internal'
}

export const HTTP: readonly Target[] = [httpHead, httpQuery, httpCursor, httpForwarded, httpOwn]
