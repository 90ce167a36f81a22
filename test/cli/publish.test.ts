import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { EventsClient } from '../protocols/events/events-client.ts'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { fanfare, run } from './cli-program.ts'

interface Envelope {
  readonly id: string
  readonly channel: string
  readonly type?: string
  readonly body: string
  readonly encoding?: string
}

/** Everything that a server keeps of a channel, oldest first. */
async function kept(port: number, path: string, count: number): Promise<Envelope[]> {
  const stream = await EventsClient.follow(port, `/events/${path}?since=all&format=json`)
  const data = await stream.data(count)
  return data.map((json = '') => JSON.parse(json) as Envelope)
}

/** A server of somebody else's. @returns its URL */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('fanfare publish', () => {
  it('publishes its argument, and says the id and how many were there', async () => {
    const { port, url } = await startServer()
    const stream = await EventsClient.follow(port, '/events/a')
    const { code, stdout, stderr } = await run(['publish', 'a', 'hello', '--server', url])
    const { id, data } = await stream.block()
    expect(data).toBe('hello')
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `${id}  1 listening\n`,
      stderr: '',
    })
  })

  it.each([
    ['text', 'hello', 'text/plain; charset=utf-8'],
    ['nothing', '', 'text/plain; charset=utf-8'],
    ['an object', '{"a": 1}\n', 'application/json'],
    ['a list', ' [1]', 'application/json'],
    ['what only begins like JSON', '[INFO] started', 'text/plain; charset=utf-8'],
    ['a number', '42', 'text/plain; charset=utf-8'],
  ])('takes standard input, and tells its type: %s', async (_, stdin, type) => {
    const { port, url } = await startServer()
    const { code } = await run(['publish', 'a', '--server', url], { stdin })
    expect(code).toBe(0)
    expect(await kept(port, 'a', 1)).toMatchObject([{ body: stdin, type }])
  })

  it('publishes bytes as they are', async () => {
    const { port, url } = await startServer()
    const stdin = Buffer.from([0xff, 0, 0x0a, 0x80])
    await run(['publish', 'a', '--server', url], { stdin })
    expect(await kept(port, 'a', 1)).toMatchObject([
      { type: 'application/octet-stream', body: stdin.toString('base64'), encoding: 'base64' },
    ])
  })

  it('has the type that it is given', async () => {
    const { port, url } = await startServer()
    await run(['publish', 'a', '{}', '--type', 'text/x; a="b"', '--server', url])
    expect(await kept(port, 'a', 1)).toMatchObject([{ type: 'text/x; a="b"', body: '{}' }])
  })

  it.each([
    ['ä b', '%C3%A4%20b'],
    ['a/b?c#d', 'a/b%3Fc%23d'],
    ['/a', 'a'],
    ['//a', '%2F%2Fa'],
    ['a/../../b', 'a%2F..%2F..%2Fb'],
    ['.', '%2F.'],
  ])('to the channel %s', async (named, path) => {
    const { port, url } = await startServer()
    const { code } = await run(['publish', named, 'x', '--server', url])
    expect(code).toBe(0)
    expect(await kept(port, path, 1)).toMatchObject([{ body: 'x' }])
  })

  it('to a URL, as FANFARE_URL too', async () => {
    const { port, url } = await startServer()
    await run(['publish', `${url}/publisher/a`, 'one'])
    await run(['publish', 'a', 'two'], { env: { FANFARE_URL: url } })
    expect(await kept(port, 'a', 2)).toMatchObject([{ body: 'one' }, { body: 'two' }])
  })

  it('with --ttl 0 is for those who are there', async () => {
    const { port, url } = await startServer()
    const stream = await EventsClient.follow(port, '/events/a')
    await run(['publish', 'a', 'brief', '--ttl', '0', '--server', url])
    await run(['publish', 'a', 'kept', '--ttl', '60', '--server', url])
    expect(await stream.data(2)).toEqual(['brief', 'kept'])
    expect(await kept(port, 'a', 1)).toMatchObject([{ body: 'kept' }])
  })
})

