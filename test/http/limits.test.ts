/** What one client may cost: bytes, requests, time. */
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../src/http/exchange.ts'
import { reply } from '../../src/http/reply.ts'
import { PATHS, startServer } from '../support/server.ts'
import { RawClient } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import {
  answer,
  answersIn,
  chunked,
  echo,
  get,
  HOST,
  post,
  heapInUse,
  startHttp,
  Waiting,
} from './support.ts'

/** Writes on and on, until the other side has closed. */
async function writeForEver({ socket }: RawClient, piece: Buffer): Promise<void> {
  const closed = once(socket, 'close').catch(() => {})
  while (socket.writable) {
    if (!socket.write(piece)) await Promise.race([closed, once(socket, 'drain').catch(() => {})])
  }
}

/** Waits until nothing more is taken of what a client sends. */
async function standstill({ socket }: RawClient): Promise<void> {
  let unsent = -1
  let since = 0
  await until(() => {
    if (socket.writableLength !== unsent) since = performance.now()
    unsent = socket.writableLength
    return performance.now() - since > 200
  }, 'the server stops reading')
}

const MiB = 2 ** 20

/** Reads answers of one size to their end, and keeps nothing of them. */
async function readBytes(client: RawClient, bytes: number): Promise<void> {
  let left = bytes - client.received.length
  client.socket.removeAllListeners('data')
  await new Promise<void>((resolve) => {
    client.socket.on('data', (piece) => {
      left -= piece.length
      if (left <= 0) resolve()
    })
    client.socket.resume()
  })
  expect(left).toBe(0)
}

