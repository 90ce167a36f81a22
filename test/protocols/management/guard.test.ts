import { describe, expect, it } from 'vitest'
import { FanfareServer } from '../../../src/server/server.ts'
import { loadConfig } from '../../../src/config/index.ts'
import { configSchema } from '../../../src/server/schema.ts'
import { RawClient, request } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { startManaged } from './support.ts'

const KEY = 'correct-horse-battery'
const SET = '/auth/set/1/test'

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`

/** A server with no other port of its own, which the test stops. */
function start(yaml: string): Promise<FanfareServer> {
  const off =
    'port: 0\nstore: { type: memory }\nfeed: false\nredis: false\nsparkleshare: false\nfanout: false\n'
  const { config } = loadConfig(configSchema(), { text: off + yaml, file: 'test.yaml', env: {} })
  return FanfareServer.start(config)
}

/** A GET that changes something, and whether it did. */
async function attempt(
  server: Awaited<ReturnType<typeof startManaged>>,
  headers: Readonly<Record<string, string>>,
): Promise<[status: number, done: boolean]> {
  const { status } = await server.get(SET, headers)
  const { sessions } = server.server.users
  const done = (await sessions.userOf('test')) !== undefined
  await sessions.removeAll('1')
  return [status, done]
}

describe('a browser that asks for another page', () => {
  it('is refused by Sec-Fetch-Site, Origin and Referer, and nothing is done', async () => {
    const server = await startManaged()
    const host = `127.0.0.1:${server.admin}`
    const foreign: Record<string, string>[] = [
      { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' },
      {
        'Sec-Fetch-Site': 'cross-site',
        'Sec-Fetch-Mode': 'navigate',
        'Sec-Fetch-Dest': 'document',
      },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { Origin: 'http://localhost:3000' },
      { Origin: `http://${host}.evil.example` },
      { Referer: 'https://evil.example/page' },
      { Referer: `https://evil.example/http://${host}/` },
    ]
    for (const headers of foreign) {
      const name = JSON.stringify(headers)
      expect(await attempt(server, { Host: host, ...headers }), name).toEqual([403, false])
      const post = await server.post('/auth/set', { userId: 1, sessionId: 'test' }, headers)
      expect(post.status, name).toBe(403)
      expect(JSON.parse(post.body.toString()), name).toMatchObject({
        error: { code: 'foreign_origin' },
      })
    }
  })

  it('is served where the page is our own, or no page asks', async () => {
    const server = await startManaged()
    const host = `127.0.0.1:${server.admin}`
    const own: Record<string, string>[] = [
      {},
      { Origin: `http://${host}`, 'Sec-Fetch-Site': 'same-origin' },
      { Referer: `http://${host}/`, 'Sec-Fetch-Site': 'same-origin' },
      { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate' },
    ]
    for (const headers of own) {
      expect(await attempt(server, { Host: host, ...headers }), JSON.stringify(headers)).toEqual([
        200,
        true,
      ])
    }
  })

  it('may follow a link to the page, but not show it in a frame', async () => {
    const { get } = await startManaged()
    const link = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' }
    expect((await get('/', { ...link, 'Sec-Fetch-Dest': 'document' })).status).not.toBe(403)
    expect((await get('/', { ...link, 'Sec-Fetch-Dest': 'iframe' })).status).toBe(403)
    expect((await get('/user/listAll', { ...link, 'Sec-Fetch-Dest': 'document' })).status).toBe(403)
  })

  it('gets no leave from a preflight', async () => {
    const { admin } = await startManaged()
    const reply = await request(admin, 'OPTIONS', '/auth/set', {
      Origin: 'https://evil.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type',
    })
    expect(reply.status).toBe(403)
    expect(Object.keys(reply.headers).some((name) => name.startsWith('access-control'))).toBe(false)
  })
})

describe('the name that is asked for', () => {
  it.each(['evil.example', 'evil.example:8181', '127.0.0.1.evil.example', 'localhost.evil', ''])(
    'is refused with 421 when it is %j: anybody could have pointed it here',
    async (host) => {
      const server = await startManaged()
      expect(await attempt(server, { Host: host })).toEqual([421, false])
      // Not even the page, which has nothing to hide, nor with the page's own origin.
      expect((await server.get('/', { Host: host })).status).toBe(421)
      expect((await server.get(SET, { Host: host, Origin: `http://${host}` })).status).toBe(421)
    },
  )

  it.each([
    '127.0.0.1:8181',
    '[::1]:8181',
    'localhost',
    'LOCALHOST:1',
    'admin.localhost',
    '10.1.2.3',
  ])('is taken when it is %s', async (host) => {
    const server = await startManaged()
    expect(await attempt(server, { Host: host })).toEqual([200, true])
  })

  it('may be one that the configuration knows, with a page of that origin', async () => {
    const server = await startManaged('hosts: [Push.example]')
    expect(await attempt(server, { Host: 'push.example:443' })).toEqual([200, true])
    const page = { Host: 'push.example', Origin: 'https://push.example' }
    expect(await attempt(server, page)).toEqual([200, true])
    expect(await attempt(server, { Host: 'other.example' })).toEqual([421, false])
  })
})