describe('fanfare publish, again and again', () => {
  it('with the same --key stores one message, and refuses another', async () => {
    const { port, url } = await startServer()
    const at = ['--key', 'k', '--server', url]
    const first = await run(['publish', 'a', 'x', ...at])
    const second = await run(['publish', 'a', 'x', ...at])
    const third = await run(['publish', 'a', 'y', ...at])
    expect(second.stdout).toBe(first.stdout)
    expect(third).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^fanfare: .* answered 422: .*\n$/),
    })
    const reply = await request(port, 'GET', '/publisher/a', { Accept: 'application/json' })
    expect(JSON.parse(reply.body.toString())).toMatchObject({ messages: 1 })
  })

  it('repeats a request without an answer, with one key', async () => {
    const keys: (string | undefined)[] = []
    const url = await serve((incoming, response) => {
      keys.push(incoming.headers['idempotency-key'] as string | undefined)
      incoming.resume()
      if (keys.length === 1) incoming.socket.destroy()
      else if (keys.length === 2) response.writeHead(503).end()
      else response.writeHead(202, { 'Fanfare-Id': '5-0' }).end('{"subscribers":3}')
    })
    const { code, stdout } = await run(['publish', 'a', 'x', '--server', url])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '5-0  3 listening\n' })
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[\w-]{36}$/)
  })

  it('takes any success for one: another server may have another answer, or none', async () => {
    let requests = 0
    const url = await serve((incoming, response) => {
      requests++
      incoming.resume()
      response.writeHead(201).end(requests === 1 ? '' : '<html>')
    })
    const results = [
      await run(['publish', `${url}/p`, 'x']),
      await run(['publish', `${url}/p`, 'x']),
    ]
    expect(results).toMatchObject([
      { code: 0, stdout: 'published\n' },
      { code: 0, stdout: 'published\n' },
    ])
    expect(requests).toBe(2)
  })

  it('follows a redirect that repeats the message, and no other', async () => {
    const { port, url } = await startServer()
    const moved = await serve((incoming, response) => {
      const status = incoming.url === '/kept' ? 308 : 302
      response.writeHead(status, { Location: `${url}/publisher/a` }).end()
    })
    expect((await run(['publish', `${moved}/kept`, 'x'])).code).toBe(0)
    expect(await run(['publish', `${moved}/lost`, 'x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('answered 302'),
    })
    expect(await kept(port, 'a', 1)).toMatchObject([{ body: 'x' }])
  })
})

describe('fanfare publish --lines', () => {
  it('publishes each line, empty ones too', async () => {
    const { port, url } = await startServer()
    const stdin = 'one\n\r\n{"n":2}\r\nlast'
    const { code, stdout } = await run(['publish', 'a', '--lines', '--server', url], { stdin })
    const messages = await kept(port, 'a', 4)
    expect(messages.map(({ body }) => body)).toEqual(['one', '', '{"n":2}', 'last'])
    expect(stdout).toBe(`${messages[3]?.id}  0 listening, 4 published\n`)
    expect(code).toBe(0)
  })

  it('publishes a line when it comes, although there is no next one yet', async () => {
    const { port, url } = await startServer()
    const stream = await EventsClient.follow(port, '/events/a')
    const running = fanfare(['publish', 'a', '--lines', '--server', url])
    for (const line of ['one', 'two']) {
      running.process.stdin?.write(`${line}\n`)
      expect((await stream.block()).data).toBe(line)
    }
    running.process.stdin?.end()
    expect(await running.ended()).toBe(0)
    expect(running.stdout).toMatch(/, 2 published\n$/)
  })

  it('puts many lines together, and no more than the server takes at once', async () => {
    const { port, url } = await startServer()
    // 20 MB in lines of 10 kB: more than one request may have.
    const lines = Array.from({ length: 2_000 }, (_, n) => `${n} `.padEnd(10_000, '.'))
    const stdin = lines.join('\n')
    const { code } = await run(['publish', 'a', '--lines', '--server', url], { stdin })
    expect(code).toBe(0)
    const messages = await kept(port, 'a', lines.length)
    expect(messages.map(({ body }) => body)).toEqual(lines)
  })

  it('can be repeated whole with its --key, however its lines come', async () => {
    const { port, url, server } = await startServer()
    const args = ['publish', 'a', '--lines', '--key', 'import', '--type', 'text/x', '--server', url]
    const first = fanfare(args)
    first.process.stdin?.write('one\n')
    await until(() => server.hub().stat('a' as never) !== undefined, 'the first line is there')
    first.process.stdin?.end('two\nthree\n')
    expect(await first.ended()).toBe(0)
    expect((await run(args, { stdin: 'one\ntwo\nthree\nfour\n' })).code).toBe(0)
    const messages = await kept(port, 'a', 4)
    expect(messages.map(({ body }) => body)).toEqual(['one', 'two', 'three', 'four'])
    expect(messages[0]?.type).toBe('text/x')
  })

  it('stops at a line that is refused, with 1', async () => {
    const { url } = await startServer('limits: { maxBodyBytes: 1000 }')
    const stdin = `short\n${'long'.repeat(1_000)}\n`
    const { code, stderr } = await run(['publish', 'a', '--lines', '--server', url], { stdin })
    expect(stderr).toContain('answered 413')
    expect(code).toBe(1)
  })
})

