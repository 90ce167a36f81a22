/** What a page in somebody's browser can do with what that browser may. */
import { describe, expect, it } from 'vitest'
import { backend } from '../access/backend.ts'
import { KeyFile } from '../access/keyed.ts'
import { handshake } from '../protocols/websocket/frame-client.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'

const EVIL = { Origin: 'https://evil.example' }

it.each([
  ['text/html', true],
  ['TEXT/HTML; charset=utf-8', true],
  ['image/svg+xml', true],
  ['application/xhtml+xml', true],
  // A browser goes by the last.
  ['text/plain, text/html', true],
  ['text/plain; x=y, text/html', true],
  ['', true],
  ['text/plain; charset=utf-8', false],
  ['application/json', false],
  ['application/x-www-form-urlencoded', false],
])('a message of type %j makes no page of this server: %s', async (type, isBound) => {
  const { port } = await startServer()
  const script = '<script>fetch("/publisher/all", { method: "POST", body: "x" })</script>'
  await request(port, 'POST', '/publisher/c', { 'Content-Type': type }, script)

  const { headers, body } = await request(port, 'GET', '/subscriber/c')

  expect(body.toString()).toBe(script)
  expect(headers['content-type']).toBe(type)
  expect(headers['content-security-policy']).toBe(isBound ? 'sandbox' : undefined)
  expect(headers['x-content-type-options']).toBe(isBound ? 'nosniff' : undefined)
})

async function open(port: number, path: string, headers: Record<string, string>): Promise<string> {
  const client = await RawClient.connect(port)
  client.send(handshake(path, headers))
  return (await client.takeUntil('\r\n')).trim()
}

it('a page that was not named reads by a WebSocket nothing of what its browser remembers', async () => {
  const file = new KeyFile()
  const key = file.make('ann', { subscribe: ['/'] })
  const { asked, url } = await backend(({ headers }) => {
    const { cookie } = headers as { cookie?: string }
    return cookie === undefined ? [403, undefined] : [200, { allow: true, subscribe: ['/'] }]
  })
  const access = file.yaml(`hook: { url: "${url}", on: [connect] }, anonymous: { subscribe: [] }`)
  const location = (prefix: string, more: string): string =>
    `  - { type: websocket, prefix: /${prefix}/, ${more} }\n`
  const { port } = await startServer(
    `trustedPeers: []\nlocations:\n${location('any', 'allow_origin: "*"')}` +
      location('trusting', 'allow_origin: "*", allow_credentials: true') +
      location('named', `allow_origin: "${EVIL.Origin}"`) +
      access,
  )
  const cookie = { Cookie: 'session=ann' }
  const basic = { Authorization: `Basic ${Buffer.from(`:${key}`).toString('base64')}` }

  expect(await open(port, '/any/c', { ...EVIL, ...cookie })).toContain(' 401 ')
  expect(await open(port, '/any/c', { ...EVIL, ...basic })).toContain(' 403 ')
  expect(asked.map(({ headers }) => headers)).toEqual([{}])

  for (const path of ['/trusting/c', '/named/c']) {
    expect(await open(port, path, { ...EVIL, ...cookie })).toContain(' 101 ')
    expect(await open(port, path, { ...EVIL, ...basic })).toContain(' 101 ')
  }
  // What the page itself knows, and no page at all.
  expect(await open(port, `/any/c?access_token=${key}`, EVIL)).toContain(' 101 ')
  expect(await open(port, '/any/c', cookie)).toContain(' 101 ')
})

describe.each(PATHS)('over $path', ({ lean }) => {
  it.each<[string, number, Record<string, string>, string]>([
    ['a page that had its name pointed here', 421, { Host: 'evil.example:8080' }, ''],
    ['whatever it adds', 421, { Host: 'EVIL.example.', Referer: 'http://evil.example/' }, ''],
    ['localhost', 200, { Host: 'localhost:8080' }, ''],
    ['an address', 200, { Host: '[::1]:8080' }, ''],
    ['a name of this machine', 200, { Host: 'workstation' }, ''],
    ['a name that nobody else has', 200, { Host: 'push.test:8080' }, ''],
    ['somebody who shows a key', 401, { Host: 'push.example', Authorization: 'Bearer x' }, ''],
    ['a proxy that says so', 200, { Host: 'push.example', 'X-Forwarded-For': '192.0.2.1' }, ''],
    ['a proxy that is named', 200, { Host: 'push.example' }, 'trustedProxies: [127.0.0.1]'],
    ['a page over TLS', 200, { Host: 'push.example', 'Sec-Fetch-Site': 'same-origin' }, ''],
    ['a page that is named', 200, { Host: 'push.example:8080' }, named('http://push.example:8080')],
    ['where all pages may read', 200, { Host: 'push.example' }, named('*')],
    ['where another page is named', 421, { Host: 'evil.example' }, named('https://push.example')],
  ])('%s reads: %s', async (_, status, headers, yaml) => {
    const { port, server } = await startServer(yaml, { lean })
    await server.hub().publish({ channel: 'c' as never, body: Buffer.from('x') })

    expect((await request(port, 'GET', '/subscriber/c', headers)).status).toBe(status)
    expect((await request(port, 'GET', '/subscriber/c?x=%20', headers)).status).toBe(status)

    const stream = await RawClient.connect(port)
    const accept = { Accept: 'text/event-stream' }
    stream.send(requestBytes('GET', '/subscriber/c?since=all', { ...headers, ...accept }))
    expect(await stream.takeUntil('\r\n')).toContain(` ${status} `)
  })
})

/** A subscriber's location for pages of an origin. */
function named(origin: string): string {
  return `locations: [{ type: subscriber, prefix: /subscriber/, allow_origin: "${origin}" }]`
}

it('whom a proxy of this machine lets in without a word is no trusted peer', async () => {
  const { port } = await startServer()
  const post = (headers: Record<string, string>) =>
    request(port, 'POST', '/publisher/c', headers, 'x')
  const refused = await post({ Host: 'push.example' })
  expect(refused.status).toBe(421)
  expect(refused.body.toString()).toContain('"push.example"')
  expect(await open(port, '/ws/', { Host: 'push.example' })).toContain(' 421 ')
  expect((await post({ Host: 'push.example', Origin: 'http://push.example' })).status).toBe(403)
  expect((await post({ Host: `localhost:${port}` })).status).toBe(202)
})
