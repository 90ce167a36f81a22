/** Streams on the main port forget their follower with their client. */
import { describe, expect, it } from 'vitest'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const CHANNEL = 'stream' as never
const WS = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
const STREAMS = [
  { kind: 'events', bytes: requestBytes('GET', '/events/stream') },
  {
    kind: 'events behind a request',
    bytes: Buffer.concat([requestBytes('GET', '/'), requestBytes('GET', '/events/stream')]),
  },
  { kind: 'events for HTTP/1.0', bytes: Buffer.from('GET /events/stream HTTP/1.0\r\n\r\n') },
  { kind: 'a WebSocket', bytes: requestBytes('GET', '/ws/stream', WS) },
]

describe.each(PATHS)('over $path', ({ lean }) => {
  describe.each(STREAMS)('$kind', ({ bytes }) => {
    it.each(['end', 'destroy', 'resetAndDestroy'] as const)('is over with %s', async (leave) => {
      const { port, server } = await startServer('', { lean })
      const client = await RawClient.connect(port)
      client.send(bytes)
      await until(() => server.hub().receivers(CHANNEL) === 1, 'it follows')

      client.socket[leave]()

      await until(() => server.hub().receivers(CHANNEL) === 0, 'it is forgotten')
      await until(() => server.connections === 0, 'its connection is closed')
      expect((await request(port, 'POST', '/publisher/stream', {}, 'x')).status).toBe(202)
    })
  })

  it.each([
    ['another request', requestBytes('GET', '/events/other')],
    ['half of one', 'POST /publisher/other HTTP/1.1\r\nHo'],
    ['nonsense', 'NONSENSE\r\n\r\n'],
  ])('what a client says who only listens has no effect: %s', async (_, words) => {
    const { port, server } = await startServer('', { lean })
    for (const together of [true, false]) {
      const client = await RawClient.connect(port)
      client.send(
        Buffer.concat([requestBytes('GET', '/events/stream'), Buffer.from(together ? words : '')]),
      )
      const opening = await client.takeUntil('\r\n\r\n')
      expect(opening).toContain('200 OK')
      if (!together) client.send(words)
      await until(() => server.hub().receivers(CHANNEL) === 1, 'it follows')

      await request(port, 'POST', '/publisher/stream', {}, 'a message')

      const text = await client.takeUntil('data: a message')
      expect(text).not.toContain('HTTP/1.1')
      expect(server.hub().receivers('other' as never)).toBe(0)
      client.close()
      await until(() => server.hub().receivers(CHANNEL) === 0, 'it is forgotten')
    }
  })

  it('who says too much is let go of', async () => {
    const { port, server } = await startServer('', { lean })
    const client = await RawClient.connect(port)
    client.send(requestBytes('GET', '/events/stream'))
    await until(() => server.hub().receivers(CHANNEL) === 1, 'it follows')
    client.send(Buffer.alloc(2 ** 20))
    await until(() => server.hub().receivers(CHANNEL) === 0, 'it is forgotten')
    await until(() => server.connections === 0, 'its connection is closed')
  })

  it('a thousand that leave at once leave nothing behind', async () => {
    const { port, server } = await startServer('', { lean })
    const clients = await Promise.all(Array.from({ length: 1_000 }, () => RawClient.connect(port)))
    for (const client of clients) client.send(requestBytes('GET', '/events/stream'))
    await until(() => server.hub().receivers(CHANNEL) === 1_000, 'all follow')

    for (const client of clients) client.close()

    await until(() => server.connections === 0, 'all connections are closed')
    expect(server.hub().receivers(CHANNEL)).toBe(0)
  })
})
