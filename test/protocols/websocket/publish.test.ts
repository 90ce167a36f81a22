import { describe, expect, it } from 'vitest'
import { RawClient, request, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { EventsClient } from '../events/events-client.ts'
import { FrameClient, TEXT } from './frame-client.ts'

const OWN_PAGE = (port: number): Record<string, string> => ({
  Origin: `http://localhost:${port}`,
  Host: `localhost:${port}`,
})

describe.each(PATHS)('publishing by frames over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('is answered with the id, the channel as it was spelled, and who heard it', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a?format=json')
    const client = await FrameClient.open(port)

    const answer = await client.ask({ publish: '/a', body: 'hello', type: 'text/plain', ref: 'r' })

    const { id = '', data = '' } = await stream.block()
    expect(answer).toEqual({ published: id, channel: '/a', receivers: 1, ref: 'r' })
    expect(JSON.parse(data)).toMatchObject({ id, channel: 'a', body: 'hello', type: 'text/plain' })
  })

  it('reaches its own connection, once', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    client.send({ publish: 'a', body: 'x' })
    const both = [await client.json(), await client.json()]
    expect(both).toContainEqual(expect.objectContaining({ published: expect.any(String) }))
    expect(both).toContainEqual(expect.objectContaining({ body: 'x' }))
    expect(await client.ask({ ping: 1 })).toHaveProperty('pong')
  })

  it('keeps data verbatim: large numbers, the order of keys, duplicates, escapes', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    const data = '{"b":12345678901234567890,"a":1.10,"b":[1e400,"\\u00e4\\/"], "c" : {} }'
    client.send(`{"publish":"a","body":"built","data":${data},"attributes":{"url":"u"}}`)
    for (;;) {
      const text = await client.text()
      if (text.includes('"published"')) continue
      expect(text).toContain(`"body":"built","data":${data},"attributes":{"url":"u"}}`)
      break
    }
  })

  it('makes data that comes alone the body, as JSON', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    await client.ask('{"publish":"a","data":{"n":12345678901234567890}}')
    const reply = await request(port, 'GET', '/subscriber/a')
    expect(reply.headers['content-type']).toBe('application/json')
    expect(reply.body.toString()).toBe('{"n":12345678901234567890}')
  })

  it('takes bytes as base64', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    await client.ask({ publish: 'a', body: '/wABgA==', encoding: 'base64' })
    const reply = await request(port, 'GET', '/subscriber/a')
    expect(reply.body).toEqual(Buffer.from([0xff, 0, 1, 0x80]))
  })

  it('takes attributes, a type of event among them', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    const client = await FrameClient.open(port)
    await client.ask({ publish: 'a', body: 'x', attributes: { event: 'build' } })
    expect(await stream.block()).toMatchObject({ event: 'build', data: 'x' })
  })

  it('with the same key is stored once, and with another message refused', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    const first = await client.ask({ publish: 'a', body: 'x', key: 'k' })
    const second = await client.ask({ publish: 'a', body: 'x', key: 'k' })
    const third = await client.ask({ publish: 'a', body: 'y', key: 'k', ref: 3 })
    expect(second).toEqual({ ...first, duplicate: true })
    expect(third).toMatchObject({ error: { code: 'key_reused' }, ref: 3 })
    expect(await messagesKept(port)).toBe(1)
  })

  it('with a ttl of 0 is for those who are there', async () => {
    const { port } = await start()
    const live = await FrameClient.open(port, '/ws/a')
    await live.json()
    const client = await FrameClient.open(port)
    await client.ask({ publish: 'a', body: 'x', ttl: 0 })
    expect(await live.bodies(1)).toEqual(['x'])
    expect(await client.ask({ subscribe: 'a', since: 'all' })).toHaveProperty('subscribed')
  })

  it('is for trusted peers, also on connections of their own', async () => {
    const { port } = await start('trustedPeers: []')
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    const refused = { error: { code: 'not_trusted' }, ref: 1 }
    expect(await client.ask({ publish: 'a', body: 'x', ref: 1 })).toMatchObject(refused)
    // It may go on listening.
    expect(await client.ask({ subscribe: 'b' })).toHaveProperty('subscribed')
  })

  it('is not for proxies that the configuration does not name', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/', { 'X-Forwarded-For': '127.0.0.1' })
    const answer = await client.ask({ publish: 'a', body: 'x' })
    expect(answer).toMatchObject({ error: { code: 'not_trusted' } })
  })

  it('is for pages of named origins, and not for all that may listen', async () => {
    const { port } = await start(`
locations:
  - { type: websocket, prefix: /named/, allow_origin: 'https://app.example' }
  - { type: websocket, prefix: /any/, allow_origin: '* https://app.example' }`)
    const page = { Origin: 'https://app.example' }
    const other = { Origin: 'https://other.example' }
    const frame = { publish: 'a', body: 'x' }

    const ask = async (path: string, headers: Record<string, string>): Promise<unknown> =>
      (await FrameClient.open(port, path, headers)).ask(frame)

    expect(await ask('/named/', page)).toHaveProperty('published')
    expect(await ask('/any/', page)).toHaveProperty('published')
    expect(await ask('/any/', other)).toMatchObject({ error: { code: 'foreign_origin' } })
    expect(await ask('/any/', OWN_PAGE(port))).toHaveProperty('published')
  })

  it('is bounded by limits.maxBodyBytes, and the connection goes on', async () => {
    const { port } = await start('limits: { maxBodyBytes: 1000 }')
    const client = await FrameClient.open(port)
    expect(await client.ask({ publish: 'a', body: 'x'.repeat(1000) })).toHaveProperty('published')
    expect(await client.ask({ publish: 'a', body: 'x'.repeat(1001), ref: 2 })).toMatchObject({
      error: { code: 'too_large' },
      ref: 2,
    })
    const base64 = Buffer.alloc(1000).toString('base64')
    const frame = { publish: 'a', body: base64, encoding: 'base64' }
    expect(await client.ask(frame)).toHaveProperty('published')
  })

  it('of a large message works', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    const body = 'ä'.repeat(2 ** 22)
    const frame = JSON.stringify({ publish: 'a', body })
    client.sendFrame(TEXT, Buffer.from(frame))
    expect(await client.json()).toHaveProperty('published')
    const poll = await RawClient.connect(port)
    poll.send(requestBytes('GET', '/subscriber/a'))
    expect((await poll.reply()).body.equals(Buffer.from(body))).toBe(true)
  })

  it('is finished although its client leaves at once', async () => {
    const { port, server } = await start()
    const client = await FrameClient.open(port)
    client.send({ publish: 'a', body: 'x' })
    client.raw.socket.end()
    const stat = (): unknown => server.hub().stat('a' as never)
    await until(() => stat() !== undefined, 'it is stored')
  })
})

/** How many messages the channel `a` keeps. */
async function messagesKept(port: number): Promise<number> {
  const reply = await request(port, 'GET', '/publisher/a', { Accept: 'application/json' })
  return (JSON.parse(reply.body.toString()) as { messages: number }).messages
}
