/** Small requests for large work: subscriptions, patterns, and what is packed. */
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { FrameClient, handshake } from '../protocols/websocket/frame-client.ts'
import { RespClient } from '../protocols/redis/resp-client.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, testConfig } from '../support/server.ts'
import { startAll } from './support.ts'

const BOUND = 'limits: { maxSubscriptions: 3 }\n'
const FOUR = ['a', 'b', 'c', 'd']

describe('more subscriptions than one connection may have are refused', () => {
  it.each(['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE'])(
    'by %s, at once and one by one',
    async (word) => {
      const { ports } = await startAll(BOUND)
      const client = await RespClient.connect(ports.redis)
      expect(await client.ask(word, ...FOUR)).toMatch(/^-ERR A connection has at most 3/)

      const other = await RespClient.connect(ports.redis)
      await other.ask('HELLO', '3')
      for (const name of FOUR.slice(1)) await other.ask(word, name)
      expect(await other.ask(word, 'one more')).toMatch(/^-ERR A connection has at most 3/)
      expect(await other.ask('PING')).toBe('+PONG')
    },
  )

  it('of an event stream, by its URL', async () => {
    const { port } = await startAll(BOUND)
    const channels = FOUR.map((name) => `channel=${name}`).join('&')
    expect((await request(port, 'GET', `/events/?${channels}`)).status).toBe(400)
  })

  it('by XREAD', async () => {
    const { ports } = await startAll(BOUND)
    const client = await RespClient.connect(ports.redis)
    const ids = FOUR.map(() => '0')
    const answer = await client.ask('XREAD', 'BLOCK', '0', 'STREAMS', ...FOUR, ...ids)
    expect(answer).toMatch(/^-ERR One XREAD reads at most 3/)
  })

  it('by frames of a WebSocket', async () => {
    const { port } = await startAll(BOUND)
    const client = await FrameClient.open(port)
    expect(await client.ask({ subscribe: FOUR })).toMatchObject({ error: { code: 'too_many' } })
  })

  it('by lines of fanout', async () => {
    const { ports } = await startAll(BOUND)
    const client = await RawClient.connect(ports.fanout)
    for (const name of FOUR) client.send(`subscribe ${name}\n`)
    await client.takeUntil('one connection follows at most 3 channels')
  })
})

describe('a pattern', () => {
  it('takes no time that grows faster than it and the name', async () => {
    const { ports } = await startAll()
    const follower = await RespClient.connect(ports.redis)
    await follower.ask('HELLO', '3')
    // Of each star there are hundreds of places to try, if one were to try them all.
    const patterns = Array.from({ length: 200 }, (_, n) => `${'a*'.repeat(60)}[^a]${n}`)
    await follower.ask('PSUBSCRIBE', ...patterns)
    const publisher = await RespClient.connect(ports.redis)

    const name = 'a'.repeat(512)
    for (let n = 0; n < 20; n++) expect(await publisher.ask('PUBLISH', name, 'x')).toBe(0)
  })

  it('of a location that could take such time is refused with the configuration', () => {
    expect(() => bomb('/sub/((a+)+)b')).toThrow()
    expect(() => bomb('/sub/((?:a|a)*)b')).toThrow()
    expect(bomb('/sub/([a-z]+)')).toBeDefined()
  })
})

describe.each(PATHS)('what is packed, over $path', ({ lean }) => {
  const packed = gzipSync(Buffer.alloc(5_000_000))

  it.each(['gzip', 'deflate', 'br', 'GZIP', 'identity, gzip'])(
    'as %s is not unpacked',
    async (coding) => {
      const { port, ports } = await startAll('', '', { lean })
      const headers = { 'Content-Encoding': coding }

      const posted = await request(port, 'POST', '/publisher/a', headers, packed)
      const called = await request(ports.management, 'POST', '/channel/publish', headers, packed)
      const hooked = await request(port, 'POST', '/github', headers, packed)
      const feed = await RawClient.connect(ports.feed)
      feed.send(requestBytes('POST', '/json', headers, packed))

      expect([posted.status, called.status, hooked.status]).toEqual([415, 415, 415])
      expect(await feed.rest()).toMatch(/^HTTP\/1.1 415 /)
    },
  )

  it('as it is goes through', async () => {
    const { port } = await startAll('', '', { lean })
    const headers = { 'Content-Encoding': 'identity' }
    expect((await request(port, 'POST', '/publisher/a', headers, 'x')).status).toBe(202)
  })

  it('is not agreed upon by a WebSocket, nor taken', async () => {
    const { port } = await startAll('', '', { lean })
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
    for (const path of ['/ws/a', '/socket.io/?EIO=4&transport=websocket']) {
      const client = await RawClient.connect(port)
      client.send(handshake(path, offer))
      const head = await client.takeUntil('\r\n\r\n')
      expect(head).toMatch(/^HTTP\/1.1 101 /)
      expect(head.toLowerCase()).not.toContain('sec-websocket-extensions')
    }
    const client = await FrameClient.open(port)
    // A text frame that says it is packed (RSV1).
    client.raw.send(Buffer.from([0xc1, 0x80, 0, 0, 0, 0]))
    expect((await client.closed()).code).toBe(1002)
  })
})

/** Reads a configuration with this URL. */
function bomb(url: string): unknown {
  return testConfig(`locations: [{ type: subscriber, url: '${url}' }]`)
}
