import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EVENTS } from '../../src/model/events.ts'
import { Log } from '../../src/log/log.ts'
import { testConfig } from '../support/server.ts'

const SECRETS = `
store: { type: redis, url: "redis://me:url%2Dpassword@redis.example/0", sentinel_password: sentinel-pass }
management: { key: management-key-0123456789 }
redis: { password: redis-door-pass }
webhooks: { github: { secret: hook-secret-value } }
`

/** A log, and what it has written. */
function logOf(yaml = '', isTTY = false) {
  const lines: string[] = []
  let config = testConfig(yaml)
  const log = new Log({
    config: () => config,
    target: { write: (text) => lines.push(text), isTTY },
    base: { node: 'a' },
  })
  const events = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const update = (text: string) => (config = testConfig(text))
  return { log, lines, events, update }
}

describe('an event', () => {
  it('is a line of JSON with a name that stays', () => {
    const { log, lines, events } = logOf()
    log.failed(new TypeError('it broke\nbadly'), { door: 'redis', peer: '127.0.0.1' })
    log.tell('store.available', 'Redis is available.', { store: 'default' })

    expect(
      lines.map((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1),
    ).toEqual([true, true])
    expect(events()).toMatchObject([
      {
        level: 'error',
        event: 'server.error',
        msg: 'it broke\nbadly',
        door: 'redis',
        peer: '127.0.0.1',
        node: 'a',
        error: 'TypeError',
        stack: expect.stringContaining('log.test.ts') as string,
      },
      { level: 'info', event: 'store.available', store: 'default' },
    ])
    expect(Date.parse(String(events()[0]?.['time']))).toBeGreaterThan(0)
  })

  it('is one for people on a terminal, whatever control characters are in it', () => {
    const { log, lines } = logOf('', true)
    log.tell('store.unavailable', 'Redis is away \u001b[2J', { store: 'default' })
    log.tellPrograms('server.started', 'not said twice')
    expect(lines).toHaveLength(1)
    // oxlint-disable-next-line no-control-regex -- colours are control characters
    const plain = (lines[0] ?? '').replace(/\u001b\[\d+m/g, '')
    expect(plain).toMatch(/^\d\d:\d\d:\d\d error Redis is away ·\[2J {2}store=default\n$/)
  })

  it('is told from the level on that holds now', () => {
    const { log, events, update } = logOf('log: { level: error }')
    log.tell('store.available', 'one')
    log.tell('store.unavailable', 'two')
    update('log: { level: info }')
    log.tell('store.available', 'three')
    update('log: { level: silent }')
    log.tell('store.unavailable', 'four')
    expect(events().map(({ msg }) => msg)).toEqual(['two', 'three'])
  })
})

describe('many events of one name', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('are a few, and how many more there were; others are told all the same', () => {
    const { log, events } = logOf('log: { burst: 3 }')
    for (let count = 0; count < 10; count++) log.tell('server.error', `no ${count}`)
    log.tell('store.available', 'another')
    expect(events().map(({ msg }) => msg)).toEqual(['no 0', 'no 1', 'no 2', 'another'])

    vi.advanceTimersByTime(1_000)

    expect(events().at(-1)).toMatchObject({
      event: 'server.error',
      msg: '7 more suppressed',
      suppressed: 7,
    })
    log.tell('server.error', 'again')
    expect(events().at(-1)).toMatchObject({ msg: 'again' })
    log.end()
    expect(events()).toHaveLength(6)
  })
})

describe('a secret', () => {
  const known = [
    'url-password',
    'url%2Dpassword',
    'sentinel-pass',
    'management-key-0123456789',
    'redis-door-pass',
    'hook-secret-value',
  ]

  it.each(known)('of the configuration is never told: %s', (secret) => {
    const { log, lines } = logOf(SECRETS)
    log.tell('server.error', `in words ${secret}.`, { field: `in a field ${secret}` })
    log.tell('server.error', 'deep', { list: [{ inner: `(${secret})` }] })
    log.failed(new Error(`thrown: ${secret}`))
    expect(lines).toHaveLength(3)
    expect(lines.join('')).not.toContain(secret)
    expect(lines.join('')).toContain('in words ***.')
  })

  it.each([
    ['http://user:S3CRETVALUE@host/path', 'http://***@host/path'],
    ['connect to rediss://S3CRETVALUE@host:1/0 failed', 'rediss://***@host:1/0'],
    ['Authorization: Bearer S3CRETVALUE', '***'],
    ['authorization: Basic UzNDUkVUVkFMVUU=', '***'],
    ['GET /events/a?token=S3CRETVALUE&last=1', '&last=1'],
    ['POST /?api_key=S3CRETVALUE', 'api_key=***'],
    ['{"password":"S3CRETVALUE","user":"me"}', '"user":"me"'],
    ['X-Hub-Signature-256: S3CRETVALUE', '***'],
    ['eyJhbGciOiJI.eyJzdWIiS3CRETVALUE.S3CRETVALUE', '***'],
  ])('is known by how it stands: %s', (text, rest) => {
    const { log, lines, events } = logOf()
    log.tell('server.error', text, { text, nested: { password: 'S3CRETVALUE' } })
    const line = lines.join('')
    expect(line).not.toContain('S3CRETVALUE')
    expect(line).not.toContain('UzNDUkVUVkFMVUU')
    expect(String(events()[0]?.['msg'])).toContain(rest)
  })

  it('does not take ordinary words with it', () => {
    const { log, events } = logOf()
    const words = 'The key of message 1700000000-5 came before; channel a/b, monkey: 5'
    log.tell('server.error', words)
    expect(events()[0]?.['msg']).toBe(words)
  })
})

it('every event stands in docs/operations.md, and none that is not there', () => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const rows = [
    ...page.matchAll(/^\| `(?<name>[a-z]+\.[a-z_]+)` \| (?<level>\w+) \| (?<words>.+) \|$/gm),
  ]
  const told = rows.map(({ groups }) => [groups?.['name'], groups?.['level'], groups?.['words']])
  expect(told).toEqual(
    Object.entries(EVENTS).map(([name, { level, words }]) => [name, level, words]),
  )
})
