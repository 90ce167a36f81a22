import { describe, expect, it } from 'vitest'
import { SECRET, token } from '../protocols/socketio/token.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { startManaged } from '../protocols/management/support.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'
import { KeyFile } from './keyed.ts'

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` })
const basic = (key: string) => ({
  Authorization: `Basic ${Buffer.from(`anybody:${key}`).toString('base64')}`,
})

describe.each(PATHS)('HTTP over $path', ({ lean }) => {
  it('a key says what may be published, whoever shows it', async () => {
    const file = new KeyFile()
    const key = file.make('ci', { publish: ['builds/'] })
    const { port } = await startServer(`trustedPeers: []\n${file.yaml()}`, { lean })
    const post = (path: string, headers = {}) => request(port, 'POST', path, headers, 'x')
    expect((await post('/publisher/builds/1')).status).toBe(403)
    expect((await post('/publisher/builds/1', bearer(key))).status).toBe(202)
    expect((await post('/publisher/builds/1', basic(key))).status).toBe(202)
    expect((await post(`/publisher/builds/1?access_token=${key}`)).status).toBe(202)
    const other = await post('/publisher/other', bearer(key))
    expect(other.status).toBe(403)
    expect(other.body.toString()).toContain('The key "ci" may not publish to "other"')
    expect((await post('/publisher/builds/@presence', bearer(key))).status).toBe(403)
  })

  it.each([
    ['a key that is none', bearer(`ffk_${'x'.repeat(43)}`)],
    ['a token where none are taken', bearer('a.b.c')],
    ['nothing', bearer('')],
    ['another scheme', { Authorization: 'Digest username="x"' }],
    ['a password that is no key', basic('hunter2')],
  ])('%s is an error, and never nobody, even for a trusted peer', async (_, headers) => {
    const { port } = await startServer('', { lean })
    for (const [method, path] of [
      ['POST', '/publisher/c'],
      ['GET', '/subscriber/c'],
      ['GET', '/events/c'],
    ] as const) {
      const reply = await request(port, method, path, headers)
      expect(reply.status, path).toBe(401)
      expect(reply.headers['www-authenticate']).toBe('Bearer realm="fanfare"')
    }
  })

  it('a key is shown once, and never said back', async () => {
    const { port } = await startServer('', { lean })
    // The name of a parameter may be written with escapes, as any other.
    for (const name of ['access_token', '%61ccess%5Ftoken']) {
      const reply = await request(port, 'GET', `/events/c?${name}=ffk_secret`, bearer('x'))
      expect(reply.status).toBe(400)
      const wrong = await request(port, 'GET', `/events/c?${name}=ffk_secret`)
      expect(wrong.status).toBe(401)
      const lost = await request(port, 'GET', `/subscriber/c?${name}=ffk_secret`)
      expect(lost.status).toBe(401)
      const said = Buffer.concat([reply.body, wrong.body, lost.body]).toString()
      expect(said).not.toContain('ffk_secret')
    }
  })

  it('where nobody may follow without a key, that holds for polls and streams alike', async () => {
    const file = new KeyFile()
    const key = file.make('board', { subscribe: ['news/'] })
    const yaml = `trustedPeers: []\n${file.yaml('anonymous: { subscribe: [open] }')}`
    const { port } = await startServer(yaml, { lean })
    for (const path of ['/subscriber/news/a', '/events/news/a', '/events/news/']) {
      expect((await request(port, 'GET', path)).status, path).toBe(403)
    }
    expect((await request(port, 'GET', '/events/', bearer(key))).status).toBe(400)
    const all = await request(port, 'GET', '/events/?channel=/', bearer(key))
    expect(all.status).toBe(403)
    const stream = await RawClient.connect(port)
    stream.send(requestBytes('GET', '/events/news/', bearer(key)))
    expect(await stream.takeUntil('\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
  })

  it('history is something of its own', async () => {
    const yaml = 'access: { anonymous: { history: [] }, trusted: { history: [] } }'
    const { port } = await startServer(yaml, { lean })
    await request(port, 'POST', '/publisher/c', {}, 'x')
    expect((await request(port, 'GET', '/events/c?since=all')).status).toBe(403)
    expect((await request(port, 'GET', '/events/c?last=1')).status).toBe(403)
    const stream = await RawClient.connect(port)
    stream.send(requestBytes('GET', '/events/c'))
    expect(await stream.takeUntil('\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
  })

  it('a stream ends with a word when its key is revoked', async () => {
    const file = new KeyFile()
    const key = file.make('board', { subscribe: ['/'] })
    const { port } = await startServer(file.yaml(), { lean })
    const stream = await RawClient.connect(port)
    stream.send(requestBytes('GET', '/events/c', bearer(key)))
    await stream.takeUntil('retry:')
    const poll = await RawClient.connect(port)
    await request(port, 'POST', '/publisher/c', {}, 'x')
    const first = await request(port, 'GET', '/subscriber/c', bearer(key))
    const { 'last-modified': modified = '', etag = '' } = first.headers
    const since = { 'If-Modified-Since': modified, 'If-None-Match': etag }
    poll.send(requestBytes('GET', '/subscriber/c', { ...bearer(key), ...since }))
    file.revoke('board')
    expect(await stream.rest()).toMatch(
      /event: unauthorized\ndata: \{"code":"not_authorized","message":"The key was revoked."\}\n\n/,
    )
    expect((await poll.reply()).status).toBe(401)
  })

  it('a token that expires ends what it opened', async () => {
    const { port } = await startServer(`access: { jwt: { secret: "${SECRET}" } }`, { lean })
    const short = token({ sub: '1', exp: Math.ceil(Date.now() / 1000) + 1 })
    const stream = await RawClient.connect(port)
    stream.send(requestBytes('GET', `/events/c?access_token=${short}`))
    await stream.takeUntil('retry:')
    expect(await stream.rest()).toContain('The token has expired.')
  })
})

describe('a WebSocket', () => {
  it('may what its key may, and closes with 4401 when that is revoked', async () => {
    const file = new KeyFile()
    const key = file.make('app', { subscribe: ['news/'], publish: ['chat'] })
    const { port } = await startServer(`trustedPeers: []\n${file.yaml()}`)
    const client = await FrameClient.open(port, `/ws/?access_token=${key}`)
    const ask = (frame: object) => client.ask(frame)
    expect(await ask({ subscribe: 'news/', ref: 1 })).toMatchObject({ subscribed: ['news/'] })
    expect(await ask({ subscribe: 'chat', ref: 2 })).toMatchObject({ error: { code: 'forbidden' } })
    expect(await ask({ publish: 'chat', body: 'x', ref: 3 })).toMatchObject({ channel: 'chat' })
    expect(await ask({ publish: 'news/a', body: 'x' })).toMatchObject({
      error: { code: 'forbidden' },
    })
    file.revoke('app')
    expect(await client.closed()).toEqual({ code: 4401, reason: 'The key was revoked.' })
  })

  it('is not opened for what is no key', async () => {
    const { port } = await startServer()
    const headers = { Upgrade: 'websocket', Connection: 'Upgrade', ...bearer('x') }
    const more = { 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }
    expect((await request(port, 'GET', '/ws/', { ...headers, ...more })).status).toBe(401)
  })
})

describe('tokens', () => {
  it('have scopes of their own, or do what users may; Mercure’s are read', async () => {
    const users = 'users: { publish: ["of/{user}"] }\n'
    const { port } = await startServer(
      `trustedPeers: []\n${users}access: { jwt: { secret: "${SECRET}" } }`,
    )
    const post = async (claims: object, channel: string): Promise<number> => {
      const headers = bearer(token({ sub: 'u', ...claims }))
      return (await request(port, 'POST', `/publisher/${channel}`, headers, 'x')).status
    }
    expect(await post({}, 'of/u')).toBe(202)
    expect(await post({}, 'of/v')).toBe(403)
    expect(await post({ fanfare: { publish: ['x/'] } }, 'x/y')).toBe(202)
    expect(await post({ fanfare: { publish: ['x/'] } }, 'of/u')).toBe(403)
    expect(await post({ fanfare: 'x' }, 'of/u')).toBe(401)
    expect(await post({ mercure: { publish: ['*'] } }, 'anything')).toBe(202)
    // A topic of Mercure's is one channel, whatever it would mean here.
    expect(await post({ mercure: { publish: ['x/'] } }, 'x/y')).toBe(403)
    expect(await post({ mercure: { publish: ['x?'] } }, 'xy')).toBe(403)
  })
})

describe('the feed', () => {
  it('takes a key, and refuses what is none', async () => {
    const file = new KeyFile()
    const key = file.make('hook', { publish: ['json'] })
    const { server } = await startServer(`trustedPeers: []\nfeed: { port: 0 }\n${file.yaml()}`)
    const place = server.places.find(({ what }) => what === 'feed')?.where ?? ''
    const post = async (path: string, headers: Record<string, string>): Promise<string> => {
      const client = await RawClient.connect(Number(new URL(place).port))
      client.send(requestBytes('POST', path, headers, '{"a":1}\n'))
      return (await client.rest()).split('\r\n')[0] ?? ''
    }
    expect(await post('/json', bearer(key))).toContain(' 200 ')
    expect(await post('/json', {})).toContain(' 403 ')
    expect(await post('/other', bearer(key))).toContain(' 403 ')
    expect(await post('/json', bearer('x'))).toContain(' 401 ')
  })
})

describe('a webhook of one’s own', () => {
  it('takes a key for the channel that it makes', async () => {
    const file = new KeyFile()
    const key = file.make('shop', { publish: ['orders'] })
    const hooks = 'webhooks: { hooks: { shop: { channel: "{where}", message: hi } } }\n'
    const { port } = await startServer(`trustedPeers: []\n${hooks}${file.yaml()}`)
    const post = async (where: string, headers = {}): Promise<number> => {
      const type = { 'Content-Type': 'application/json', ...headers }
      return (await request(port, 'POST', '/hooks/shop', type, JSON.stringify({ where }))).status
    }
    expect(await post('orders')).toBe(403)
    expect(await post('orders', bearer(key))).toBe(200)
    expect(await post('other', bearer(key))).toBe(403)
    expect(await post('orders', bearer('x'))).toBe(401)
  })
})

describe('the management port', () => {
  it('takes a key that may manage, beside its own', async () => {
    const file = new KeyFile()
    const manages = file.make('admin', { manage: true })
    const not = file.make('ci', { publish: ['/'] })
    const own = 'sixteen characters'
    const { get } = await startManaged(`key: "${own}"`, file.yaml())
    expect((await get('/user/listAll')).status).toBe(401)
    expect((await get('/user/listAll', bearer(own))).status).toBe(200)
    expect((await get('/user/listAll', bearer(manages))).status).toBe(200)
    expect((await get('/user/listAll', basic(manages))).status).toBe(200)
    expect((await get('/user/listAll', bearer(not))).status).toBe(403)
    expect((await get('/user/listAll', bearer(`${manages}x`))).status).toBe(401)
    for (const name of ['access_token', 'access%5Ftoken']) {
      const lost = await get(`/nowhere?${name}=${manages}`)
      expect(lost.status).toBe(404)
      expect(lost.body.toString()).not.toContain(manages)
    }
  })

  it('may be reached from elsewhere when there is such a key', async () => {
    const file = new KeyFile()
    file.make('admin', { manage: true })
    const { server } = await startServer(
      `management: { port: 0, address: 0.0.0.0 }\n${file.yaml()}`,
    )
    expect(server.places.some(({ what }) => what === 'management')).toBe(true)
  })
})

describe('Socket.IO', () => {
  it('takes a key in the handshake, and lets go of one that is revoked, with a word', async () => {
    const file = new KeyFile()
    const key = file.make('bot', { subscribe: ['news'], publish: ['news'] })
    const { port } = await startServer(file.yaml())
    const client = new IoClient(port, { auth: { key }, reconnection: false })
    await client.said('connect')
    expect(await client.ask('subscribe', 'news')).toMatchObject({ ok: true })
    expect(await client.ask('publish', 'news', 'x')).toMatchObject({ ok: true })
    expect(await client.ask('subscribe', 'other')).toMatchObject({ error: { code: 'forbidden' } })
    file.revoke('bot')
    await client.said('disconnect: io server disconnect')
    expect(client.events).toContainEqual([
      'error',
      { code: 'not_authorized', message: 'The key was revoked.' },
    ])
  })

  it('refuses what is no key', async () => {
    const { port } = await startServer()
    const client = new IoClient(port, { auth: { key: 'ffk_x' }, reconnection: false })
    await client.said('connect_error: There is no such key.')
  })
})
