import { describe, expect, it } from 'vitest'
import { type Credentials, isForeign, Trust } from '../../src/access/trust.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { request } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'

type Headers = Readonly<Record<string, string>>

function from(peer: string, headers: Headers = {}): Credentials {
  return { peer, header: (name) => headers[name] }
}

/** The code of what is thrown, or 'trusted'. */
function verdict(work: () => void): string {
  try {
    work()
    return 'trusted'
  } catch (error) {
    return error instanceof FanfareError ? error.code : String(error)
  }
}

const trust = new Trust(['127.0.0.1', '192.168.0.*'], ['10.0.0.0/24', '127.0.0.1'])
const TRUSTED = '192.168.0.7'
const PROXY = '10.0.0.1'

function judge(peer: string, headers: Headers = {}, origins: readonly string[] = []): string {
  return verdict(() => trust.mustPublish(from(peer, headers), origins))
}

describe('who may publish, by address', () => {
  it('trusted peers', () => {
    expect(judge('127.0.0.1')).toBe('trusted')
    expect(judge(TRUSTED)).toBe('trusted')
    expect(judge(`::ffff:${TRUSTED}`)).toBe('trusted')
  })

  it('nobody else, a proxy itself least of all', () => {
    for (const peer of ['192.168.1.7', '::1', PROXY, '']) {
      expect(judge(peer), peer).toBe('not_trusted')
    }
  })

  it('says who was not trusted', () => {
    expect(() => trust.mustPublish(from('203.0.113.9'))).toThrow('203.0.113.9')
    expect(() => trust.mustPublish(from(''))).toThrow('this address')
  })
})

describe('who may publish, through proxies', () => {
  it.each([
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-for', TRUSTED],
    ['x-forwarded-for', ''],
    ['forwarded', `for=${TRUSTED}`],
    ['via', '1.1 squid'],
    ['x-real-ip', TRUSTED],
    ['x-forwarded-host', 'example.com'],
    ['x-forwarded-proto', 'https'],
  ])('nobody through one that is not named, whatever it says: %s: %s', (name, value) => {
    expect(judge(TRUSTED, { [name]: value })).toBe('not_trusted')
    expect(() => trust.mustPublish(from(TRUSTED, { [name]: value }))).toThrow('trustedProxies')
  })

  it.each([
    ['a trusted client', TRUSTED, 'trusted'],
    ['in IPv6’s clothes', `::ffff:${TRUSTED}`, 'trusted'],
    ['another client', '203.0.113.9', 'not_trusted'],
    ['a client that says it is trusted', `${TRUSTED}, 203.0.113.9`, 'not_trusted'],
    ['one that says so at length', `${TRUSTED}, 127.0.0.1, ${TRUSTED},203.0.113.9`, 'not_trusted'],
    ['a trusted client through two named proxies', `${TRUSTED}, 10.0.0.2`, 'trusted'],
    ['another one through two', '203.0.113.9, 10.0.0.2', 'not_trusted'],
    ['one that says so through two', `${TRUSTED}, 203.0.113.9, 10.0.0.2`, 'not_trusted'],
    ['a trusted client through a proxy that is not named', `${TRUSTED}, 10.0.1.2`, 'not_trusted'],
    ['odd spaces', `  ${TRUSTED} ,\t10.0.0.2 `, 'trusted'],
    ['this machine, which is a named proxy as well', '127.0.0.1', 'trusted'],
    ['this machine through others', '127.0.0.1, 10.0.0.2', 'trusted'],
    ['a named proxy that asks for itself', '10.0.0.2', 'not_trusted'],
    ['nobody', '', 'not_trusted'],
    ['nobody nearest', `${TRUSTED},`, 'not_trusted'],
    ['nobody in between', `${TRUSTED},, 10.0.0.2`, 'not_trusted'],
    ['“unknown”', 'unknown', 'not_trusted'],
    ['an address with a port', `${TRUSTED}:4711`, 'not_trusted'],
    ['a name', 'localhost', 'not_trusted'],
    ['quotes', `"${TRUSTED}"`, 'not_trusted'],
  ])('through a named one, %s', (_, chain, expected) => {
    expect(judge(PROXY, { 'x-forwarded-for': chain })).toBe(expected)
  })

  it.each(['forwarded', 'via', 'x-real-ip', 'x-forwarded-host', 'x-forwarded-proto'])(
    'nobody through a named one that only has %s: it does not say for whom',
    (name) => {
      expect(judge(PROXY, { [name]: TRUSTED })).toBe('not_trusted')
      expect(judge('127.0.0.1', { [name]: TRUSTED })).toBe('not_trusted')
      expect(() => trust.mustPublish(from(PROXY, { [name]: TRUSTED }))).toThrow('for whom')
    },
  )

  it('tells the client’s address for other purposes likewise', () => {
    expect(trust.clientOf(from('203.0.113.9'))).toBe('203.0.113.9')
    expect(trust.clientOf(from(PROXY, { 'x-forwarded-for': '203.0.113.9' }))).toBe('203.0.113.9')
    expect(trust.clientOf(from('203.0.113.9', { 'x-forwarded-for': TRUSTED }))).toBeUndefined()
  })
})

