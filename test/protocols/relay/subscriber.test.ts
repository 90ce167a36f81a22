import { describe, expect, it } from 'vitest'
import { Clock } from '../../../src/model/clock.ts'
import { RawClient, request, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'

const TEXT = { 'Content-Type': 'text/plain' }
const WAY_BACK = 'Thu, 01 Jan 1970 00:00:10 GMT'

describe.each(PATHS)('the subscriber location over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('answers with the headers of the original, in its order', async () => {
    const { port } = await start()
    await request(port, 'POST', '/publisher/test', TEXT, 'Hello world!')

    const reply = await request(port, 'GET', '/subscriber/test')

    const names = reply.lines.map((line) => line.slice(0, line.indexOf(':')))
    expect(reply.status).toBe(200)
    expect(names.slice(0, 5)).toEqual([
      'Content-Length',
      'Vary',
      'Last-Modified',
      'Etag',
      'Content-Type',
    ])
    expect(reply.headers['vary']).toBe('If-Modified-Since, If-None-Match')
    expect(reply.headers['last-modified']).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
    expect(reply.headers['etag']).toBe('0')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(reply.body.toString()).toBe('Hello world!')
  })

  it.each([
    ['nothing', {}],
    ['a bare 0 for each, as pusher.js begins', { 'If-Modified-Since': '0', 'If-None-Match': '0' }],
    ['only If-None-Match', { 'If-None-Match': '7' }],
    ['a date long ago', { 'If-Modified-Since': WAY_BACK }],
    ['RFC 850', { 'If-Modified-Since': 'Thursday, 01-Jan-70 00:00:10 GMT' }],
    ['asctime', { 'If-Modified-Since': 'Thu Jan  1 00:00:10 1970' }],
    ['a numeric zone', { 'If-Modified-Since': 'Thu, 01 Jan 1970 02:00:10 +0200' }],
    ['a quoted tag', { 'If-Modified-Since': WAY_BACK, 'If-None-Match': '"3"' }],
    ['a weak tag', { 'If-Modified-Since': WAY_BACK, 'If-None-Match': 'W/"3"' }],
    ['a -gzip tag', { 'If-Modified-Since': WAY_BACK, 'If-None-Match': '"3-gzip"' }],
    ['a negative tag', { 'If-Modified-Since': WAY_BACK, 'If-None-Match': ' -5 ' }],
  ])('gives the oldest message for %s', async (_, headers) => {
    const { port } = await start('store: { type: memory, message_timeout: 0 }')
    await request(port, 'POST', '/publisher/oldest', TEXT, 'first')
    await request(port, 'POST', '/publisher/oldest', TEXT, 'second')

    const reply = await request(port, 'GET', '/subscriber/oldest', headers)

    expect(reply.status).toBe(200)
    expect(reply.body.toString()).toBe('first')
  })

  it.each([
    ['If-None-Match', '"3'],
    ['If-None-Match', '3, 4'],
    ['If-None-Match', '*'],
    ['If-None-Match', '99999999999'],
    ['If-Modified-Since', '12345'],
    ['If-Modified-Since', 'Thu, 32 Jan 1970 00:00:10 GMT'],
    ['If-Modified-Since', 'Thu, 01 Foo 1970 00:00:10 GMT'],
    ['If-Modified-Since', '2026-11-21T00:00:00Z'],
  ])('answers 400 to %s: %s, and says why', async (name, value) => {
    const { port } = await start()
    await request(port, 'PUT', '/publisher/bad')
    const reply = await request(port, 'GET', '/subscriber/bad', { [name]: value })
    expect(reply.status).toBe(400)
    expect(reply.body.toString()).toContain(name)
  })

  it('repeats a second to a client that sends only its date: at least, never less', async () => {
    const { port } = await start()
    await request(port, 'POST', '/publisher/again', TEXT, 'one')
    const first = await request(port, 'GET', '/subscriber/again')
    const date = first.headers['last-modified'] ?? ''

    const again = await request(port, 'GET', '/subscriber/again', { 'If-Modified-Since': date })

    expect(again.body.toString()).toBe('one')
  })

  it('waits for what comes when the date lies in the future', async () => {
    const { port, server } = await start()
    await request(port, 'POST', '/publisher/future', TEXT, 'old')
    const client = await RawClient.connect(port)
    const tomorrow = new Date(Date.now() + 86_400_000).toUTCString()
    client.send(requestBytes('GET', '/subscriber/future', { 'If-Modified-Since': tomorrow }))
    await until(() => server.hub().receivers('future' as never) === 1, 'the poll waits')

    await request(port, 'POST', '/publisher/future', TEXT, 'new')

    expect((await client.reply()).body.toString()).toBe('new')
  })

  it('loses nothing between two polls although ids of the first second lie ahead of the clock', async () => {
    // A memory store's first id lies in the second after its start.
    const clock = new Clock(() => 1_700_000_000_500)
    const { port } = await startServer('', { lean, clock })
    await request(port, 'POST', '/publisher/ahead', TEXT, 'one')
    const first = await request(port, 'GET', '/subscriber/ahead')
    await request(port, 'POST', '/publisher/ahead', TEXT, 'two')

    const second = await request(port, 'GET', '/subscriber/ahead', {
      'If-Modified-Since': first.headers['last-modified'] ?? '',
      'If-None-Match': first.headers['etag'] ?? '',
    })

    expect(second.body.toString()).toBe('two')
  })

  it('tells a gap with the oldest message that is kept', async () => {
    const { port } = await start('store: { type: memory, max_messages: 1 }')
    await request(port, 'POST', '/publisher/gap', TEXT, 'one')
    const first = await request(port, 'GET', '/subscriber/gap')
    for (const body of ['two', 'three']) await request(port, 'POST', '/publisher/gap', TEXT, body)

    const reply = await request(port, 'GET', '/subscriber/gap', {
      'If-Modified-Since': first.headers['last-modified'] ?? '',
      'If-None-Match': first.headers['etag'] ?? '',
    })

    expect(reply.body.toString()).toBe('three')
    expect(reply.headers['fanfare-gap']).toMatch(/^from=\d+-\d+, to=\d+-\d+$/)
    expect(first.headers['fanfare-gap']).toBeUndefined()
  })

  it('tells a restarted memory store from a quiet one', async () => {
    const { port } = await start()
    const before = { 'If-Modified-Since': new Date(Date.now() - 60_000).toUTCString() }
    await request(port, 'POST', '/publisher/restart', TEXT, 'after')
    const reply = await request(port, 'GET', '/subscriber/restart', {
      ...before,
      'If-None-Match': '3',
    })
    expect(reply.body.toString()).toBe('after')
    expect(reply.headers['fanfare-gap']).toBeDefined()
  })

  it('gives the validators back with a 304', async () => {
    const { port } = await start(
      'locations: [{ type: publisher, prefix: /p/ }, { type: subscriber, prefix: /s/, polling: interval }]',
    )
    await request(port, 'POST', '/p/x', TEXT, 'one')
    const first = await request(port, 'GET', '/s/x')
    const date = first.headers['last-modified'] ?? ''

    const reply = await request(port, 'GET', '/s/x', {
      'If-Modified-Since': date,
      'If-None-Match': '0',
    })

    expect(reply.status).toBe(304)
    expect(reply.headers['last-modified']).toBe(date)
    expect(reply.headers['etag']).toBe('0')
    expect(reply.headers['content-length']).toBeUndefined()
  })

  it.each(['POST', 'PUT', 'DELETE', 'HEAD', 'PATCH'])(
    'answers 405 with Allow to %s',
    async (method) => {
      const { port } = await start()
      const client = await RawClient.connect(port)
      client.send(requestBytes(method, '/subscriber/x', { Connection: 'close' }))
      const answer = await client.rest()
      expect(answer).toMatch(/^HTTP\/1.1 405 /)
      expect(answer).toMatch(/\r\nAllow: GET, OPTIONS\r\n/)
    },
  )

  it('creates an unknown channel and waits where create_on_get is on', async () => {
    const { port, server } = await start(
      'locations: [{ type: publisher, prefix: /p/ }, { type: subscriber, prefix: /s/, create_on_get: true }]',
    )
    const client = await RawClient.connect(port)
    client.send(requestBytes('GET', '/s/born'))
    await until(() => server.hub().receivers('born' as never) === 1, 'the poll waits')

    expect((await request(port, 'POST', '/p/born', TEXT, 'hello')).status).toBe(201)

    expect((await client.reply()).body.toString()).toBe('hello')
  })

  it('forgets a client that leaves, at once', async () => {
    const { port, server } = await start()
    await request(port, 'PUT', '/publisher/left')
    const client = await RawClient.connect(port)
    client.send(requestBytes('GET', '/subscriber/left'))
    await until(() => server.hub().receivers('left' as never) === 1, 'the poll waits')

    client.close()
    await until(() => server.hub().receivers('left' as never) === 0, 'the poll is forgotten')

    expect((await request(port, 'POST', '/publisher/left', TEXT, 'x')).status).toBe(202)
  })

  it('lets only the newest wait where concurrency is last', async () => {
    const { port, server } = await start(
      'locations: [{ type: publisher, prefix: /p/ }, { type: subscriber, prefix: /s/, concurrency: last }]',
    )
    await request(port, 'PUT', '/p/x')
    const older = await RawClient.connect(port)
    older.send(requestBytes('GET', '/s/x'))
    await until(() => server.hub().receivers('x' as never) === 1, 'the older poll waits')
    const newer = await RawClient.connect(port)
    newer.send(requestBytes('GET', '/s/x'))

    expect((await older.reply()).status).toBe(409)
    await request(port, 'POST', '/p/x', TEXT, 'for the newest')
    expect((await newer.reply()).body.toString()).toBe('for the newest')
  })

  it('lets only the oldest wait where concurrency is first', async () => {
    const { port, server } = await start(
      'locations: [{ type: publisher, prefix: /p/ }, { type: subscriber, prefix: /s/, concurrency: first }]',
    )
    await request(port, 'PUT', '/p/x')
    const older = await RawClient.connect(port)
    older.send(requestBytes('GET', '/s/x'))
    await until(() => server.hub().receivers('x' as never) === 1, 'the older poll waits')

    expect((await request(port, 'GET', '/s/x')).status).toBe(409)
    await request(port, 'POST', '/p/x', TEXT, 'for the oldest')
    expect((await older.reply()).body.toString()).toBe('for the oldest')
    // The place is free again.
    const third = await RawClient.connect(port)
    third.send(
      requestBytes('GET', '/s/x', {
        'If-Modified-Since': new Date(Date.now() + 9e6).toUTCString(),
      }),
    )
    await until(() => server.hub().receivers('x' as never) === 1, 'the third poll waits')
  })

  it('answers pages of other origins only where they are allowed', async () => {
    const { port } = await start(`
locations:
  - { type: publisher, prefix: /p/ }
  - { type: subscriber, prefix: /open/, allow_origin: '*', allow_credentials: false }
  - { type: subscriber, prefix: /closed/ }
`)
    await request(port, 'POST', '/p/x', TEXT, 'x')
    const origin = { Origin: 'https://app.example' }

    const open = await request(port, 'GET', '/open/x', origin)
    const closed = await request(port, 'GET', '/closed/x', origin)
    const preflight = await request(port, 'OPTIONS', '/open/x', {
      ...origin,
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'If-None-Match',
    })

    expect(open.headers['access-control-allow-origin']).toBe('*')
    expect(open.headers['access-control-expose-headers']).toContain('Etag')
    expect(open.headers['cache-control']).toContain('etag=0')
    expect(closed.headers['access-control-allow-origin']).toBeUndefined()
    expect(preflight.status).toBe(200)
    expect(preflight.headers['access-control-allow-headers']).toContain('If-None-Match')
    expect(preflight.headers['access-control-max-age']).toBe('864000')
  })
})