describe.each(PATHS)('over $path', ({ lean }) => {
  describe('a body that is too large', () => {
    const limits = { maxBodyBytes: 1_000, headersTimeout: 200 }

    it('is taken when it is just as large as it may be', async () => {
      const { port, seen } = await startHttp(echo, { lean, limits })
      const body = 'x'.repeat(1_000)
      for (const request of [post('/a', body), chunked('/a', ...body.split(''))]) {
        const client = await RawClient.connect(port)
        client.send(request)
        expect((await client.reply()).status).toBe(200)
      }
      expect(seen).toEqual([`POST /a ${body}`, `POST /a ${body}`])
    })

    it.each([
      ['by what it says', post('/a', 'x'.repeat(1_001)).slice(0, -1_001)],
      ['in chunks', chunked('/a', 'x'.repeat(900), 'x'.repeat(101))],
    ])('is refused, and the connection closed: %s', async (_, request) => {
      const { port, seen, server } = await startHttp(echo, { lean, limits })
      const client = await RawClient.connect(port)
      client.send(get('/before') + request)
      const answers = answersIn(await client.rest())
      expect(answers.map(({ status }) => status)).toEqual([200, 413])
      expect(answers[1]?.headers.get('connection')).toBe('close')
      expect(answers[1]?.body).toContain('1000 bytes')
      expect(seen).toEqual(['GET /before'])
      await until(() => server.connections === 0, 'the connection is let go of')
    })

    it.each([
      ['by what it says', post('/a', '', `X: y\r\n`).replace('Length: 0', 'Length: 99999999')],
      ['in chunks', `POST /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nffffff\r\n`],
    ])('whose sender does not stop is ignored, and its answer not lost: %s', async (_, head) => {
      const { port, server } = await startHttp(echo, { lean, limits })
      const client = await RawClient.connect(port)
      client.send(head)
      const piece = Buffer.alloc(64 * 1024, 'x')
      for (let n = 0; n < 64; n++) client.socket.write(piece)

      // Not a reset before the answer was read.
      expect((await client.reply()).status).toBe(413)
      await writeForEver(client, piece)
      await until(() => server.connections === 0, 'the server has had enough')

      const other = await RawClient.connect(port)
      other.send(get('/still-there'))
      expect((await other.reply()).status).toBe(200)
    })
  })

  it('a body in pieces of one byte costs no more than its bytes', async () => {
    const length = MiB / 2
    let cost = Number.POSITIVE_INFINITY
    const handle = (exchange: Exchange): void => {
      cost = heapInUse() - before
      answer(exchange, String(exchange.body.length))
    }
    const { port } = await startHttp(handle, { lean })
    const client = await RawClient.connect(port)
    const pieces = Buffer.from('1\r\nx\r\n'.repeat(length))
    const before = heapInUse()
    client.send(`POST /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`)
    client.send(pieces)
    client.send('0\r\n\r\n')
    expect((await client.reply()).body.toString()).toBe(String(length))
    // Kept as pieces they were 100 MiB.
    expect(cost).toBeLessThan(20 * MiB)
  })

  it('a head that is too long is answered 431, behind what came before', async () => {
    const { port, seen } = await startHttp(echo, { lean, limits: { maxHeaderBytes: 2_000 } })
    const long = get('/long', `X-Long: ${'x'.repeat(2_000)}\r\n`)
    for (const request of [long, long.slice(0, -4), `GET /${'x'.repeat(4_000)}`]) {
      const client = await RawClient.connect(port)
      client.send(get('/a') + request)
      expect(answersIn(await client.rest()).map(({ status }) => status)).toEqual([200, 431])
    }
    expect(seen).toEqual(['GET /a', 'GET /a', 'GET /a'])
  })

  describe('a slow client', () => {
    const limits = { headersTimeout: 100, requestTimeout: 300 }

    it.each([
      ['head', 'GET /slow HTTP/1.1\r\nHo', 100],
      ['first byte', 'G', 100],
      ['body', post('/slow', 'abc').slice(0, -1), 300],
      ['chunked body', chunked('/slow', 'abc').slice(0, -5), 300],
    ])('is told 408 when its %s does not come to an end', async (_, half, after) => {
      const { port, seen, server } = await startHttp(echo, { lean, limits })
      const client = await RawClient.connect(port)
      client.send(get('/a'))
      await client.reply()
      const start = performance.now()
      client.send(half)
      const answers = answersIn(await client.rest())
      expect(answers.map(({ status }) => status)).toEqual([408])
      expect(performance.now() - start).toBeGreaterThanOrEqual(after * 0.9)
      expect(seen).toEqual(['GET /a'])
      await until(() => server.connections === 0, 'the connection is let go of')
    })

    it('that sends a byte now and then gains nothing', async () => {
      const { port } = await startHttp(echo, { lean, limits })
      const client = await RawClient.connect(port)
      client.send('GET /slow HTTP/1.1\r\n')
      const dripping = setInterval(() => client.send('X'), 20)
      await client.until(() => client.received.includes('HTTP/1.1 408'))
      clearInterval(dripping)
    })

    it('is given its answer in full although it reads slowly, and wants to close', async () => {
      const response = reply(200, [], Buffer.alloc(24 * MiB, 'x'), true)
      const { port, server } = await startHttp((exchange) => exchange.send(response), {
        lean,
        limits: { headersTimeout: 100, idleTimeout: 10_000 },
      })
      const client = await RawClient.connect(port)
      client.socket.pause()
      client.send(get('/large', 'Connection: close\r\n'))
      const start = server.wheel.now
      await until(() => server.wheel.now - start > 500, 'the server has looked several times')
      await readBytes(client, response.length)
    })
  })

  it('closes a connection that rests for too long, and not before', async () => {
    const { port, server } = await startHttp(echo, { lean, limits: { keepAliveTimeout: 200 } })
    const client = await RawClient.connect(port)
    client.send(get('/a'))
    await client.reply()
    const start = performance.now()
    expect(await client.rest()).toBe('')
    expect(performance.now() - start).toBeGreaterThanOrEqual(180)
    await until(() => server.connections === 0, 'the connection is closed')
  })

  it('starts with a requestTimeout that is shorter than the headersTimeout', async () => {
    const { port } = await startServer('limits: { requestTimeout: 100ms }', { lean })
    const client = await RawClient.connect(port)
    client.send('GET /slow')
    // Whichever of the two is meant, the client does not stay.
    await client.until(() => client.received.includes('HTTP/1.1 408'))
  })

  describe('a client that sends ahead while its request waits', () => {
    const request = get('/ahead', `X-Filling: ${'x'.repeat(900)}\r\n`)

    it('is not read beyond a bound, and served afterwards', async () => {
      const waiting = new Waiting()
      const { port, seen } = await startHttp(waiting.handle, { lean })
      const client = await RawClient.connect(port)
      client.send(get('/wait'))
      await until(() => waiting.exchanges.length === 1, 'it waits')

      // More than the kernel's buffers hold.
      const requests = 40_000
      client.send(request.repeat(requests))
      await standstill(client)
      expect(client.socket.writableLength).toBeGreaterThan(10 * MiB)
      expect(seen).toHaveLength(1)
      await waiting.answer('waited')
      client.socket.end()

      const text = await client.rest()
      expect(text.split('HTTP/1.1 200 OK')).toHaveLength(1 + 1 + requests)
      expect(answersIn(text)[0]?.body).toBe('waited')
      expect(seen).toHaveLength(1 + requests)
    })

    it('and leaves unseen is forgotten after a while', async () => {
      const waiting = new Waiting()
      const { port, server } = await startHttp(waiting.handle, {
        lean,
        limits: { requestTimeout: 300, headersTimeout: 300 },
      })
      const client = await RawClient.connect(port)
      client.send(get('/wait') + get('/ahead').repeat(20_000))
      await until(() => waiting.exchanges.length === 1, 'it waits')
      client.close()
      await until(() => waiting.leavings === 1 && server.connections === 0, 'it is forgotten')
    })
  })

  describe('a client that does not read its answers', () => {
    const large = reply(
      200,
      ['Connection: keep-alive', 'Keep-Alive: timeout=75'],
      Buffer.alloc(8 * MiB),
      false,
    )

    it('is not answered further, and the others are', async () => {
      const { port, seen } = await startHttp((exchange) => exchange.send(large), { lean })
      const client = await RawClient.connect(port)
      client.socket.pause()
      client.send(get('/large').repeat(50))
      await until(() => seen.length > 0, 'it is seen')
      const other = await RawClient.connect(port)
      other.send(get('/other'))
      await readBytes(other, large.length)
      expect(seen.filter((one) => one === 'GET /large').length).toBeLessThan(5)

      await readBytes(client, 50 * large.length)
      expect(seen).toHaveLength(51)
    })

    it('is let go of', async () => {
      const { port, server } = await startHttp((exchange) => exchange.send(large), {
        lean,
        limits: { idleTimeout: 200, keepAliveTimeout: 100 },
      })
      const client = await RawClient.connect(port)
      client.socket.pause()
      client.send(get('/large').repeat(3))
      await until(() => server.connections === 1, 'it is there')
      await until(() => server.connections === 0, 'it is let go of')
    })
  })

  it('has room for so many connections and no more', async () => {
    const { port, server } = await startHttp(echo, { lean, maxConnections: 3 })
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)))
    await until(() => server.connections === 3, 'all are there')

    const fourth = await RawClient.connect(port)
    expect(await fourth.rest()).toBe('')
    clients[0]?.close()
    await until(() => server.connections === 2, 'one has left')

    const fifth = await RawClient.connect(port)
    for (const client of [...clients.slice(1), fifth]) {
      client.send(get('/a'))
      expect((await client.reply()).status).toBe(200)
    }
  })
})
