import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import { FanfareError } from '../../src/sdk/index.ts'
import { fakeServer } from '../client/fake-server.ts'
import { Proxy } from '../client/proxy.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { clientAt, LOCATIONS, Reader, TRANSPORTS } from './support.ts'

describe.each(TRANSPORTS)('a subscription over %s', (transport) => {
  it('gives messages of a channel in order, with all that they have', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const reader = await Reader.open(fanfare, 'news', { transport })

    await fanfare.publish('news', 'Grüße ☃')
    await fanfare.publish('news', { build: 17, ok: true })
    await fanfare.publish('news', new Uint8Array([0, 255, 128]))
    const { id } = await fanfare.publish('news', 'Build 17 passed', {
      data: { build: 17 },
      attributes: { event: 'build' },
    })

    const common = { kind: 'message', id: expect.any(String), channel: 'news', attributes: {} }
    expect(await reader.take(4)).toEqual([
      {
        ...common,
        time: expect.any(Number),
        type: 'text/plain; charset=utf-8',
        body: 'Grüße ☃',
        data: undefined,
      },
      {
        ...common,
        time: expect.any(Number),
        type: 'application/json',
        body: '{"build":17,"ok":true}',
        data: { build: 17, ok: true },
      },
      {
        ...common,
        time: expect.any(Number),
        type: 'application/octet-stream',
        body: new Uint8Array([0, 255, 128]),
        data: undefined,
      },
      {
        ...common,
        id,
        time: expect.any(Number),
        type: 'text/plain; charset=utf-8',
        body: 'Build 17 passed',
        data: { build: 17 },
        attributes: { event: 'build' },
      },
    ])
  })

  it('follows several channels and a subtree in one stream, from the beginning', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    for (const channel of ['a', 't/x', 'other', 'b+ä', 't/y']) await fanfare.publish(channel, '')
    const reader = new Reader(fanfare, ['b+ä', 't/', 'a'], { transport, since: 'all' })
    await reader.take(4)
    await fanfare.publish('t/z', '')
    await reader.take(5)
    expect(reader.messages.map(({ channel }) => channel)).toEqual(['a', 't/x', 'b+ä', 't/y', 't/z'])
  })

  it('starts with the newest so many', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    for (const body of ['1', '2', '3']) await fanfare.publish('a', body)
    const reader = await Reader.open(fanfare, 'a', { transport, last: 2 })
    await fanfare.publish('a', '4')
    await reader.take(3)
    expect(reader.bodies).toEqual(['2', '3', '4'])
  })

  it('comes back where it was, however often it is cut', async () => {
    const { port } = await startServer(LOCATIONS)
    const proxy = await Proxy.start(port)
    const fanfare = clientAt(port)
    const reader = await Reader.open(clientAt(proxy.port), ['a', 't/'], { transport })
    const sent: string[] = []
    const publishThree = async (): Promise<void> => {
      for (const channel of ['a', 't/x', 'a']) sent.push((await fanfare.publish(channel, '')).id)
    }

    for (let round = 0; round < 5; round++) {
      // The first cut comes before there was any message.
      if (round > 0) await publishThree()
      if (round % 2 === 0) await reader.take(sent.length)
      proxy.cut()
      await publishThree()
      await reader.take(sent.length)
    }

    expect(reader.got.map((item) => item.kind === 'message' && item.id)).toEqual(sent)
    expect(reader.states.filter((state) => state === 'lost').length).toBeGreaterThanOrEqual(5)
    expect(reader.states.at(-1)).toBe('open')
  })

  it('tells of a gap where a restarted server has lost messages, and goes on', async () => {
    const first = await startServer(LOCATIONS)
    const proxy = await Proxy.start(first.port)
    const reader = await Reader.open(clientAt(proxy.port), 'a', { transport })
    const { id } = await clientAt(first.port).publish('a', 'before')
    await reader.take(1)

    await first.server.stop()
    const second = await startServer(LOCATIONS, { clock: new Clock(() => Date.now() + 5_000) })
    proxy.target = second.port
    await reader.take(2)
    await clientAt(second.port).publish('a', 'after')
    await reader.take(3)

    expect(reader.got).toMatchObject([
      { body: 'before' },
      { kind: 'gap', from: id },
      { body: 'after' },
    ])
  })

  it('waits for a reader that is slow, loses nothing, and holds no more than it may', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const paused: string[] = []
    const subscription = fanfare.subscribe('a', {
      transport,
      since: 'all',
      maxWaiting: 10,
      onStatus: ({ state }) => paused.push(state),
    })
    onTestFinished(() => subscription.close())
    await subscription.opened
    const ids: string[] = []
    for (let n = 0; n < 100; n++) ids.push((await fanfare.publish('a', 'x'.repeat(10_000))).id)
    if (transport === 'websocket') {
      await until(() => paused.includes('paused'), 'it has stopped reading')
      // Nothing is read of it, so it stays as it is.
      expect(subscription.status.state).toBe('paused')
    }

    const got: string[] = []
    for await (const item of subscription) {
      if (item.kind === 'message') got.push(item.id)
      if (got.length === ids.length) break
    }

    expect(got).toEqual(ids)
    expect(subscription.status.state).toBe('closed')
  })

  it('goes on from the cursor of an earlier one', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const first = await Reader.open(fanfare, 'a', { transport })
    // Also before there was a message.
    const start = first.subscription.cursor
    await fanfare.publish('a', '1')
    await first.take(1)
    first.subscription.close()
    await fanfare.publish('a', '2')

    const { cursor } = first.subscription
    const second = new Reader(fanfare, 'a', { transport, ...(cursor && { since: cursor }) })
    const third = new Reader(fanfare, 'a', { transport, ...(start && { since: start }) })
    await third.take(2)
    await second.take(1)
    expect(second.bodies).toEqual(['2'])
    expect(third.bodies).toEqual(['1', '2'])
  })

  it('is refused with the server’s words, in the loop and in `opened`', async () => {
    const { port } = await startServer(LOCATIONS)
    const reader = new Reader(clientAt(port), 'a', { transport, since: 'nonsense' })
    await expect(reader.subscription.opened).rejects.toMatchObject({ code: 'bad_cursor' })
    await until(() => reader.ended, 'the loop has ended')
    expect(reader.error).toBeInstanceOf(FanfareError)
    expect(reader.error).toMatchObject({ code: 'bad_cursor', status: 400 })
    expect(reader.statuses.at(-1)).toMatchObject({
      state: 'closed',
      error: { code: 'bad_cursor' },
    })
  })

  it('waits for a server that is not there yet', async () => {
    const proxy = await Proxy.start()
    const reader = new Reader(clientAt(proxy.port), 'a', { transport, silence: 300 })
    await until(() => reader.states.includes('lost'), 'it has tried')
    const { port } = await startServer(LOCATIONS)
    proxy.target = port
    await reader.subscription.opened
    await clientAt(port).publish('a', 'now')
    await reader.take(1)
    expect(reader.bodies).toEqual(['now'])
  })

  it('leaves a server that has fallen silent', async () => {
    let connections = 0
    const port = await fakeServer(() => connections++)
    const reader = new Reader(clientAt(port), 'a', { transport, silence: 60 })
    await until(() => connections >= 2, 'it has tried again')
    const lost = reader.statuses.find(({ state }) => state === 'lost')
    expect(lost).toMatchObject({ reason: expect.stringContaining('silent') })
  })

  it('ends its loop, and its connection, when it is closed or left or given up', async () => {
    const { server, port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const given = new AbortController()
    const closed = await Reader.open(fanfare, 'a', { transport })
    const aborted = await Reader.open(fanfare, 'a', { transport, signal: given.signal })
    const left = fanfare.subscribe('a', { transport })
    await left.opened
    await fanfare.publish('a', '')
    const open = server.connections

    for await (const item of left) {
      expect(item.kind).toBe('message')
      break
    }
    closed.subscription.close()
    given.abort()

    await until(() => closed.ended && aborted.ended, 'the loops have ended')
    await until(() => server.connections <= open - 3, 'the connections have ended')
    expect([closed.error, aborted.error]).toEqual([undefined, undefined])
    expect(left.status).toEqual({ state: 'closed' })
  })

  it('that was given up before it began connects to nothing', async () => {
    const { server, port } = await startServer(LOCATIONS)
    const signal = AbortSignal.abort()
    const reader = new Reader(clientAt(port), 'a', { transport, signal })
    await expect(reader.subscription.opened).rejects.toMatchObject({ code: 'closed' })
    await until(() => reader.ended, 'its loop has ended')
    expect(server.connections).toBe(0)
  })
})

