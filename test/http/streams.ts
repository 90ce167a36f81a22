/**
 * Streams of requests for the differential test: plain ones, odd ones, ones that would smuggle
 * another, and what becomes of them when a byte here and there is wrong.
 */
import * as fc from 'fast-check'

const CHANNELS = ['a', 'b', 'a%2fb', '%', '']
const TARGETS = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('/p/', '/s/', '/w/'), fc.constantFrom(...CHANNELS))
      .map((parts) => parts.join('')),
  },
  fc.constantFrom(
    '/',
    '/p/a?x=y',
    '/p/a#x',
    '*',
    '//p/a',
    'http://x/p/a',
    'http://x',
    '/p/a b',
    '/p/\xe4',
    'p/a',
    '',
    '/p/"<>\\^`{|}',
    `/p/${'l'.repeat(600)}`,
  ),
)
const METHODS = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE') },
  fc.constantFrom('HEAD', 'OPTIONS', 'PATCH', 'get', 'POSTX', 'CONNECT', '', 'P\0ST'),
)
const VERSIONS = fc.oneof(
  { weight: 12, arbitrary: fc.constant(' HTTP/1.1') },
  fc.constantFrom(
    ' HTTP/1.0',
    ' HTTP/2.0',
    ' HTTP/1.1 ',
    ' HTTP/1.1x',
    ' http/1.1',
    '',
    ' HTTP/0.9',
  ),
)
const HOSTS = fc.oneof(
  { weight: 12, arbitrary: fc.constant('Host: x\r\n') },
  fc.constantFrom('', 'Host: x\r\nHost: y\r\n', 'host:\r\n', 'Host : x\r\n', 'Host: x\n'),
)
const HEADERS = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.constantFrom(
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Connection: close, keep-alive\r\n',
    'Connection: Upgrade\r\nUpgrade: h2c\r\n',
    'Connection: Upgrade\r\nUpgrade: websocket\r\n',
    'Upgrade: websocket\r\n',
    'Content-Type: text/x \t\r\n',
    'Content-Type: a\r\nContent-Type: b\r\n',
    'Accept: application/json\r\n',
    'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n',
    'If-None-Match: x\r\n',
    'Idempotency-Key: \xe4\r\n',
    'TTL: 1e1\r\n',
    'X-Folded: 1\r\n 2\r\n',
    ' X-Space: 1\r\n',
    'X-Bare: 1\n',
    'X-Return: 1\r2\r\n',
    'X-Nul: \0\r\n',
    'X-No-Colon\r\n',
    'TE: trailers\r\n',
    'Expect: 100-continue\r\n',
    'Expect: the-unexpected\r\n',
    'Origin: http://evil.example\r\n',
    'X-Forwarded-For: 127.0.0.1\r\n',
    `X-Long: ${'x'.repeat(1100)}\r\n`,
    Array.from({ length: 45 }, (_, n) => `X${n}: ${n}\r\n`).join(''),
  ),
)

