/** What a handler throws, and what becomes of connections when the server stops. */
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../src/http/exchange.ts'
import { PLAIN, head, reply } from '../../src/http/reply.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { answersIn, chunked, echo, get, HOST, post, startHttp, Waiting } from './support.ts'

const WS = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`

/** A handler that fails on `/fail`, in the way given. */
function failing(fail: (exchange: Exchange) => void): (exchange: Exchange) => void {
  return (exchange) => (exchange.path === '/fail' ? fail(exchange) : echo(exchange))
}

const boom = new Error('boom')

describe.each(PATHS)('over $path', ({ lean }) => {
  it('what a handler throws is answered 500 and reported, and the connection goes on', async () => {
    const handle = failing(() => {
      throw boom
    })
    const { port, errors } = await startHttp(handle, { lean })
    const other = await RawClient.connect(port)
    const client = await RawClient.connect(port)

    client.send(get('/a') + get('/fail') + post('/fail', 'x') + chunked('/fail', 'x') + get('/b'))
    client.socket.end()

    const answers = answersIn(await client.rest())
    expect(answers.map(({ status }) => status)).toEqual([200, 500, 500, 500, 200])
    expect(answers[1]?.body).toMatch(/^500 internal: /)
    expect(answers[1]?.body).not.toContain('boom')
    expect(errors).toEqual([boom, boom, boom])
    other.send(get('/c'))
    expect((await other.reply()).status).toBe(200)
  })

  it('a client’s own mistake is answered as what it is, and not reported', async () => {
    const handle = failing(() => {
      throw new FanfareError('bad_channel')
    })
    const { port, errors } = await startHttp(handle, { lean })
    const client = await RawClient.connect(port)
    client.send(get('/fail'))
    expect((await client.reply()).status).toBe(400)
    expect(errors).toEqual([])
  })

  it.each<[string, (exchange: Exchange) => void]>([
    ['sent', (exchange) => exchange.send(reply(200, PLAIN, 'done', false))],
    ['responded', (exchange) => exchange.respond(reply(200, PLAIN, 'done', false))],
  ])('a handler that throws after it has %s leaves one answer', async (_, first) => {
    const handle = failing((exchange) => {
      first(exchange)
      throw boom
    })
    const { port, errors } = await startHttp(handle, { lean })
    const client = await RawClient.connect(port)
    client.send(get('/fail') + get('/b'))
    client.socket.end()
    expect(answersIn(await client.rest()).map(({ body }) => body)).toEqual(['done', 'GET /b'])
    expect(errors).toEqual([boom])
  })

  it('a handler that throws while it waits is answered for, and hears of no leaving', async () => {
    let leavings = 0
    const handle = failing((exchange) => {
      exchange.hold({ left: () => leavings++ })
      throw boom
    })
    const { port, server } = await startHttp(handle, { lean })
    const client = await RawClient.connect(port)
    client.send(get('/fail'))
    expect((await client.reply()).status).toBe(500)
    client.close()
    await until(() => server.connections === 0, 'the connection is gone')
    expect(leavings).toBe(0)
  })

  it('a stream that fails when it has begun is broken off', async () => {
    const handle = failing((exchange) => {
      exchange.stream(Buffer.from(head(200, ['Transfer-Encoding: chunked'], false)))
      throw boom
    })
    const { port, errors, server } = await startHttp(handle, { lean })
    const client = await RawClient.connect(port)
    client.send(get('/fail'))
    const text = await client.rest()
    expect(text).not.toContain('500')
    expect(errors).toEqual([boom])
    await until(() => server.connections === 0, 'the connection is gone')
  })

  it.each(['before', 'after'])('what an upgrade throws %s it is accepted', async (when) => {
    const { port, errors, server } = await startHttp(echo, {
      lean,
      limits: { headersTimeout: 100 },
      upgrade(upgrade) {
        if (when === 'after') upgrade.accept(() => {})
        throw boom
      },
    })
    const client = await RawClient.connect(port)
    client.send(get('/ws', WS))
    const text = await client.rest()
    if (when === 'before') expect(answersIn(text).map(({ status }) => status)).toEqual([500])
    expect(errors).toEqual([boom])
    await until(() => server.connections === 0, 'the connection is gone')
  })

  it('an answer to a client that has gone goes nowhere', async () => {
    const waiting = new Waiting()
    const { port, server } = await startHttp(waiting.handle, { lean })
    for (const path of ['/wait', '/work']) {
      const client = await RawClient.connect(port)
      client.send(get(path))
      await until(() => waiting.exchanges.length === 1, 'it is seen')
      client.socket.resetAndDestroy()
      await until(() => server.connections === 0, 'the client is gone')
      await waiting.answer('too late')
    }
    expect(waiting.leavings).toBe(1)
  })

  it('stops with all kinds of connections open', async () => {
    const { port, server } = await startServer('', { lean })
    const begin = async (bytes: string | Buffer): Promise<RawClient> => {
      const client = await RawClient.connect(port)
      client.send(bytes)
      return client
    }
    await (await begin(requestBytes('PUT', '/publisher/x'))).reply()
    const clients = [
      await begin(''),
      await begin('GET /'),
      await begin(post('/publisher/x', 'abc').slice(0, -1)),
      await begin(chunked('/publisher/x', 'abc').slice(0, -5)),
      await begin(get('/subscriber/x')),
      await begin(get('/subscriber/x') + get('/subscriber/x').repeat(20_000)),
      await begin(`HEAD / HTTP/1.1\r\n${HOST}\r\n${get('/subscriber/x').repeat(20_000)}`),
      await begin(get('/events/x')),
      await begin(`GET /events/x HTTP/1.0\r\n${HOST}\r\n`),
      await begin(get('/ws/x', WS)),
      await begin(get('/publisher/x', 'Connection: close\r\n')),
    ]
    await until(() => server.hub().receivers('x' as never) === 6, 'everybody listens')
    const over = clients.map(async (client) => client.rest())

    await server.stop()

    await Promise.all(over)
    expect(server.connections).toBe(0)
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
  })
})
