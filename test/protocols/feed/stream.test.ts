import { describe, expect, it } from 'vitest'
import { channelFromText, type ChannelName } from '../../../src/model/channel.ts'
import { Clock } from '../../../src/model/clock.ts'
import { RawClient, request } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { exchange, FeedClient, OPENING, post, startFeed } from './feed-client.ts'

function named(name: string): ChannelName {
  return channelFromText(name) as ChannelName
}

describe('a subscriber', () => {
  it('gets the head and the chunk of the original, byte for byte', async () => {
    const { feedPort } = await startFeed()
    const raw = await RawClient.connect(feedPort)
    raw.send('GET /json HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await raw.takeUntil('\r\n\r\n')
    await post(feedPort, '/json', '{"commit":{"a":1}}\n')
    const event = '14\r\n{"commit":{"a":1}}\r\n\r\n'
    expect((await raw.take(event.length)).toString()).toBe(event)
  })

  it.each([
    ['over HTTP/1.0', 'GET /json HTTP/1.0\r\n\r\n'],
    ['with bare line feeds', 'GET /json HTTP/1.1\nHost: x\n\n'],
    ['with a method in small letters', 'get /json HTTP/1.1\r\n\r\n'],
    ['after empty lines', '\r\n\r\n\nGET /json HTTP/1.1\r\n\r\n'],
    ['that names the host as to a proxy', 'GET http://localhost:2069/json HTTP/1.1\r\n\r\n'],
    ['with lines that are no headers', 'GET /json HTTP/1.1\r\nnonsense\r\n: x\r\n\r\n'],
  ])('%s gets the same', async (_, head) => {
    const { feedPort } = await startFeed()
    const raw = await RawClient.connect(feedPort)
    for (const byte of head) raw.send(byte)
    expect((await raw.take(OPENING.length)).toString()).toBe(OPENING)
    await post(feedPort, '/json', '[1]')
    expect((await raw.take(8)).toString()).toBe('5\r\n[1]\r\n')
  })

  it.each([
    ['/foo', ['foo', 'foo/', 'foo/bar', 'foo/bar/baz']],
    ['/foo/', ['foo/', 'foo/bar', 'foo/bar/baz']],
    ['/foo/*', ['foo', 'foo/', 'foo/bar', 'foo/bar/baz']],
    ['/foo*', ['foo', 'foo/', 'foo/bar', 'foo/bar/baz']],
    ['/', ['foo', 'foo/', 'foo/bar', 'foo/bar/baz', 'foobar', 'x y', 'é', 'foo?x=1']],
    ['/*', ['foo', 'foo/', 'foo/bar', 'foo/bar/baz', 'foobar', 'x y', 'é', 'foo?x=1']],
    ['*', ['foo', 'foo/', 'foo/bar', 'foo/bar/baz', 'foobar', 'x y', 'é', 'foo?x=1']],
    ['/x%20y', ['x y']],
    ['/%C3%A9', ['é']],
    ['/foo?x=1', ['foo?x=1']],
    ['foobar', ['foobar']],
  ])('of %s hears what lies there and below', async (uri, heard) => {
    const { feedPort, server } = await startFeed('stillalive: 0')
    const all = ['foo', 'foo/', 'foo/bar', 'foo/bar/baz', 'foobar', 'x y', 'é', 'foo?x=1']
    const client = await FeedClient.open(feedPort, uri)
    for (const name of all) await server.hub().publish({ channel: named(name), body: text(name) })
    const lines = await client.lines(heard.length)
    expect(lines.map((line) => (JSON.parse(line) as { channel: string }).channel)).toEqual(heard)
    await server.hub().publish({ channel: named(heard[0] ?? ''), body: text('last') })
    expect(await client.line()).toContain('"last"')
  })

  it.each(['/%', '/a%2', `/${'a'.repeat(513)}`])('of %s is refused', async (uri) => {
    const { feedPort } = await startFeed()
    expect(await exchange(feedPort, `GET ${uri} HTTP/1.1\r\n\r\n`)).toBe(
      'HTTP/1.1 400 Bad request\r\n\r\nA path names a channel of 1 to 512 bytes, such as /json, percent-encoded :(\r\n',
    )
  })

  it('that closes its half is gone at once', async () => {
    const { feedPort, server } = await startFeed('stillalive: 0')
    const client = await FeedClient.open(feedPort, '/json')
    client.raw.socket.end()
    expect(await client.raw.rest()).toBe('')
    expect(server.hub().receivers(named('json'))).toBe(0)
  })

  it('may send what it likes; nobody reads it', async () => {
    const { feedPort } = await startFeed()
    const client = await FeedClient.open(feedPort, '/json')
    client.raw.send(Buffer.alloc(1_000_000, 'x'))
    client.raw.send('POST /json HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]')
    await post(feedPort, '/json', '[2]')
    expect(await client.line()).toBe('[2]')
  })

  it('that leaves is forgotten', async () => {
    const { feedPort, server } = await startFeed()
    const client = await FeedClient.open(feedPort, '/json')
    expect(server.hub().receivers(named('json'))).toBe(1)
    client.raw.close()
    await until(() => server.hub().receivers(named('json')) === 0, 'it is forgotten')
  })
})

describe('an event', () => {
  it('is the data that was published beside the body', async () => {
    const data = '{"push": {"n": 12345678901234567890}}'
    expect(await shown({ body: text('octocat pushed'), data })).toBe(data)
  })

  it('is a JSON body as it was published', async () => {
    expect(await shown({ body: text('{ "z":1,"a":1e3 }') })).toBe('{ "z":1,"a":1e3 }')
    const contentType = 'application/json'
    expect(await shown({ body: text('"text"'), contentType })).toBe('"text"')
  })

  it('is one line, however many the JSON had', async () => {
    expect(await shown({ body: text('\n{\r\n  "a": 1\n}\n') })).toBe('{   "a": 1 }')
  })

  it('has a text within an object', async () => {
    const body = text('no "JSON"\n at all')
    expect(await shown({ body })).toBe('{"channel":"a/b","message":"no \\"JSON\\"\\n at all"}')
    const json = text('{"a":1}')
    const contentType = 'text/plain'
    expect(await shown({ body: json, contentType })).toBe(
      '{"channel":"a/b","message":"{\\"a\\":1}"}',
    )
  })

  it('has bytes in base64, and says so', async () => {
    expect(await shown({ body: Buffer.from([0xff, 0x00]) })).toBe(
      '{"channel":"a/b","message":"/wA=","encoding":"base64"}',
    )
  })

  it('is a line of its own within a batch', async () => {
    const { feedPort, port } = await startFeed('stillalive: 0')
    const client = await FeedClient.open(feedPort, '/')
    const headers = { 'Content-Type': 'application/x-ndjson' }
    const batch = '{"body":"one"}\n{"data":[2]}\n{"body":"3"}\n'
    await request(port, 'POST', '/publisher/a', headers, batch)
    expect(await client.lines(3)).toEqual([
      '{"channel":"a","message":"one"}',
      '[2]',
      '{"channel":"a","message":"3"}',
    ])
  })
})

describe('stillalive', () => {
  it('comes again and again, with six decimals', async () => {
    const { feedPort } = await startFeed('stillalive: 30ms')
    const client = await FeedClient.open(feedPort, '/none')
    const times = (await client.lines(3)).map((line) => {
      expect(line).toMatch(/^\{"stillalive": \d+\.\d{6}\}$/)
      return (JSON.parse(line) as { stillalive: number }).stillalive
    })
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(Math.abs((times[0] ?? 0) - Date.now() / 1000)).toBeLessThan(60)
  })

  it("tells the clock's time, which no later message is older than", async () => {
    const clock = new Clock(() => 1_700_000_000_123)
    const { feedPort } = await startFeed('stillalive: 30ms', '', { clock })
    const client = await FeedClient.open(feedPort, '/json')
    expect(await client.line()).toBe('{"stillalive": 1700000000.123000}')
  })

  it('can be switched off', async () => {
    const { feedPort } = await startFeed('stillalive: 0')
    const silent = await FeedClient.open(feedPort, '/json')
    const other = await startFeed('stillalive: 20ms')
    await (await FeedClient.open(other.feedPort, '/json')).lines(3)
    expect(silent.raw.received.length).toBe(0)
  })
})

function text(body: string): Buffer {
  return Buffer.from(body)
}

async function shown(draft: { body: Buffer; contentType?: string; data?: string }) {
  const { feedPort, server } = await startFeed('stillalive: 0')
  const client = await FeedClient.open(feedPort, '/a')
  await server.hub().publish({ channel: named('a/b'), ...draft })
  return client.line()
}