describe('without a key', () => {
  it('only trusted peers may call', async () => {
    const server = await startManaged('', 'trustedPeers: [10.0.0.1]\n')
    expect(await attempt(server, {})).toEqual([403, false])
    const reply = await server.post('/auth/set', { userId: 1, sessionId: 'test' })
    expect(JSON.parse(reply.body.toString())).toMatchObject({ error: { code: 'not_trusted' } })
    for (const path of ['/api', '/openapi.json', '/console/overview']) {
      expect((await server.get(path)).status, path).toBe(403)
    }
  })

  it.each(['X-Forwarded-For', 'Forwarded', 'Via', 'X-Real-IP'])(
    'what a proxy has forwarded (%s) is not its own',
    async (header) => {
      const server = await startManaged()
      expect(await attempt(server, { [header]: '127.0.0.1' })).toEqual([403, false])
    },
  )

  it('what a named proxy has forwarded counts as its client', async () => {
    const server = await startManaged('', 'trustedProxies: [127.0.0.1]\ntrustedPeers: [10.0.0.1]\n')
    expect(await attempt(server, { 'X-Forwarded-For': '10.0.0.1' })).toEqual([200, true])
    expect(await attempt(server, { 'X-Forwarded-For': '10.0.0.2' })).toEqual([403, false])
  })
})

describe('with a key', () => {
  it('every call shows it, as a token or as a password', async () => {
    const server = await startManaged(`key: ${KEY}`)
    const shown: [authorization: string, ok: boolean][] = [
      [`Bearer ${KEY}`, true],
      [`bearer ${KEY}`, true],
      [basic(`:${KEY}`), true],
      [basic(`admin:${KEY}`), true],
      [basic(KEY), false],
      [`Bearer ${KEY}x`, false],
      [`Bearer ${KEY.slice(0, -1)}`, false],
      ['Bearer ', false],
      [KEY, false],
      [`Digest ${KEY}`, false],
    ]
    for (const [authorization, ok] of shown) {
      expect(await attempt(server, { Authorization: authorization }), authorization).toEqual(
        ok ? [200, true] : [401, false],
      )
    }
    expect(await attempt(server, {})).toEqual([401, false])
  })

  it('says how to show it, and asks no browser to remember it', async () => {
    const { post, get } = await startManaged(`key: ${KEY}`)
    const reply = await post('/user/listAll', {})
    expect(reply).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="fanfare"' },
    })
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      error: { code: 'not_authorized', help: expect.stringContaining('Bearer') as string },
    })
    const words = await get('/user/listAll')
    expect(words.status).toBe(401)
    expect(words.body.toString()).toMatch(/^401 not_authorized: /)
  })

  it('nothing but the page is shown without it', async () => {
    const { get } = await startManaged(`key: ${KEY}`)
    for (const path of ['/api', '/openapi.json', '/console/overview', '/console/', '/nothing']) {
      expect((await get(path)).status, path).toBe(401)
    }
    expect((await get('/')).status).not.toBe(401)
  })

  it('a key may hold any characters', async () => {
    const server = await startManaged('key: "ein langer Schlüssel: ja"')
    const bytes = Buffer.from('ein langer Schlüssel: ja')
    expect(await attempt(server, { Authorization: `Bearer ${bytes.toString('latin1')}` })).toEqual([
      200,
      true,
    ])
    const pair = Buffer.concat([Buffer.from('x:'), bytes]).toString('base64')
    expect(await attempt(server, { Authorization: `Basic ${pair}` })).toEqual([200, true])
  })

  it('anybody may call, whoever forwards it; but still no other page', async () => {
    const server = await startManaged(`key: ${KEY}`, 'trustedPeers: [10.0.0.1]\n')
    const Authorization = `Bearer ${KEY}`
    expect(await attempt(server, { Authorization, Via: '1.1 proxy' })).toEqual([200, true])
    expect(await attempt(server, { Authorization, Origin: 'https://evil.example' })).toEqual([
      403,
      false,
    ])
    expect(await attempt(server, { Authorization, Host: 'evil.example' })).toEqual([421, false])
  })
})

describe('where it listens', () => {
  it.each(['0.0.0.0', "''", '"::"'])(
    'it refuses %s without a key, and says why',
    async (address) => {
      await expect(start(`management: { port: 0, address: ${address} }\n`)).rejects.toThrow(
        /management\.address.*other machines.*no `management\.key`.*FANFARE_MANAGEMENT__KEY/,
      )
    },
  )

  it('it takes any address with a key', async () => {
    const server = await start(`management: { port: 0, address: 0.0.0.0, key: ${KEY} }\n`)
    const place = server.places.find(({ what }) => what === 'management')
    expect(place?.where).toMatch(/^http:\/\/localhost:\d+\/$/)
    expect(place?.example).toContain('Authorization: Bearer KEY')
    expect(place?.example).not.toContain(KEY)
    await server.stop()
  })

  it('it is not where the main port is: that may be open to all', async () => {
    const server = await start('address: 0.0.0.0\nmanagement: { port: 0 }\n')
    const place = server.places.find(({ what }) => what === 'management')
    expect(place?.where).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
    await server.stop()
  })

  it('it is off where the configuration says so', async () => {
    const { server } = await startServer('management: false\n')
    expect(server.places.some(({ what }) => what === 'management')).toBe(false)
  })

  it('a key is 16 characters at least', () => {
    expect(() => start('management: { key: short }\n')).toThrow(/16/)
  })
})

it('a WebSocket is refused', async () => {
  const { admin } = await startManaged()
  const client = await RawClient.connect(admin)
  client.send(
    'GET /user/listAll HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  expect((await client.reply()).status).toBe(404)
})

it('connections are bounded', async () => {
  const { admin } = await startManaged('maxConnections: 1')
  const first = await RawClient.connect(admin)
  first.send('GET /user/listAll HTTP/1.1\r\nHost: localhost\r\n\r\n')
  expect((await first.reply()).status).toBe(200)
  const second = await RawClient.connect(admin)
  expect(await second.rest()).toBe('')
})
