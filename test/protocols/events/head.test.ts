import { describe, expect, it } from 'vitest'
import { RawClient, request, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { EventsClient, publish } from './events-client.ts'

const ORIGIN = { Origin: 'https://app.example' }

describe.each(PATHS)('the head of an event stream over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('says what it is, and keeps proxies from buffering or changing it', async () => {
    const { port } = await start()

    const stream = await EventsClient.open(port, '/events/head')

    expect(stream.header('Content-Type')).toBe('text/event-stream')
    expect(stream.header('Cache-Control')).toBe('no-cache, no-transform')
    expect(stream.header('X-Accel-Buffering')).toBe('no')
    expect(stream.header('Transfer-Encoding')).toBe('chunked')
    expect(stream.header('Content-Length')).toBeUndefined()
    expect(stream.header('Date')).toMatch(/GMT$/)
  })

  it('begins with how long to wait and where the client stands', async () => {
    const { port } = await start()
    const last = await publish(port, 'elsewhere', 'x')

    const stream = await EventsClient.open(port, '/events/head')

    expect((await stream.chunk()).toString()).toBe(`retry: 3000\nid: ${last}\n\n`)
  })

  it('leaves the position out for a client that has one of its own', async () => {
    const { port } = await start()
    const last = await publish(port, 'x', 'x')
    const stream = await EventsClient.open(port, '/events/x', { 'Last-Event-ID': last })
    expect((await stream.chunk()).toString()).toBe('retry: 3000\n\n')
  })

  it('takes the time to wait from the location', async () => {
    const { port } = await start('locations: [{ type: events, prefix: /e/, retry: 250ms }]')
    const stream = await EventsClient.open(port, '/e/x')
    expect((await stream.block()).lines[0]).toBe('retry: 250')
  })

  it('sends bare lines to HTTP/1.0, until the connection closes', async () => {
    const { port, server } = await start('limits: { heartbeat: 0 }')
    const client = await RawClient.connect(port)
    client.send('GET /events/old HTTP/1.0\r\nHost: localhost\r\n\r\n')
    const head = await client.takeUntil('\r\n\r\n')
    await client.takeUntil('\n\n')
    const id = await publish(port, 'old', 'hello')

    expect(head).toMatch(/^HTTP\/1\.[01] 200 OK\r\n/)
    expect(head).toMatch(/\r\nConnection: close\r\n/i)
    expect(head).not.toMatch(/transfer-encoding/i)
    expect(await client.takeUntil('\n\n')).toBe(`id: ${id}\ndata: hello\n\n`)
    await server.stop()
    expect(await client.rest()).toBe('')
  })

  it('can be asked for in the full form that proxies use', async () => {
    const { port } = await start()
    const client = await RawClient.connect(port)
    client.send(`GET http://localhost:${port}/events/x HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    expect(await client.takeUntil('\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  })

  it.each(['POST', 'PUT', 'DELETE', 'HEAD', 'PATCH'])(
    'answers 405 with Allow to %s',
    async (method) => {
      const { port } = await start()
      const client = await RawClient.connect(port)
      client.send(requestBytes(method, '/events/x', { Connection: 'close' }))
      const answer = await client.rest()
      expect(answer).toMatch(/^HTTP\/1.1 405 /)
      expect(answer).toMatch(/\r\nAllow: GET, OPTIONS\r\n/)
    },
  )

  it('answers OPTIONS with Allow', async () => {
    const { port } = await start()
    const reply = await request(port, 'OPTIONS', '/events/x')
    expect(reply.status).toBe(200)
    expect(reply.headers['allow']).toBe('GET, OPTIONS')
  })

  it('lets pages of other origins read only where that is allowed', async () => {
    const { port } = await start(`
locations:
  - { type: events, prefix: /any/, allow_origin: '*' }
  - { type: events, prefix: /some/, allow_origin: 'https://app.example', allow_credentials: true }
  - { type: events, prefix: /none/ }`)

    const any = await EventsClient.open(port, '/any/x', ORIGIN)
    const some = await EventsClient.open(port, '/some/x', ORIGIN)
    const other = await EventsClient.open(port, '/some/x', { Origin: 'https://evil.example' })
    const none = await EventsClient.open(port, '/none/x', ORIGIN)

    expect(any.header('Access-Control-Allow-Origin')).toBe('*')
    expect(some.header('Access-Control-Allow-Origin')).toBe('https://app.example')
    expect(some.header('Access-Control-Allow-Credentials')).toBe('true')
    expect(some.header('Vary')).toBe('Origin')
    expect(other.header('Access-Control-Allow-Origin')).toBeUndefined()
    expect(none.header('Access-Control-Allow-Origin')).toBeUndefined()
  })

  it('lets a page that uses fetch send its cursor, and read why it was refused', async () => {
    const { port } = await start("locations: [{ type: events, prefix: /e/, allow_origin: '*' }]")
    const asked = {
      ...ORIGIN,
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'last-event-id',
    }

    const preflight = await request(port, 'OPTIONS', '/e/x', asked)
    const refusal = await request(port, 'GET', '/e/x', { ...ORIGIN, 'Last-Event-ID': 'nonsense' })

    expect(preflight.headers['access-control-allow-methods']).toBe('GET, OPTIONS')
    expect(preflight.headers['access-control-allow-headers']).toContain('Last-Event-ID')
    expect(refusal.status).toBe(400)
    expect(refusal.headers['access-control-allow-origin']).toBe('*')
  })
})
