import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config/index.ts'
import { configSchema } from '../../../src/server/schema.ts'
import { startServer } from '../../support/server.ts'
import { IoClient } from './io-client.ts'
import { SECRET, token } from './token.ts'

async function got(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, headers, agent: false }, resolve).on('error', reject)
  })
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

async function start(yaml = '') {
  const started = await startServer(yaml)
  await started.server.users.sessions.set('1', 'test')
  return started
}

describe('credentials', () => {
  it.each([
    { session: 'test' },
    { session: 'test', userId: '1' },
    { session: 'test', userId: 1 },
    { token: token({ sub: '1' }) },
    { token: token({ sub: '1' }), userId: '1' },
  ])('log in with %j', async (auth) => {
    const { server, port } = await start(`users: { jwt: { secret: "${SECRET}" } }`)
    const client = new IoClient(port, { auth })

    await client.said('connect')

    expect(await server.users.connectionsOf('1')).toHaveLength(1)
    await server.users.publish('1', { body: Buffer.from('hello') })
    expect(await client.got(1)).toEqual(['hello'])
  })

  it('log in from the query, too', async () => {
    const { server, port } = await start()
    const client = new IoClient(port, { query: { session: 'test' } })

    await client.said('connect')

    expect(await server.users.connected()).toEqual(['1'])
  })

  it.each([
    [{ session: 'wrong' }, 'not_authorized'],
    [{ session: '' }, 'not_authorized'],
    [{ session: null }, 'not_authorized'],
    [{ session: ['test'] }, 'not_authorized'],
    [{ session: 'x'.repeat(5000) }, 'not_authorized'],
    [{ session: 'test', userId: '2' }, 'not_authorized'],
    [{ token: 'test' }, 'not_authorized'],
    [{ token: token({ sub: '1', exp: 1 }) }, 'not_authorized'],
    [{ token: token({ sub: '1' }), userId: '2' }, 'not_authorized'],
    [{ session: 'test', token: token({ sub: '1' }) }, 'bad_request'],
    [{ session: 'test', envelope: 'perhaps' }, 'bad_request'],
    [{ session: 'test', userId: {} }, 'bad_request'],
    [{ session: 'test', since: 'yesterday' }, 'bad_cursor'],
  ])('that are wrong are an error, and not nobody: %j', async (auth, code) => {
    const { server, port } = await start(`users: { jwt: { secret: "${SECRET}" } }`)
    const client = new IoClient(port, { auth, reconnection: false })
    const refused = new Promise<Error & { data?: unknown }>((resolve) => {
      client.socket.on('connect_error', resolve)
    })

    const { message, data } = await refused
    expect(data).toEqual({ code, message })
    expect(await server.users.connected()).toEqual([])
  })

  it('of a token are taken only where tokens are', async () => {
    const { port } = await start()
    const client = new IoClient(port, { auth: { token: token({ sub: '1' }) }, reconnection: false })

    await client.said('connect_error: This server takes no tokens; see users.jwt.')
  })

  it('that expire end the connection, and say so', async () => {
    const { port } = await start(`users: { jwt: { secret: "${SECRET}" } }`)
    const exp = Date.now() / 1000 + 0.3
    const client = new IoClient(port, { auth: { token: token({ sub: '1', exp }) } })

    await client.said('disconnect: io server disconnect')

    expect(client.events.at(-1)).toEqual([
      'error',
      { code: 'not_authorized', message: 'The token has expired.' },
    ])
  })

  it('let no more connections in than a user may have', async () => {
    const { port } = await start('users: { maxConnections: 1 }')
    await IoClient.in(port, 'test')
    const second = new IoClient(port, { auth: { session: 'test' }, reconnection: false })

    await second.said('connect_error: A user has at most 1 connections.')
  })
})

