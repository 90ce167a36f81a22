import { describe, expect, it } from 'vitest'
import { RawClient, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { answersIn, chunked, echo, get, post, startHttp, Waiting } from './support.ts'

const bodies = (text: string): string[] => answersIn(text).map(({ body }) => body)
const statuses = (text: string): number[] => answersIn(text).map(({ status }) => status)

describe.each(PATHS)('a connection over $path', ({ lean }) => {
  it('answers ten requests of one packet in order', async () => {
    const { port, seen } = await startHttp(echo, { lean })
    const client = await RawClient.connect(port)
    const requests = Array.from({ length: 5 }, (_, n) => post('/p', `body ${n}`) + get(`/g${n}`))

    client.send(requests.join(''))
    client.socket.end()

    const expected = requests.flatMap((_, n) => [`POST /p body ${n}`, `GET /g${n}`])
    expect(bodies(await client.rest())).toEqual(expected)
    expect(seen).toEqual(expected)
  })

  it('answers the same requests however their bytes are split', async () => {
    const { port, seen } = await startHttp(echo, { lean })
    const stream = post('/a', 'one\r\n\r\n') + get('/b') + post('/c', '')
    for (let split = 1; split < stream.length; split++) {
      const client = await RawClient.connect(port)
      client.send(stream.slice(0, split))
      await new Promise(setImmediate)
      client.send(stream.slice(split))
      client.socket.end()
      expect(bodies(await client.rest())).toEqual(['POST /a one\r\n\r\n', 'GET /b', 'POST /c'])
    }
    expect(seen).toHaveLength(3 * (stream.length - 1))
  })

  it('takes a request byte by byte', async () => {
    const { port } = await startHttp(echo, { lean })
    const client = await RawClient.connect(port)
    client.socket.setNoDelay(true)
    for (const byte of post('/a', 'body') + chunked('/b', 'bo', 'dy')) {
      client.send(byte)
      await new Promise(setImmediate)
    }
    client.socket.end()
    expect(bodies(await client.rest())).toEqual(['POST /a body', 'POST /b body'])
  })

  it('begins a request only when the one before it is answered', async () => {
    const waiting = new Waiting()
    const { port, seen } = await startHttp(waiting.handle, { lean })
    const client = await RawClient.connect(port)

    client.send(get('/wait') + post('/p', 'x') + get('/wait'))
    await until(() => seen.length > 0, 'the first is seen')
    const other = await RawClient.connect(port)
    other.send(get('/other'))
    await other.reply()
    expect(seen).toEqual(['GET /wait', 'GET /other'])
    await waiting.answer('first')
    expect((await client.reply()).body.toString()).toBe('first')
    expect((await client.reply()).body.toString()).toBe('POST /p x')
    await waiting.answer('third')
    expect((await client.reply()).body.toString()).toBe('third')

    expect(seen).toEqual(['GET /wait', 'GET /other', 'POST /p x', 'GET /wait'])
  })

  it('keeps the connection, and closes it when it is asked to', async () => {
    const { port } = await startHttp(echo, { lean })
    const client = await RawClient.connect(port)
    for (const path of ['/1', '/2', '/3']) {
      client.send(get(path))
      expect((await client.reply()).body.toString()).toBe(`GET ${path}`)
    }

    client.send(get('/4', 'Connection: close\r\n'))

    const [last] = answersIn(await client.rest())
    expect(last?.headers.get('connection')).toBe('close')
    expect(last?.body).toBe('GET /4')
  })

  it('neither sees nor answers what comes behind a request to close', async () => {
    const { port, seen, server } = await startHttp(echo, { lean })
    const client = await RawClient.connect(port)

    client.send(post('/last', 'x', 'Connection: close\r\n') + post('/behind', 'y'))
    expect(bodies(await client.rest())).toEqual(['POST /last x'])
    // Nor later; and it is not told so by a reset, which could cost it the answer.
    client.send(get('/later').repeat(1_000))
    client.socket.end()
    await until(() => server.connections === 0, 'the connection is gone')

    expect(seen).toEqual(['POST /last x'])
    expect(client.socket.errored).toBeNull()
  })

  it('answers what is wrong behind what was right', async () => {
    const { port, seen } = await startHttp(echo, { lean })
    for (const first of [post('/a', 'abc'), chunked('/a', 'abc')]) {
      const client = await RawClient.connect(port)
      client.send(`${first}NONSENSE\r\n\r\n${get('/never')}`)
      const answers = answersIn(await client.rest())
      expect(answers.map(({ status }) => status)).toEqual([200, 400])
      expect(answers[0]?.body).toBe('POST /a abc')
    }
    expect(seen).toEqual(['POST /a abc', 'POST /a abc'])
  })

  it('answers what is wrong only once the request before it is answered', async () => {
    const waiting = new Waiting()
    const { port } = await startHttp(waiting.handle, { lean })
    const client = await RawClient.connect(port)

    client.send(`${chunked('/a')}${get('/wait')}NONSENSE\r\n\r\n`)
    expect((await client.reply()).body.toString()).toBe('POST /a')
    await waiting.answer('waited')

    expect(statuses(await client.rest())).toEqual([200, 400])
  })

  describe('hands over to node:http in the middle of a pipeline', () => {
    const binary = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte))
    const requests = [
      post('/1', binary),
      get('/2'),
      chunked('/3', binary, '\r\n\r\n', get('/no'), binary),
      get('/4'),
      post('/5', `${binary}${get('/no')}`),
    ]
    const expected = [
      `POST /1 ${binary}`,
      'GET /2',
      `POST /3 ${binary}\r\n\r\n${get('/no')}${binary}`,
      'GET /4',
      `POST /5 ${binary}${get('/no')}`,
    ]

    it('every byte intact, in one packet', async () => {
      const { port } = await startHttp(echo, { lean })
      const client = await RawClient.connect(port)
      client.send(requests.join(''))
      client.socket.end()
      expect(bodies(await client.rest())).toEqual(expected)
    })

    it('behind a request that waits', async () => {
      const waiting = new Waiting()
      const { port, seen } = await startHttp(waiting.handle, { lean })
      const client = await RawClient.connect(port)
      client.send(get('/wait') + requests.join(''))
      await waiting.answer('waited')
      await until(() => seen.length === 6, 'all are seen')
      client.socket.end()
      expect(bodies(await client.rest())).toEqual(['waited', ...expected])
    })

    it('wherever the bytes are split', async () => {
      const { port } = await startHttp(echo, { lean })
      const stream = post('/1', 'one') + chunked('/2', 'two') + get('/3')
      for (let split = 1; split < stream.length; split += 3) {
        const client = await RawClient.connect(port)
        client.send(stream.slice(0, split))
        await new Promise(setImmediate)
        client.send(stream.slice(split))
        client.socket.end()
        expect(bodies(await client.rest())).toEqual(['POST /1 one', 'POST /2 two', 'GET /3'])
      }
    })
  })

  describe('with a client that closes its half', () => {
    it('still answers: printf … | nc', async () => {
      const { port } = await startHttp(echo, { lean })
      const client = await RawClient.connect(port)
      client.socket.end(post('/a', 'x'))
      expect(bodies(await client.rest())).toEqual(['POST /a x'])
    })

    it('answers what takes its time, and what comes behind it', async () => {
      const waiting = new Waiting()
      const { port, server } = await startHttp(waiting.handle, { lean })
      const client = await RawClient.connect(port)
      client.socket.end(get('/work') + post('/p', 'x'))
      await until(() => waiting.exchanges.length > 0, 'the work is asked for')

      await waiting.answer('worked')

      expect(bodies(await client.rest())).toEqual(['worked', 'POST /p x'])
      await until(() => server.connections === 0, 'the connection is closed')
    })

    it('forgets a request that waits, and what comes behind it', async () => {
      const waiting = new Waiting()
      const { port, seen, server } = await startHttp(waiting.handle, { lean })
      const client = await RawClient.connect(port)

      client.send(get('/a') + get('/wait') + get('/b'))
      await until(() => waiting.exchanges.length > 0, 'it waits')
      client.socket.end()

      expect(bodies(await client.rest())).toEqual(['GET /a'])
      expect(waiting.leavings).toBe(1)
      expect(seen).toEqual(['GET /a', 'GET /wait'])
      await until(() => server.connections === 0, 'the connection is closed')
      // An answer that comes too late goes nowhere.
      await waiting.answer('late')
    })

    it('begins a wait that comes behind, but only for what is there', async () => {
      const waiting = new Waiting()
      const { port, seen, server } = await startHttp(waiting.handle, { lean })
      const client = await RawClient.connect(port)
      client.socket.end(get('/work') + get('/wait') + post('/p', 'x'))
      await until(() => waiting.exchanges.length > 0, 'the work is asked for')

      await waiting.answer('worked')

      expect(bodies(await client.rest())).toEqual(['worked'])
      expect(waiting.leavings).toBe(1)
      expect(seen).toEqual(['GET /work', 'GET /wait'])
      await until(() => server.connections === 0, 'the connection is closed')
    })

    it.each([
      ['a head', get('/a').slice(0, -2)],
      ['a body', post('/a', 'abc').slice(0, -1)],
      ['chunks', chunked('/a', 'abc').slice(0, -2)],
    ])('says 400 to half of %s', async (_, half) => {
      const { port, seen } = await startHttp(echo, { lean })
      const client = await RawClient.connect(port)
      client.socket.end(get('/before') + half)
      expect(statuses(await client.rest())).toEqual([200, 400])
      expect(seen).toEqual(['GET /before'])
    })
  })

  it.each(['end', 'resetAndDestroy'] as const)(
    'forgets a poll at once when its client leaves: %s',
    async (leave) => {
      const { port, server } = await startServer('', { lean })
      const channel = 'left' as never
      const publisher = await RawClient.connect(port)
      publisher.send(requestBytes('PUT', '/publisher/left'))
      await publisher.reply()
      const client = await RawClient.connect(port)
      // Two: of the second, which was not begun, nothing may remain either.
      client.send(requestBytes('GET', '/subscriber/left').toString().repeat(2))
      await until(() => server.hub().receivers(channel) === 1, 'the first poll waits')

      client.socket[leave]()
      await until(() => server.hub().receivers(channel) === 0, 'it is forgotten')

      publisher.send(requestBytes('POST', '/publisher/left', {}, 'x'))
      expect((await publisher.reply()).status).toBe(202)
      await until(() => server.connections === 1, 'only the publisher is left')
    },
  )
})