describe('pages', () => {
  it.each<[string, Headers, boolean]>([
    ['no page', { host: 'localhost:8080' }, false],
    [
      'this server’s page on localhost',
      { host: 'localhost:8080', origin: 'http://localhost:8080' },
      false,
    ],
    ['by address', { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:8080' }, false],
    ['by IPv6 address', { host: '[::1]:8080', origin: 'http://[::1]:8080' }, false],
    ['without a port', { host: '[::1]', origin: 'http://[::1]' }, false],
    ['over HTTPS', { host: 'localhost', origin: 'https://localhost' }, false],
    ['below localhost', { host: 'app.localhost:80', origin: 'http://app.localhost:80' }, false],
    ['another server’s page', { host: 'localhost:8080', origin: 'https://evil.example' }, true],
    ['another port’s page', { host: 'localhost:8080', origin: 'http://localhost:3000' }, true],
    ['another name’s page', { host: '127.0.0.1:8080', origin: 'http://localhost:8080' }, true],
    ['a sandboxed page', { host: 'localhost', origin: 'null' }, true],
    ['an empty origin', { host: '', origin: '' }, true],
    ['an extension', { host: 'abc', origin: 'chrome-extension://abc' }, true],
    ['an origin with a path', { host: 'localhost/', origin: 'http://localhost/' }, true],
    ['a page, to a server without a name', { origin: 'http://localhost' }, true],
    // DNS rebinding: the page's own name, pointed here.
    ['a rebound name', { host: 'evil.example:8080', origin: 'http://evil.example:8080' }, true],
    [
      'a name like an address',
      { host: '127.0.0.1.evil.example', origin: 'http://127.0.0.1.evil.example' },
      true,
    ],
    [
      'a name like localhost',
      { host: 'localhost.evil.example', origin: 'http://localhost.evil.example' },
      true,
    ],
    ['a name that ends like it', { host: 'evillocalhost', origin: 'http://evillocalhost' }, true],
    ['a link from another site', { host: 'localhost', 'sec-fetch-site': 'cross-site' }, true],
    ['a page of this origin', { host: 'localhost', 'sec-fetch-site': 'same-origin' }, false],
    ['a person', { host: 'localhost', 'sec-fetch-site': 'none' }, false],
  ])('%s', (_, headers, foreign) => {
    expect(isForeign(from('127.0.0.1', headers))).toBe(foreign)
    expect(judge('127.0.0.1', headers)).toBe(foreign ? 'foreign_origin' : 'trusted')
  })

  it('of allowed origins are not foreign, and still need a trusted address', () => {
    const origins = ['https://app.example', 'null']
    const page = { host: 'localhost', origin: 'https://app.example' }
    expect(judge('127.0.0.1', page, origins)).toBe('trusted')
    expect(judge('127.0.0.1', { ...page, origin: 'null' }, origins)).toBe('trusted')
    expect(judge('127.0.0.1', { ...page, 'sec-fetch-site': 'cross-site' }, origins)).toBe('trusted')
    expect(judge('203.0.113.9', page, origins)).toBe('not_trusted')
    for (const origin of [
      'https://app.example:444',
      'http://app.example',
      'https://app.example.evil',
      '*',
    ]) {
      expect(judge('127.0.0.1', { ...page, origin }, origins), origin).toBe('foreign_origin')
    }
  })
})

describe.each(PATHS)('on the wire over $path', ({ lean }) => {
  it('a client cannot make itself trusted by saying more', async () => {
    const { port } = await startServer('trustedProxies: [127.0.0.1]', { lean })
    const post = async (headers: Headers): Promise<number> =>
      (await request(port, 'POST', '/publisher/x', headers, 'x')).status
    expect(await post({})).toBe(202)
    expect(await post({ 'X-Forwarded-For': '127.0.0.1' })).toBe(202)
    expect(await post({ 'X-Forwarded-For': '203.0.113.9' })).toBe(403)
    // Two lines are one list, the later one nearer.
    expect(await post({ 'X-Forwarded-For': '127.0.0.1', 'x-forwarded-for': '203.0.113.9' })).toBe(
      403,
    )
    expect(await post({ Origin: 'http://localhost', 'X-Forwarded-For': '127.0.0.1' })).toBe(202)
    expect(await post({ Origin: 'http://evil.example' })).toBe(403)
  })

  it('forwarding headers of anybody else are a sign of a proxy', async () => {
    const { port } = await startServer('', { lean })
    const reply = await request(port, 'POST', '/publisher/x', { Via: '1.1 squid' }, 'x')
    expect(reply.status).toBe(403)
    expect(reply.body.toString()).toContain('trustedProxies')
  })
})
