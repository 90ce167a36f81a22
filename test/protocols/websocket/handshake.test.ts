import { describe, expect, it } from 'vitest'
import { RawClient, type RawReply, request } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { publish } from '../events/events-client.ts'
import { FrameClient, handshake } from './frame-client.ts'

const FOREIGN = { Origin: 'https://app.example' }

/** Asks for a WebSocket, and gets an ordinary answer. */
async function refused(port: number, path: string, headers = {}): Promise<RawReply> {
  const client = await RawClient.connect(port)
  client.send(handshake(path, headers))
  const reply = await client.reply()
  await client.until(() => client.ended).catch(() => {})
  return reply
}

describe.each(PATHS)('the handshake of a WebSocket over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('follows the channel that the URL names', async () => {
    const { port } = await start()
    const last = await publish(port, 'elsewhere', 'x')
    const client = await FrameClient.open(port, '/ws/a%20b')
    expect(await client.json()).toEqual({ subscribed: ['a b'], position: last })
    await publish(port, 'a%20b', 'hello')
    expect(await client.json()).toMatchObject({ channel: 'a b', body: 'hello' })
  })

  it('follows nothing without a channel', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/')
    await publish(port, 'a', 'unheard')
    expect(await client.ask({ ping: 1 })).toHaveProperty('pong')
  })

  it('takes channels, since and last in the URL, as event streams do', async () => {
    const { port } = await start()
    for (const channel of ['a', 't/x', 'b']) await publish(port, channel, channel)

    const all = await FrameClient.open(port, '/ws/?channel=b&channel=t/&since=all')
    const last = await FrameClient.open(port, '/ws/b?channel=/&last=2')

    expect(await all.json()).toEqual({ subscribed: ['b', 't/'] })
    expect(await all.bodies(2)).toEqual(['t/x', 'b'])
    expect(await last.json()).toEqual({ subscribed: ['b', '/'] })
    expect(await last.bodies(2)).toEqual(['t/x', 'b'])
  })

  it('says where a subscription in the URL starts', async () => {
    const { port } = await start()
    const one = await publish(port, 'a', 'one')
    await publish(port, 'a', 'two')
    const client = await FrameClient.open(port, `/ws/a?since=${one}`)
    expect(await client.json()).toEqual({ subscribed: ['a'], position: one })
    expect(await client.bodies(1)).toEqual(['two'])
  })

  it('takes a time to come as now: what it answers is a cursor to come back with', async () => {
    const { port } = await start()
    const id = await publish(port, 'a', 'one')
    const tomorrow = Math.floor(Date.now() / 1000) + 86_400

    const client = await FrameClient.open(port, `/ws/a?since=${tomorrow}`)
    expect(await client.json()).toEqual({ subscribed: ['a'], position: id })
    await publish(port, 'a', 'two')
    expect(await client.bodies(1)).toEqual(['two'])
  })

  it.each([
    ['a malformed cursor', '/ws/a?since=x', 'bad_cursor'],
    ['an empty channel', '/ws/?channel=', 'bad_channel'],
    ['a malformed escape', '/ws/%zz', 'bad_channel'],
    ['too many channels', '/ws/a?channel=b&channel=c', 'too_many'],
    ['a last that is none', '/ws/a?last=many', 'bad_request'],
  ])('refuses %s before anything else', async (_, path, code) => {
    const { port } = await start('limits: { maxSubscriptions: 2 }')
    const reply = await refused(port, path)
    expect(reply.status).toBe(400)
    expect(reply.headers['connection']).toBe('close')
    expect(reply.body.toString()).toContain(code)
  })

  it('is offered on a subscriber location', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/subscriber/a')
    expect(await client.json()).toHaveProperty('subscribed', ['a'])
    await publish(port, 'a', 'hello')
    expect(await client.bodies(1)).toEqual(['hello'])
  })

  it.each(['/nowhere', '/publisher/a', '/events/a'])(
    'is answered with 404 elsewhere: %s',
    async (path) => {
      const { port } = await start()
      expect((await refused(port, path)).status).toBe(404)
    },
  )

  it('is what a plain request to a WebSocket location is told of', async () => {
    const { port } = await start()
    const reply = await request(port, 'GET', '/ws/a')
    expect(reply.status).toBe(426)
    expect(reply.headers['upgrade']).toBe('websocket')
    expect(reply.headers['connection']).toMatch(/\bUpgrade\b/)
    expect(reply.body.toString()).toContain('upgrade_required')
  })

  it.each([
    ['another protocol', { Upgrade: 'h2c' }],
    ['an old version', { 'Sec-WebSocket-Version': '7' }],
    ['no key', { 'Sec-WebSocket-Key': '' }],
    ['a key of the wrong length', { 'Sec-WebSocket-Key': 'AAAA' }],
  ])('needs to be right: %s', async (_, headers) => {
    const { port } = await start()
    const client = await RawClient.connect(port)
    client.send(handshake('/ws/a', headers))
    expect(await client.takeUntil('\r\n')).toMatch(/^HTTP\/1.1 4\d\d /)
  })

  it('takes frames that come in one packet with it', async () => {
    const { port } = await start()
    const raw = await RawClient.connect(port)
    const ping = Buffer.from('818c00000000', 'hex')
    raw.send(Buffer.concat([handshake('/ws/'), ping, Buffer.from('{"ping":123}')]))
    await raw.takeUntil('\r\n\r\n')
    expect(await raw.takeUntil('}')).toContain('"pong"')
  })

  it('keeps pages of other origins out, unless the location allows them', async () => {
    const { port } = await start(`
locations:
  - { type: websocket, prefix: /closed/ }
  - { type: websocket, prefix: /named/, allow_origin: 'https://app.example' }
  - { type: websocket, prefix: /any/, allow_origin: '*' }
  - { type: subscriber, prefix: /closed-subscriber/ }`)
    const own = { Origin: `http://127.0.0.1:${port}`, Host: `127.0.0.1:${port}` }

    const closed = await refused(port, '/closed/a', FOREIGN)
    const subscriber = await refused(port, '/closed-subscriber/a', FOREIGN)
    const other = await refused(port, '/named/a', { Origin: 'https://evil.example' })
    const rebound = await refused(port, '/closed/a', {
      Origin: 'http://evil.example:8080',
      Host: 'evil.example:8080',
    })

    for (const { status, body } of [closed, subscriber, other, rebound]) {
      expect(status).toBe(403)
      expect(body.toString()).toContain('foreign_origin')
    }
    await FrameClient.open(port, '/closed/a', own)
    await FrameClient.open(port, '/named/a', FOREIGN)
    await FrameClient.open(port, '/any/a', FOREIGN)
  })
})
