import { describe, expect, it } from 'vitest'
import { RawClient, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { EventsClient, publish, publishTogether } from './events-client.ts'

const A_BLOCK = '3\r\n:\n\n\r\n'

describe.each(PATHS)('an event stream over time over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('is kept alive by comments, in which clients see nothing', async () => {
    const { port } = await start('limits: { heartbeat: 100ms }')
    const stream = await EventsClient.follow(port, '/events/a')
    expect((await stream.anyChunk()).toString()).toBe(':\n\n')
    expect(await stream.raw.takeUntil(A_BLOCK)).toBe(A_BLOCK)
    await publish(port, 'a', 'still there')
    const next = await stream.raw.takeUntil('still there')
    expect(next.replaceAll(A_BLOCK, '')).toMatch(/^\w+\r\nid: /)
  })

  it('gets its comments bare over HTTP/1.0', async () => {
    const { port } = await start('limits: { heartbeat: 100ms }')
    const client = await RawClient.connect(port)
    client.send('GET /events/a HTTP/1.0\r\n\r\n')
    await client.takeUntil('\r\n\r\n')
    const beat = await client.takeUntil(':\n\n')
    expect(beat).toMatch(/^retry: 3000\nid: \S+\n\n:\n\n$/)
  })

  it('is forgotten at once when its client leaves', async () => {
    const { port, server } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    expect(server.hub().receivers('a' as never)).toBe(1)
    stream.close()
    await until(() => server.hub().receivers('a' as never) === 0, 'it is forgotten')
    await until(() => server.connections === 0, 'the connection is closed')
  })

  it('ends when its client closes its half', async () => {
    const { port, server } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    stream.raw.socket.end()
    await until(() => server.hub().receivers('a' as never) === 0, 'it is forgotten')
    await stream.raw.rest()
  })

  it('goes on after a lost connection: nothing lost, nothing twice', async () => {
    const { port } = await start()
    const sent: string[] = []
    const next = async (): Promise<void> => {
      sent.push(await publish(port, 'a', String(sent.length)))
    }
    const heard: string[] = []
    let headers = {}
    for (let round = 0; round < 5; round++) {
      const stream = await EventsClient.open(port, '/events/a', headers)
      // What a browser does: the last id of all blocks, of those without data, too.
      const opening = await stream.block()
      if (opening.id !== undefined) headers = { 'Last-Event-ID': opening.id }
      for (let n = 0; n < 3; n++) await next()
      // The rest is on its way to a client that is gone.
      const missed = round
      while (heard.length < sent.length - missed) {
        const { id = '' } = await stream.block()
        heard.push(id)
        headers = { 'Last-Event-ID': id }
      }
      stream.close()
      for (let n = 0; n < round; n++) await next()
    }
    const last = await EventsClient.follow(port, '/events/a', headers)
    while (heard.length < sent.length) heard.push((await last.block()).id ?? '')
    await next()
    heard.push((await last.block()).id ?? '')

    expect(heard).toEqual(sent)
  })

  it('goes on from its opening when it was lost before the first message', async () => {
    const { port } = await start()
    const first = await EventsClient.open(port, '/events/a')
    const { id = '' } = await first.block()
    first.close()
    const sent = [await publish(port, 'a', 'one'), await publish(port, 'a', 'two')]
    const second = await EventsClient.follow(port, '/events/a', { 'Last-Event-ID': id })
    expect([(await second.block()).id, (await second.block()).id]).toEqual(sent)
  })

  it('that is read slowly goes behind, and gets everything', async () => {
    const { port } = await start('limits: { maxUnsentBytes: 65536, catchUpBytes: 16384 }')
    const slow = await EventsClient.follow(port, '/events/a')
    const quick = await EventsClient.follow(port, '/events/a')
    slow.raw.socket.pause()
    const size = 10_000
    // More than all socket buffers on the way hold.
    for (let n = 0; n < 2_000; n += 50) {
      const bodies = Array.from({ length: 50 }, (_, i) => ({ body: `${n + i} `.padEnd(size, '.') }))
      await publishTogether(port, 'a', bodies)
    }
    const all = Array.from({ length: 2_000 }, (_, n) => n)

    const numbers = async (stream: EventsClient): Promise<number[]> =>
      (await stream.data(all.length)).map((data = '') => Number.parseInt(data, 10))
    expect(await numbers(quick)).toEqual(all)
    slow.raw.socket.resume()
    expect(await numbers(slow)).toEqual(all)
    await publish(port, 'a', 'live again')
    expect((await slow.block()).data).toBe('live again')
  })

  it('is closed when its client takes nothing for limits.idleTimeout', async () => {
    const { port, server } = await start('limits: { idleTimeout: 200ms, heartbeat: 50ms }')
    const stream = await EventsClient.follow(port, '/events/a')
    stream.raw.socket.pause()
    const body = 'x'.repeat(2 ** 20)
    for (let n = 0; n < 24; n++) await publish(port, 'a', body)
    await until(() => server.hub().receivers('a' as never) === 0, 'it is let go')
  })

  it('ignores what its client says, and closes when that is too much', async () => {
    const { port, server } = await start()
    const stream = await EventsClient.follow(port, '/events/a')
    stream.raw.send('a few words\r\n')
    await publish(port, 'a', 'x')
    expect((await stream.block()).data).toBe('x')
    stream.raw.send(Buffer.alloc(2 ** 20, 'y'))
    await until(() => server.hub().receivers('a' as never) === 0, 'it is let go')
  })

  it('is the last answer of its connection: a request behind it gets none', async () => {
    const { port } = await start()
    const raw = await RawClient.connect(port)
    const both = [requestBytes('GET', '/events/a'), requestBytes('GET', '/events/b?format=json')]
    raw.send(Buffer.concat(both))
    await raw.takeUntil('retry: 3000\n')
    await publish(port, 'b', 'of b')
    await publish(port, 'a', 'of a')
    const text = await raw.takeUntil('of a')
    expect(text).not.toContain('of b')
    expect(text).not.toContain('HTTP/1.1')
  })

  it('waits for the answer of the request before it', async () => {
    const { port, server } = await start(
      'locations: [{ type: publisher, prefix: /publisher/ }, { type: events, prefix: /e/ }, { type: subscriber, prefix: /s/, create_on_get: true }]',
    )
    const raw = await RawClient.connect(port)
    raw.send(Buffer.concat([requestBytes('GET', '/s/poll'), requestBytes('GET', '/e/a')]))
    await until(() => server.hub().receivers('poll' as never) === 1, 'the poll waits')
    await publish(port, 'a', 'too early')
    await publish(port, 'poll', 'polled')
    expect((await raw.reply()).body.toString()).toBe('polled')
    expect(await raw.takeUntil('\r\n')).toBe('HTTP/1.1 200 OK\r\n')
    await raw.takeUntil('retry: ')
  })
})