/** A body as the sender means it, and how it says where that ends. */
const SMUGGLED = 'POST /p/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil'
const BODIES = fc.oneof(
  fc.constantFrom(
    '',
    'hello',
    '\r\n',
    '\r\n\r\n',
    '0\r\n\r\n',
    'x'.repeat(190),
    'y'.repeat(201),
    SMUGGLED,
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
)
function inChunks(body: string, piece: number, extension = ''): string {
  const parts: string[] = []
  for (let at = 0; at < body.length; at += piece) {
    const part = body.slice(at, at + piece)
    parts.push(`${part.length.toString(16)}${extension}\r\n${part}\r\n`)
  }
  return parts.join('')
}
const ENCODINGS = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding:chunked \t',
  'Transfer-Encoding: \tchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding\r\n: chunked',
  'Transfer-Encoding:\x0bchunked',
  'X: y\nTransfer-Encoding: chunked',
  'Transfer-Encoding: "chunked"',
  'Transfer_Encoding: chunked',
]
const LENGTHS = [
  '+%',
  '-%',
  '0%',
  ' %',
  '%.0',
  '0x%',
  '%, %',
  '%,%',
  '% ',
  '%\r\nContent-Length: %',
  '%\r\nContent-Length: 0',
  '%\r\n ',
  '',
]
interface Framing {
  readonly header: (body: string) => string
  readonly body: (body: string) => string
}
const length = (body: string): string => `Content-Length: ${body.length}\r\n`
const FRAMINGS: fc.Arbitrary<Framing> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Framing>({ header: length, body: (body) => body }) },
  fc.constant<Framing>({ header: () => '', body: (body) => body }),
  fc.integer({ min: -6, max: 6 }).map<Framing>((by) => ({
    header: (body) => `Content-Length: ${Math.max(0, body.length + by)}\r\n`,
    body: (body) => body,
  })),
  fc.constantFrom(...LENGTHS).map<Framing>((form) => ({
    header: (body) => `Content-Length: ${form.replaceAll('%', String(body.length))}\r\n`,
    body: (body) => body,
  })),
  fc
    .tuple(
      fc.constantFrom(...ENCODINGS),
      fc.constantFrom('none', 'before', 'after'),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom('', ';a=b', ' ', ';\n', '\r'),
      fc.constantFrom(
        '0\r\n\r\n',
        '0\r\nX: y\r\n\r\n',
        '0\r\nContent-Length: 4\r\n\r\n',
        '00\r\n\r\n',
        '0\n\n',
        '',
      ),
    )
    .map<Framing>(([encoding, lengthToo, piece, extension, end]) => ({
      header: (body) =>
        `${lengthToo === 'before' ? length(body) : ''}${encoding}\r\n${lengthToo === 'after' ? length(body) : ''}`,
      body: (body) => `${inChunks(body, piece, extension)}${end}`,
    })),
)

const REQUEST = fc
  .record({
    method: METHODS,
    target: TARGETS,
    version: VERSIONS,
    host: HOSTS,
    headers: fc.array(HEADERS, { maxLength: 2 }),
    framing: FRAMINGS,
    body: BODIES,
    before: fc.constantFrom('', '', '', '', '\r\n', '\n', ' '),
  })
  .map(({ method, target, version, host, headers, framing, body, before }) => {
    const head = `${before}${method} ${target}${version}\r\n${host}${headers.join('')}`
    // Only some requests have a body at all; a GET that has one is odd enough to be among them.
    return {
      bytes: `${head}${framing.header(body)}\r\n${framing.body(body)}`,
      isHead: method === 'HEAD',
    }
  })
const PLAIN_REQUEST = fc
  .constantFrom(
    'POST /p/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none',
    'GET /s/a HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /s/a HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n\r\n',
    'GET /p/a HTTP/1.1\r\nHost: x\r\n\r\n',
  )
  .map((bytes) => ({ bytes, isHead: false }))

/** A byte put in, taken out or changed somewhere. */
const MUTATION = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  cut: fc.integer({ min: 0, max: 2 }),
  put: fc.constantFrom('', '\r', '\n', '\r\n', ' ', '\t', '\0', ':', '0', '\x80', ','),
})
export interface Stream {
  readonly bytes: string
  /** Whether a HEAD is among them, whose answer has a Content-Length but no body. */
  readonly heads: boolean
  /** Where they are cut into pieces. */
  readonly places: readonly number[]
}
export const STREAM: fc.Arbitrary<Stream> = fc
  .record({
    requests: fc.array(fc.oneof(REQUEST, PLAIN_REQUEST), { minLength: 1, maxLength: 4 }),
    mutations: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      fc.array(MUTATION, { maxLength: 3 }),
    ),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
  })
  .map(({ requests, mutations, cuts }) => {
    let bytes = requests.map((request) => request.bytes).join('')
    for (const { at, cut, put } of mutations) {
      const place = Math.floor(at * bytes.length)
      bytes = bytes.slice(0, place) + put + bytes.slice(place + cut)
    }
    const heads = requests.some((request) => request.isHead)
    const places = cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b)
    return { bytes, heads, places }
  })