describe('messages', () => {
  it('come in their envelope when that is asked for', async () => {
    const { server, port } = await start()
    const client = await IoClient.in(port, 'test', { auth: { envelope: true, recover: false } })
    await client.ask('subscribe', 'news')

    const { id } = await server.users.publish('1', {
      body: Buffer.from('{"a":1}'),
      contentType: 'application/json',
      attributes: { from: 'app' },
    })
    await server.hub().publish({ channel: 'news' as never, body: Buffer.from('hello') })

    const [first, second] = (await client.got(2)) as Record<string, unknown>[]
    expect(first).toEqual({
      id: expect.stringMatching(/^\d+-\d+$/) as unknown,
      user: '1',
      time: expect.any(Number) as unknown,
      type: 'application/json',
      body: '{"a":1}',
      attributes: { from: 'app' },
    })
    expect(id).toBeGreaterThan(0)
    expect(second).toMatchObject({ channel: 'news', body: 'hello' })
    expect(JSON.stringify(client.events)).not.toMatch(/Ā|\\u0/)
  })

  it('are what was published: JSON as written, text as a text, bytes as base64', async () => {
    const { server, port } = await start()
    const client = await IoClient.in(port, 'test')
    const publish = (body: string | Buffer, data?: string) =>
      server.users.publish('1', { body: Buffer.from(body), data })

    await publish('{"big": 1e2}')
    await publish('plain "text"')
    await publish(Buffer.from([0xff, 0x00]))
    await publish('for people', '{"for":"programs"}')

    expect(await client.got(4)).toEqual([
      { big: 100 },
      'plain "text"',
      { body: '/wA=', encoding: 'base64' },
      { for: 'programs' },
    ])
  })

  it('have their ids behind them for the JavaScript client alone', async () => {
    const { server, port } = await start()
    const plain = await IoClient.in(port, 'test')
    const without = await IoClient.in(port, 'test', { auth: { recover: false } })
    const polling = await IoClient.in(port, 'test', { transports: ['polling'] })
    const agent = { extraHeaders: { 'User-Agent': 'python-requests/2.28' } }
    const other = await IoClient.in(port, 'test', { transports: ['polling'], ...agent })
    const asked = await IoClient.in(port, 'test', {
      transports: ['polling'],
      ...agent,
      auth: { recover: true },
    })

    await server.users.publish('1', { body: Buffer.from('hello') })

    const id = expect.stringMatching(/^\d+-\d+$/) as unknown
    for (const client of [plain, polling, asked]) {
      await client.got(1)
      expect(client.events).toEqual([
        ['position', id],
        ['message', 'hello', id],
      ])
    }
    for (const client of [without, other]) {
      await client.got(1)
      expect(client.events).toEqual([['message', 'hello']])
    }
  })

  it('begin where the client says', async () => {
    const { server, port } = await start()
    const first = await IoClient.in(port, 'test', { auth: { envelope: true } })
    for (const body of ['a', 'b', 'c'].map((one) => Buffer.from(one))) {
      await server.users.publish('1', { body })
    }
    const [one] = (await first.got(3)) as { id: string }[]

    const auth = { since: one?.id, envelope: true }
    const later = await IoClient.in(port, 'test', { auth })
    const all = await IoClient.in(port, 'test', { auth: { since: 'all' } })
    const old = await IoClient.in(port, 'test', { auth: { since: '1-0' } })

    expect(await later.got(2)).toMatchObject([{ body: 'b' }, { body: 'c' }])
    expect(await all.got(3)).toEqual(['a', 'b', 'c'])
    await old.got(3)
    expect(old.events[1]).toEqual([
      'gap',
      { from: '1-0', to: expect.stringMatching(/^\d+-\d+$/) as unknown },
    ])
  })
})

describe('who may connect', () => {
  const OPEN = '/socket.io/?EIO=4&transport=polling'

  it('is no page of another origin, unless it is named', async () => {
    const { port } = await start()
    const named = await start('socketio: { allow_origin: https://app.example }')
    const Origin = 'https://app.example'

    const refused = await got(port, OPEN, { Origin })
    const cross = await got(port, OPEN, { 'Sec-Fetch-Site': 'cross-site' })
    const taken = await got(named.port, OPEN, { Origin })
    const other = await got(named.port, OPEN, { Origin: 'https://evil.example' })

    expect(refused.status).toBe(403)
    expect(refused.body).toContain('foreign_origin')
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin')
    expect(cross.status).toBe(403)
    expect(taken.status).toBe(200)
    expect(taken.headers['access-control-allow-origin']).toBe(Origin)
    expect(other.status).toBe(403)
  })

  it('is no more than may wait at once', async () => {
    const { port } = await start('socketio: { maxWaiting: 1 }')
    const first = await IoClient.in(port, 'test')
    const waiting = new IoClient(port)
    await waiting.said('connect')

    const refused = await got(port, OPEN)
    expect(refused.status).toBe(403)
    expect(refused.body).toContain('too_many')

    waiting.socket.disconnect()
    // As soon as the server has noticed.
    const next = new IoClient(port)
    await next.said('connect')
    expect(first.socket.connected).toBe(true)
  })

  it('is no WebSocket of such a page either', async () => {
    const { port } = await start()
    const client = new IoClient(port, {
      auth: { session: 'test' },
      extraHeaders: { Origin: 'https://app.example' },
      reconnection: false,
    })

    await client.said('connect_error: websocket error')
  })

  it.each(['/socket.io/', '/'])('comes by the location that takes its path: %s', async (prefix) => {
    const yaml = `locations: [{ type: websocket, prefix: ${prefix} }]`
    const { port } = await start(yaml)

    expect((await got(port, OPEN)).status).toBe(426)
    const { warnings } = loadConfig(configSchema(), { text: yaml, env: {}, flags: {} })
    expect(warnings.map(({ message }) => message).join()).toContain('/socket.io/socket.io.js')
  })

  it('is nobody where it is switched off', async () => {
    const { port } = await startServer('socketio: false')

    expect((await got(port, OPEN)).status).toBe(404)
  })

  it('is only who connects: a transport without a session is let go', async () => {
    const { server, port } = await start('users: { authenticationTimeOut: 30ms }')
    const { body } = await got(port, OPEN)
    const { sid } = JSON.parse(body.slice(1)) as { sid: string }

    let { status } = await got(port, `${OPEN}&sid=${sid}`)
    while (status === 200) ({ status } = await got(port, `${OPEN}&sid=${sid}`))

    expect(status).toBe(400)
    expect(await server.users.connected()).toEqual([])
  })

  it('may load the client from here', async () => {
    const { port } = await start()

    const { status, headers, body } = await got(port, '/socket.io/socket.io.js')
    expect(status).toBe(200)
    expect(headers['content-type']).toContain('application/javascript')
    expect(body).toContain('Socket.IO v4')
    const bare = await got(port, '/socket.io')
    expect(bare.status).toBe(404)
  })
})
