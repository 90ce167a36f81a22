import { describe, expect, it } from 'vitest'
import { own, readHead, type RequestHead } from '../../src/http/head.ts'
import { heapInUse } from './support.ts'

const MAX = 16 * 2 ** 10

function read(text: string, max = MAX): RequestHead | 'more' | 'foreign' {
  return readHead(Buffer.from(text, 'latin1'), 0, max)
}

/** The head, which must be one. */
function accept(text: string, max = MAX): RequestHead {
  const head = read(text, max)
  if (typeof head === 'string') throw new Error(`${head}: ${JSON.stringify(text)}`)
  return head
}

function withLines(lines: string): RequestHead {
  return accept(`GET / HTTP/1.1\r\n${lines}\r\n\r\n`)
}

const POST = 'POST /publisher/a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n'

describe('the lean parser', () => {
  it('reads method, path, query, headers and the length of the body', () => {
    const head = accept(
      'POST /a/%41?since=1&x=? HTTP/1.1\r\nHost:x:80\r\nX-Odd_1~: \t two  words \t\r\nEMPTY:\r\ncontent-length: 12\r\n\r\nbody',
    )
    expect(head).toEqual({
      method: 'POST',
      path: '/a/%41',
      query: 'since=1&x=?',
      names: ['host', 'x-odd_1~', 'empty', 'content-length'],
      values: ['x:80', 'two  words', '', '12'],
      plain: true,
      length: 12,
      keepAlive: true,
      upgrades: false,
      end: 101,
    })
  })

  it('begins where it is told, and looks no further than the head', () => {
    const text = `GET /before HTTP/1.1\r\nHost: x\r\n\r\n${POST}hello\x00\xffGARBAGE`
    const start = text.indexOf('POST')
    const head = readHead(Buffer.from(text, 'latin1'), start, MAX)
    expect(head).toMatchObject({ method: 'POST', length: 5, end: start + POST.length })
  })

  it('waits at every point where a request can be split, and then reads the same', () => {
    const whole = accept(POST)
    for (let length = 0; length < POST.length; length++) {
      expect(read(POST.slice(0, length)), `after ${length} bytes`).toBe('more')
    }
    for (const behind of ['', 'h', 'hello', `hello${POST}`]) {
      expect(read(POST + behind)).toEqual(whole)
    }
  })

  it('reads a line that begins like the one before it at its place', () => {
    expect(withLines('Host: x\r\nA: b').values).toEqual(['x', 'b'])
    expect(withLines('Host: x\r\nA: bc').values).toEqual(['x', 'bc'])
    expect(withLines('Host: x\r\nA: b').values).toEqual(['x', 'b'])
    expect(withLines('Host: x\r\nAa: b')).toMatchObject({
      names: ['host', 'aa'],
      values: ['x', 'b'],
    })
    expect(accept('GET / HTTP/1.1\r\nHost: x\r\n\r\n').names).toEqual(['host'])
  })

  it('reads what comes again and again as what it is, and what only begins so as what that is', () => {
    const again = 'GET /again HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n'
    for (let i = 0; i < 4; i++) {
      expect(accept(`${again}behind`)).toMatchObject({ path: '/again', end: again.length })
    }
    expect(read(again.slice(0, -1))).toBe('more')
    expect(read(`${again.slice(0, -2)}C: d\r\n\r\n`)).toMatchObject({ values: ['x', 'b', 'd'] })
    expect(accept(again)).toMatchObject({ values: ['x', 'b'] })
    expect(accept(again)).toMatchObject({ values: ['x', 'b'] })
    expect(accept(again.replace('again', 'other'))).toMatchObject({ path: '/other' })
    const [big, small] = [again.length, again.length - 5]
    for (const max of [big, small, big, small]) {
      expect(typeof read(again, max)).toBe(max === big ? 'object' : 'string')
    }
  })

  it('gives each request its own headers, whatever came before and after it', () => {
    const first = withLines('Host: x\r\nAuthorization: Bearer a\r\nB: 1')
    const second = withLines('Host: x\r\nAuthorization: Bearer b\r\nB: 1\r\nC: 2')
    const third = withLines('Host: x\r\nB: 1')
    expect(first).toMatchObject({ values: ['x', 'Bearer a', '1'] })
    expect(second).toMatchObject({ names: ['host', 'authorization', 'b', 'c'] })
    expect(second).toMatchObject({ values: ['x', 'Bearer b', '1', '2'] })
    expect(third).toMatchObject({ names: ['host', 'b'], values: ['x', '1'] })
  })

  it.each([
    ['Origin: http://x', false],
    ['Sec-Fetch-Site: cross-site', false],
    ['X-Forwarded-For: 1.2.3.4', false],
    ['Via: 1.1 proxy', false],
    ['Accept: text/plain', true],
  ])('tells whether anything speaks for somebody else: %s', (line, plain) => {
    const text = `GET / HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n`
    expect([accept(text).plain, accept(text).plain]).toEqual([plain, plain])
  })

  it.each(['GET', 'POST', 'PUT', 'DELETE'])('knows %s', (method) => {
    expect(accept(`${method} / HTTP/1.1\r\nHost:\r\n\r\n`)).toMatchObject({ method, length: 0 })
  })

  it.each([
    ['no Connection', '', true],
    ['keep-alive', 'Connection: keep-alive\r\n', true],
    ['Keep-Alive', 'connection:Keep-Alive\r\n', true],
    ['close', 'Connection: close\r\n', false],
    ['CLOSE', 'CONNECTION: CLOSE \r\n', false],
  ])('knows whether the connection goes on: %s', (_, line, keepAlive) => {
    expect(accept(`GET / HTTP/1.1\r\nHost: x\r\n${line}\r\n`).keepAlive).toBe(keepAlive)
  })

  it('takes a wish to speak WebSocket, as browsers and libraries spell it', () => {
    for (const [connection, upgrade] of [
      ['Upgrade', 'websocket'],
      ['upgrade', 'WebSocket'],
      ['keep-alive, Upgrade', 'websocket'],
    ]) {
      const head = withLines(`Host: x\r\nConnection: ${connection}\r\nUpgrade: ${upgrade}`)
      expect(head).toMatchObject({ upgrades: true, keepAlive: true, length: 0 })
    }
  })

  it('takes a Content-Length of 0 with any method', () => {
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const head = accept(`${method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`)
      expect(head.length).toBe(0)
    }
  })

  it('takes 40 headers, and a head of exactly the greatest length', () => {
    const headers = Array.from({ length: 39 }, (_, n) => `X-${n}: ${n}\r\n`).join('')
    const text = `GET / HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
    const head = accept(`${text}GET /next`)
    expect(head.names).toHaveLength(40)
    expect(head.end).toBe(text.length)

    const room = 1024 - 'GET / HTTP/1.1\r\nHost: x\r\nA: '.length
    const longest = `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(room)}\r\n\r\n`
    expect(accept(longest, 1024).end).toBe(1024 + 4)
    expect(read(longest, 1023)).toBe('foreign')
  })
})

/** A request with this first line. */
const line = (text: string): string => `${text}\r\nHost: x\r\n\r\n`
/** A request with these further header lines. */
const headers = (text: string, method = 'POST'): string =>
  `${method} /a HTTP/1.1\r\nHost: x\r\n${text}\r\n\r\n`

describe('what the lean parser leaves to node:http, whole', () => {
  it.each<[string, string]>([
    ['chunked', headers('Transfer-Encoding: chunked')],
    ['chunked with a length', headers('Content-Length: 3\r\nTransfer-Encoding: chunked')],
    ['chunked in capitals', headers('TRANSFER-ENCODING: CHUNKED')],
    ['an unknown coding', headers('Transfer-Encoding: xchunked')],
    ['an expectation', headers('Expect: 100-continue\r\nContent-Length: 3')],
    ['another upgrade', headers('Connection: Upgrade\r\nUpgrade: h2c', 'GET')],
    ['an upgrade to one of two', headers('Connection: Upgrade\r\nUpgrade: h2c, websocket', 'GET')],
    [
      'an upgrade with a length',
      headers('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0', 'GET'),
    ],
    ['an upgrade of a POST', headers('Connection: Upgrade\r\nUpgrade: websocket')],
    ['Upgrade alone', headers('Upgrade: websocket', 'GET')],
    ['an upgrade without Connection', headers('Upgrade: h2c', 'GET')],
    ['Connection: upgrade alone', headers('Connection: upgrade', 'GET')],
    ['two connection options', headers('Connection: keep-alive, close', 'GET')],
    ['an empty Connection', headers('Connection:', 'GET')],
    ['TE', headers('TE: trailers', 'GET')],
    ['Trailer', headers('Trailer: X')],
    ['HTTP2-Settings', headers('HTTP2-Settings: AAMAAABk', 'GET')],
    ['Proxy-Connection', headers('Proxy-Connection: keep-alive', 'GET')],
    ['a header twice', headers('X-A: 1\r\nX-A: 1')],
    ['a header twice, in another case', headers('If-None-Match: 1\r\nif-none-match: 2', 'GET')],
    ['a length twice', headers('Content-Length: 5\r\nContent-Length: 5')],
    ['two hosts', headers('Host: y', 'GET')],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['no host, another header', 'GET / HTTP/1.1\r\nAccept: x\r\n\r\n'],
    ['a folded line', headers('X-A: 1\r\n 2', 'GET')],
    ['a line folded by a tab', headers('X-A: 1\r\n\t2', 'GET')],
    ['a space before the first header', 'GET / HTTP/1.1\r\n Host: x\r\n\r\n'],
    ['bare LF', 'GET / HTTP/1.1\nHost: x\n\n'],
    ['bare LF in the headers', 'GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n'],
    ['bare CR in a value', headers('X-A: 1\r2', 'GET')],
    ['bare CR between lines', 'GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n'],
    ['CR CR LF', 'GET / HTTP/1.1\r\r\nHost: x\r\n\r\n'],
    ['a space before the colon', headers('Content-Length : 5')],
    ['a tab before the colon', headers('X-A\t: 5')],
    ['a line without a colon', headers('Nothing', 'GET')],
    ['a line without a name', headers(': 5', 'GET')],
    ['a name that is no token', headers('X(A): 5', 'GET')],
    ['NUL in a value', headers('X-A: \0', 'GET')],
    ['NUL in a name', headers('X\0A: 1', 'GET')],
    ['NUL in the target', line('GET /\0 HTTP/1.1')],
    ['DEL', headers('X-A: \x7f', 'GET')],
    ['a vertical tab', headers('X-A: \v', 'GET')],
    ['Latin-1 in a value', headers('X-A: \xe4', 'GET')],
    ['a no-break space around a length', headers('Content-Length: \xa05')],
    ['Latin-1 in a name', headers('\xc4: 1', 'GET')],
    ['Latin-1 in the target', line('GET /\xe4 HTTP/1.1')],
    ['absolute-form', line('GET http://x/a HTTP/1.1')],
    ['asterisk-form', line('GET * HTTP/1.1')],
    ['authority-form', line('GET x:80 HTTP/1.1')],
    ['a fragment', line('GET /a#b HTTP/1.1')],
    ['a tab in the target', line('GET /a\tb HTTP/1.1')],
    ['a space in the target', line('GET /a b HTTP/1.1')],
    ['two spaces', line('GET  /a HTTP/1.1')],
    ['a tab for a space', line('GET\t/a HTTP/1.1')],
    ['no target', line('GET HTTP/1.1')],
    ['HTTP/1.0', line('GET /a HTTP/1.0')],
    ['HTTP/2.0', line('GET /a HTTP/2.0')],
    ['HTTP/1.10', line('GET /a HTTP/1.10')],
    ['HTTP/1.1 with junk', line('GET /a HTTP/1.1 junk')],
    ['HTTP/1.1 with a space', line('GET /a HTTP/1.1 ')],
    ['http/1.1', line('GET /a http/1.1')],
    ['no version', line('GET /a')],
    ['lower-case methods', line('get /a HTTP/1.1')],
    ['HEAD', line('HEAD /a HTTP/1.1')],
    ['OPTIONS', line('OPTIONS /a HTTP/1.1')],
    ['PATCH', line('PATCH /a HTTP/1.1')],
    ['CONNECT', line('CONNECT x:80 HTTP/1.1')],
    ['a method of nobody', line('GETS /a HTTP/1.1')],
    ['a leading CR LF', `\r\n${line('GET /a HTTP/1.1')}`],
    ['a leading space', ` ${line('GET /a HTTP/1.1')}`],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a length with a sign', headers('Content-Length: +5')],
    ['a negative length', headers('Content-Length: -5')],
    ['a list of lengths', headers('Content-Length: 5, 5')],
    ['a hexadecimal length', headers('Content-Length: 0x5')],
    ['a length with a dot', headers('Content-Length: 5.0')],
    ['a length with an exponent', headers('Content-Length: 5e1')],
    ['a length of words', headers('Content-Length: five')],
    ['an empty length', headers('Content-Length:')],
    ['two words of length', headers('Content-Length: 5 5')],
    ['a tab behind a length, which node:http refuses', headers('Content-Length: 5\t')],
    ['a length beyond all bounds', headers(`Content-Length: ${'9'.repeat(13)}`)],
    ['a GET with a body', headers('Content-Length: 5', 'GET')],
    ['a DELETE with a body', headers('Content-Length: 5', 'DELETE')],
    [
      '41 headers',
      headers(Array.from({ length: 40 }, (_, n) => `X-${n}: ${n}`).join('\r\n'), 'GET'),
    ],
    ['a head that is too long', headers(`X-A: ${'a'.repeat(MAX)}`)],
    ['a head that will be too long', `GET /${'a'.repeat(MAX)}`],
  ])('%s', (_, text) => {
    expect(read(text)).toBe('foreign')
  })

  it.each<[string, string]>([
    ['another method', 'HEAD'],
    ['a lower-case method', 'g'],
    ['a target that is no path', 'GET h'],
    ['a leading line end', '\r'],
    ['TLS', '\x16\x03\x01'],
    ['a first line that ends in a bare LF', 'GET / HTTP/1.1\n'],
    ['only the first line', 'GET / HTTP/1.1\nHost: x\r\n'],
    ['lines that do', 'GET / HTTP/1.1\r\nHost: x\n'],
    ['a blank line of bare LF', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\n\n'],
  ])('at once, before the head has ended: %s', (_, text) => {
    expect(read(text)).toBe('foreign')
  })

  it('for whatever byte stands where it should not', () => {
    const text = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
    for (let at = 0; at < text.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const mutated = text.slice(0, at) + String.fromCharCode(byte) + text.slice(at + 1)
        const head = read(mutated)
        if (typeof head === 'string') continue
        // Whatever is accepted is, byte for byte, a request that says just this.
        const target = head.query === '' ? head.path : `${head.path}?${head.query}`
        const said = mutated.slice(0, mutated.indexOf(' HTTP/1.1\r\n'))
        expect(said.replace(/\?$/, '')).toBe(`${head.method} ${target}`)
        expect(head.names).toEqual(['host'])
        expect(mutated).toMatch(/^[\t\r\n\x20-\x7e]*$/)
        expect(mutated.indexOf('\r\n\r\n') + 4).toBe(head.end)
      }
    }
  })
})

/** The least time of several runs: what it costs when nothing else has the processor. */
describe('hostile heads cost no more than their length', () => {
  const begin = 'GET / HTTP/1.1\r\nHost: x\r\n'
  it.each<[string, (n: number) => string]>([
    ['a target without an end', (n) => `GET /${'a'.repeat(n)}\r\n\r\n`],
    ['a target of slashes', (n) => `GET /${'/ HTTP/1.1'.repeat(n / 10)}\r\n\r\n`],
    ['lines without a colon', (n) => `${begin}${'aaaaaaaa\r\n'.repeat(n / 10)}\r\n`],
    ['one name without a colon', (n) => `${begin}${'a'.repeat(n)}\r\n\r\n`],
    ['colons', (n) => `${begin}a${':'.repeat(n)}\x01\r\n\r\n`],
    ['many lines, the last one bad', (n) => `${begin}${'a: b\r\n'.repeat(n / 6)}\x01\r\n\r\n`],
    ['spaces', (n) => `${begin}a:${' '.repeat(n)}\x01\r\n\r\n`],
    [
      'spaces and tabs around a value',
      (n) => `${begin}a:${' \t'.repeat(n / 4)}b${' \t'.repeat(n / 4)}\r\n\r\n`,
    ],
    [
      'spaces in a length',
      (n) => `${begin}Content-Length:${' '.repeat(n)}1 ${' '.repeat(n)}1\r\n\r\n`,
    ],
    ['digits', (n) => `POST${begin.slice(3)}Content-Length: ${'1'.repeat(n)}x\r\n\r\n`],
    ['line ends', (n) => `GET / HTTP/1.1${'\r'.repeat(n)}\n\r\n\r\n`],
    ['empty lines of names', (n) => `${begin}${'a:\r\n'.repeat(n / 4)}b\r\n\r\n`],
  ])('%s', (_, hostile) => {
    // Milliseconds when it is linear; an hour when it is quadratic. No machine is slow enough to mix them up.
    const bytes = Buffer.from(hostile(2 ** 21), 'latin1')
    const start = performance.now()
    readHead(bytes, 0, Number.POSITIVE_INFINITY)
    expect(performance.now() - start).toBeLessThan(10_000)
  })
})

it('what is read of a head does not keep the rest of it alive', () => {
  const filling = `X-Filling: ${'x'.repeat(8_000)}\r\n`
  const kept: string[] = []
  const before = heapInUse()
  for (let n = 1_000; n < 2_000; n++) {
    const { path, query, values } = accept(
      `GET /a-rather-long-name-${n}?query-as-well-${n} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${filling}\r\n`,
    )
    kept.push(path, query, own(values[1] ?? ''))
  }
  expect(heapInUse() - before).toBeLessThan(1_000 * 1_000)
  expect(kept.slice(-3)).toEqual([
    '/a-rather-long-name-1999',
    'query-as-well-1999',
    'application/json',
  ])
})
