/** Forms of HTTP that the lean parser leaves to node:http, as clients use them. */
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { reply } from '../../src/http/reply.ts'
import { RawClient } from '../support/raw.ts'
import { PATHS } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { answersIn, echo, get, HOST, post, startHttp, Waiting } from './support.ts'

/** Sends all, closes its half, and gives back what came. */
async function talk(port: number, bytes: string): Promise<string> {
  const client = await RawClient.connect(port)
  client.socket.end(Buffer.from(bytes, 'latin1'))
  return client.rest()
}

describe.each(PATHS)('over $path', ({ lean }) => {
  it('HTTP/1.0 closes after its answer', async () => {
    const { port, seen } = await startHttp(echo, { lean })
    const client = await RawClient.connect(port)
    client.send('GET /old HTTP/1.0\r\n\r\nGET /more HTTP/1.0\r\n\r\n')
    const [first, ...more] = answersIn(await client.rest())
    expect(first?.body).toBe('GET /old')
    expect(first?.headers.get('connection')).toBe('close')
    expect(more).toEqual([])
    expect(seen).toEqual(['GET /old'])
  })

  it('HTTP/1.0 stays open when it asks for that', async () => {
    const { port } = await startHttp(echo, { lean })
    const [one, two] = ['/1', '/2'].map(
      (path) => `GET ${path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`,
    )
    const answers = answersIn(await talk(port, `${one}${two}`))
    expect(answers.map(({ body }) => body)).toEqual(['GET /1', 'GET /2'])
    expect(answers[0]?.headers.get('connection')).toBe('keep-alive')
  })

  it('HEAD has the head of the answer, and no body', async () => {
    const { port } = await startHttp(echo, { lean })
    const text = await talk(port, `HEAD /a HTTP/1.1\r\n${HOST}\r\n${get('/b')}`)
    const [head, then] = answersIn(text, true)
    expect(head?.headers.get('content-length')).toBe(String('HEAD /a'.length))
    expect(then?.body).toBe('GET /b')
  })

  it.each([
    ['OPTIONS * HTTP/1.1', 'OPTIONS *'],
    ['PATCH /a HTTP/1.1', 'PATCH /a'],
    ['GET http://example.com/a?x HTTP/1.1', 'GET /a'],
    ['GET http://example.com HTTP/1.1', 'GET /'],
    ['GET http://example.com?x HTTP/1.1', 'GET /'],
  ])('%s', async (line, expected) => {
    const { port } = await startHttp(echo, { lean })
    const [answer] = answersIn(await talk(port, `${line}\r\n${HOST}\r\n`))
    expect(answer?.body).toBe(expected)
  })

  it.each([
    ['no Host', ''],
    ['two', 'Host: x\r\nHost: y\r\n'],
    ['two alike', 'Host: x\r\nHost: x\r\n'],
  ])('says 400 to %s, and closes', async (_, hosts) => {
    const { port, seen } = await startHttp(echo, { lean })
    const [answer, ...more] = answersIn(
      await talk(port, `GET /a HTTP/1.1\r\n${hosts}\r\n${get('/b')}`),
    )
    expect(answer?.status).toBe(400)
    expect(answer?.body).toContain('Host')
    expect(answer?.headers.get('connection')).toBe('close')
    expect(more).toEqual([])
    expect(seen).toEqual([])
  })

  it('CONNECT is refused behind what came before it', async () => {
    const { port } = await startHttp(echo, { lean })
    const answers = answersIn(await talk(port, `${get('/a')}CONNECT x:80 HTTP/1.1\r\n${HOST}\r\n`))
    expect(answers.map(({ status }) => status)).toEqual([200, 405])
  })

  it('Expect: 100-continue is told to go on', async () => {
    const { port } = await startHttp(echo, { lean })
    const client = await RawClient.connect(port)
    client.send(post('/a', 'abc', 'Expect: 100-continue\r\n').slice(0, -3))
    await client.takeUntil('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('abc')
    expect((await client.reply()).body.toString()).toBe('POST /a abc')
  })

  it('Expect: 100-continue is not told to send what would be too large', async () => {
    const { port } = await startHttp(echo, { lean, limits: { maxBodyBytes: 10 } })
    const client = await RawClient.connect(port)
    client.send(post('/a', 'x'.repeat(11), 'Expect: 100-continue\r\n').slice(0, -11))
    expect(answersIn(await client.rest()).map(({ status }) => status)).toEqual([413])
  })

  it('another expectation is not met, and the connection goes on', async () => {
    const { port, seen } = await startHttp(echo, { lean })
    const answers = answersIn(
      await talk(port, post('/a', get('/no'), 'Expect: money\r\n') + get('/b')),
    )
    expect(answers.map(({ status }) => status)).toEqual([417, 200])
    expect(seen).toEqual(['GET /b'])
  })

  describe('an upgrade', () => {
    it('that is not offered is ignored: Java and curl ask for HTTP/2', async () => {
      const { port } = await startHttp(echo, { lean })
      const h2c =
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'
      const stream = get('/a') + get('/b', h2c) + post('/c', get('/no'), h2c) + get('/d')
      for (let split = 1; split < stream.length; split += 7) {
        const client = await RawClient.connect(port)
        client.send(stream.slice(0, split))
        await new Promise(setImmediate)
        client.socket.end(stream.slice(split))
        expect(answersIn(await client.rest()).map(({ body }) => body)).toEqual([
          'GET /a',
          'GET /b',
          `POST /c ${get('/no')}`,
          'GET /d',
        ])
      }
    })

    const ws = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'

    it('that is refused ends with the refusal', async () => {
      const { port, server } = await startHttp(echo, { lean, limits: { headersTimeout: 100 } })
      const client = await RawClient.connect(port)
      client.send(get('/a') + get('/ws', ws) + get('/behind'))
      const answers = answersIn(await client.rest())
      expect(answers.map(({ status }) => status)).toEqual([200, 404])
      // Even if the client does not close.
      await until(() => server.connections === 0, 'the server lets go of it')
    })

    it('that is malformed is refused, and lets go of', async () => {
      const { port, server } = await startHttp(echo, {
        lean,
        upgrade: (upgrade) => upgrade.accept(() => {}),
      })
      const client = await RawClient.connect(port)
      client.send(get('/ws', `${ws}Sec-WebSocket-Key: short\r\n`))
      expect(answersIn(await client.rest())[0]?.status).toBe(400)
      await until(() => server.connections === 0, 'the server lets go of it')
    })

    it('behind a request that waits is refused behind it, and the wait goes on', async () => {
      const waiting = new Waiting()
      const { port } = await startHttp(waiting.handle, { lean })
      const client = await RawClient.connect(port)
      // Only node:http sees the upgrade before the answer: over both paths, one that is its from the start.
      client.send(`HEAD /a HTTP/1.1\r\n${HOST}\r\n`)
      await client.takeUntil('\r\n\r\n')
      client.send(get('/wait') + get('/ws', ws))
      await waiting.answer('waited')
      expect(answersIn(await client.rest()).map(({ status }) => status)).toEqual([200, 400])
    })

    it('behind a request that waits does not hide that the client leaves', async () => {
      const waiting = new Waiting()
      const { port, server } = await startHttp(waiting.handle, { lean })
      const client = await RawClient.connect(port)
      client.send(`HEAD /a HTTP/1.1\r\n${HOST}\r\n`)
      await client.takeUntil('\r\n\r\n')
      client.send(get('/wait') + get('/ws', ws))
      await until(() => waiting.exchanges.length > 0, 'it waits')
      client.close()
      await until(() => waiting.leavings === 1 && server.connections === 0, 'it is forgotten')
    })

    it('gets the frames that came with it', async () => {
      const heard: string[] = []
      const { port } = await startHttp(echo, {
        lean,
        upgrade: (upgrade) =>
          upgrade.accept((socket) =>
            socket.on('message', (data) => heard.push((data as Buffer).toString())),
          ),
      })
      const client = await RawClient.connect(port)
      const frame = '\x81\x83\0\0\0\0abc'
      client.send(
        `${get('/a')}${get('/ws', `${ws}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`)}${frame}`,
      )
      expect((await client.reply()).body.toString()).toBe('GET /a')
      expect(await client.takeUntil('\r\n\r\n')).toContain('101 Switching Protocols')
      await until(() => heard.length === 1, 'the frame is heard')
      expect(heard).toEqual(['abc'])
    })

    it('takes frames up to a bound made of the largest message', async () => {
      const { port } = await startHttp(echo, {
        lean,
        limits: { maxBodyBytes: 1_000 },
        upgrade: (upgrade) => upgrade.accept((socket) => socket.on('error', () => {})),
      })
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
      const closed = new Promise<number>((resolve) => socket.on('close', resolve))
      socket.on('open', () => socket.send('x'.repeat(100_000)))
      expect(await closed).toBe(1009)
    })
  })

  it('a door that answers twice, or after its client left, answers once', async () => {
    const { port } = await startHttp(
      (exchange) => {
        exchange.send(reply(200, [], 'first', false))
        exchange.send(reply(200, [], 'second', false))
        exchange.hold({ left: () => {} })
      },
      { lean },
    )
    const answers = answersIn(await talk(port, get('/a') + get('/b')))
    expect(answers.map(({ body }) => body)).toEqual(['first', 'first'])
  })
})