describe('fanfare publish ends with 1 and says why', () => {
  it.each([
    [['publish', 'a', 'x', '--ttl', 'soon'], 'TTL is a whole number of seconds'],
    [['publish', 'a', 'x', '--ttl', '-1'], 'TTL is a whole number of seconds'],
    [['publish', 'a', 'x', '--key', 'k'.repeat(256)], 'An Idempotency-Key is 1 to 255 characters'],
    [['publish', 'a', 'x', '--key', ''], '--key takes printable ASCII characters'],
    [['publish', 'a', 'x', '--key', 'ä☃'], '--key takes printable ASCII characters'],
    [['publish', 'a', 'x', '--type', 'text/\nplain'], '--type takes printable ASCII characters'],
    [['publish', '', 'x'], 'a channel has 1 to 512 bytes'],
    [['publish', '/', 'x'], 'a channel has 1 to 512 bytes'],
    [['publish', 'ftp://localhost/a', 'x'], 'cannot publish to ftp: URLs; http: https: ws:'],
    [['publish', 'a', 'x', '--lines'], '--lines reads standard input; leave the message out'],
    [['publish', 'a', '--lines'], 'standard input had no line to publish'],
  ])('for %j', async (args, words) => {
    const { url } = await startServer()
    const { code, stdout, stderr } = await run([...args, '--server', url])
    expect(stderr).toContain(words)
    expect(stderr).toMatch(/^fanfare: .*\n$/)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  it('when it is not trusted, or the place takes no messages', async () => {
    const { url } = await startServer('trustedPeers: []')
    const untrusted = await run(['publish', 'a', 'x', '--server', url])
    const wrong = await run(['publish', `${url}/events/a`, 'x'])
    expect(untrusted.stderr).toMatch(/^fanfare: .* answered 403: Only trusted peers may publish/)
    expect(wrong.stderr).toMatch(/^fanfare: .* answered 405: /)
    expect([untrusted.code, wrong.code]).toEqual([1, 1])
  })

  it('when the message is too large', async () => {
    const { url } = await startServer()
    const stdin = Buffer.alloc(9 * 2 ** 20, 'x')
    const { code, stderr } = await run(['publish', 'a', '--server', url], { stdin })
    expect(stderr).toMatch(
      /^fanfare: .* answered 413: A message has at most 8388608 bytes here\.\n$/,
    )
    expect(code).toBe(1)
  })

  it('when nothing listens, or what listens closes at once', async () => {
    const { server, url } = await startServer()
    await server.stop()
    const closing = await serve((incoming: IncomingMessage) => incoming.socket.destroy())
    const [nothing, hangUp] = await Promise.all([
      run(['publish', 'a', 'x', '--server', url]),
      run(['publish', 'a', 'x', '--server', closing]),
    ])
    expect(nothing).toMatchObject({
      code: 1,
      stderr: `fanfare: ${url}/publisher/a cannot be reached: nothing listens there\n`,
    })
    expect(hangUp.stderr).toContain('cannot be reached: the server closed the connection')
  })

  it('without showing passwords, or what would harm a terminal', async () => {
    const url = await serve((incoming, response) => {
      void readText(incoming).then(() => response.writeHead(400).end('no\u001b[2J'))
    })
    const target = `${url.replace('//', '//me:secret@')}/p`
    const { stderr } = await run(['publish', target, 'x'])
    expect(stderr).toBe(`fanfare: ${url}/p answered 400: no\u{fffd}[2J\n`)
  })
})