describe('a subscription over sse', () => {
  it('does not read from its connection while nobody reads from it', async () => {
    let written = 0
    let full = false
    const body = JSON.stringify({ id: '1-0', channel: 'a', time: 0, body: 'x'.repeat(1_000) })
    const port = await fakeServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
      const more = (): void => {
        full = false
        while (!socket.destroyed && !full && written < 2 ** 26) {
          written += body.length
          full = !socket.write(`id: 1-0\ndata: ${body}\n\n`)
        }
      }
      socket.on('drain', more)
      more()
    })
    const subscription = clientAt(port).subscribe('a', { maxWaiting: 10 })
    onTestFinished(() => subscription.close())
    await subscription.opened
    await until(() => full, 'the server has to wait')
    const turns: number[] = []
    await until(() => turns.push(written) > 50, 'a while')
    expect(turns.at(-1)).toBe(turns.at(-20))
    expect(written).toBeLessThan(2 ** 26)
  })

  it.each([
    ['a page', 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi', 200],
    ['another answer', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno', 404],
  ])('is not taken in by %s', async (_, answer, status) => {
    const port = await fakeServer((socket) => socket.write(answer))
    const reader = new Reader(clientAt(port), 'a')
    await expect(reader.subscription.opened).rejects.toMatchObject({ code: 'bad_answer', status })
  })

  it('tries again after a failure of the server', async () => {
    let answered = 0
    const port = await fakeServer((socket) => {
      answered++
      socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n')
    })
    const reader = new Reader(clientAt(port), 'a')
    await until(() => answered >= 2, 'it has tried again')
    expect(reader.states).toContain('lost')
    expect(reader.ended).toBe(false)
  })

  it('says where nothing listens', async () => {
    const port = await freePort()
    const reader = new Reader(clientAt(port), 'a')
    await until(() => reader.states.includes('lost'), 'it has tried')
    const lost = reader.statuses.find(({ state }) => state === 'lost')
    expect(lost).toMatchObject({ reason: expect.stringMatching(/no answer from .*ECONNREFUSED/) })
  })
})

describe('a subscription over websocket', () => {
  it('is not there where the platform has none', async () => {
    const { port } = await startServer(LOCATIONS)
    const { connect } = await import('../../src/sdk/index.ts')
    const fanfare = connect({ url: `http://127.0.0.1:${port}` })
    const here = 'WebSocket' in globalThis
    const subscribe = (): void => fanfare.subscribe('a', { transport: 'websocket' }).close()
    if (here) expect(subscribe).not.toThrow()
    else expect(subscribe).toThrow(expect.objectContaining({ code: 'no_websocket' }))
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
