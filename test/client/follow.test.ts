import { createServer, type RequestListener } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { publish } from '../protocols/events/events-client.ts'
import { Follower } from './follower.ts'
import { Proxy } from './proxy.ts'

/** The two protocols that are followed, on one location each; EventSources come back quickly. */
const SOURCES = [
  { name: 'server-sent events', scheme: 'http', path: '/events/a' },
  { name: 'WebSocket', scheme: 'ws', path: '/ws/a' },
] as const

const CONFIG = `
locations:
  - { type: publisher, prefix: /publisher/ }
  - { type: events, prefix: /events/, retry: 10ms }
  - { type: websocket, prefix: /ws/ }`

async function serve(listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/events/a`)
}

describe.each(SOURCES)('following over $name', ({ scheme, path }) => {
  async function through(): Promise<Omit<TestServer, 'url'> & { proxy: Proxy; url: URL }> {
    const server = await startServer(CONFIG)
    const proxy = await Proxy.start(server.port)
    return { ...server, proxy, url: proxy.url(path, scheme) }
  }

  it('gives messages as they come, with their envelope', async () => {
    const { port, url } = await through()
    const follower = new Follower(url)
    await until(() => follower.count('connected') === 1, 'it is connected')
    const id = await publish(port, 'a', 'hello', { 'Content-Type': 'text/plain' })
    await until(() => follower.bodies.length === 1, 'it has the message')

    const message = follower.seen.at(-1)

    expect(message).toMatchObject({ kind: 'message', id, channel: 'a', type: 'text/plain' })
    const json = (message as { json: string }).json
    expect(JSON.parse(json)).toMatchObject({ id, body: 'hello' })
    await follower.stop()
    expect(follower.failure).toBeUndefined()
  })

  it('starts where it is told to', async () => {
    const { port, url } = await through()
    const ids = []
    for (const body of ['one', 'two', 'three']) ids.push(await publish(port, 'a', body))
    const all = new Follower(url, { since: 'all' })
    const since = new Follower(url, { since: ids[0] ?? '' })
    const last = new Follower(url, { last: 1 })
    await until(() => all.bodies.length === 3 && since.bodies.length === 2, 'they have it')
    await until(() => last.bodies.length === 1, 'the last one, too')
    expect(since.bodies).toEqual(['two', 'three'])
    expect(last.bodies).toEqual(['three'])
  })

  it('goes on over cut connections: nothing lost, nothing twice', async () => {
    const { port, proxy, url } = await through()
    const follower = new Follower(url)
    await until(() => follower.count('connected') === 1, 'it is connected')
    const sent: string[] = []
    const next = async (): Promise<void> => {
      sent.push(String(sent.length))
      await publish(port, 'a', sent.at(-1) ?? '')
    }
    for (let round = 1; round <= 3; round++) {
      for (let n = 0; n < 5; n++) await next()
      proxy.cut()
      // While nobody is there.
      for (let n = 0; n < 5; n++) await next()
      await until(() => follower.count('connected') === round + 1, 'it is connected again')
      await next()
      await until(() => follower.bodies.length === sent.length, 'it has everything')
    }
    expect(follower.bodies).toEqual(sent)
    expect(follower.count('gap')).toBe(0)
    expect(follower.count('lost')).toBe(3)
  })

  it('asks for all again when it lost the connection before it had any', async () => {
    const { port, proxy, url } = await through()
    await publish(port, 'a', 'kept')
    proxy.target = undefined
    const follower = new Follower(url, { since: 'all' })
    await until(() => follower.count('lost') >= 1, 'an attempt has failed')
    proxy.target = port
    await until(() => follower.bodies.length === 1, 'it has what is kept')
    expect(follower.bodies).toEqual(['kept'])
  })

  it('goes on over a restart of the server, and tells what that may have lost', async () => {
    const { port, proxy, url, server } = await through()
    const follower = new Follower(url)
    await until(() => follower.count('connected') === 1, 'it is connected')
    const id = await publish(port, 'a', 'before')
    await until(() => follower.bodies.length === 1, 'it has the first')

    proxy.target = undefined
    await server.stop()
    await until(() => follower.count('lost') >= 1, 'it noticed')
    // As if a little later: ids of a store's first second lie ahead of the clock.
    const second = await startServer(CONFIG, { clock: new Clock(() => Date.now() + 5_000) })
    proxy.target = second.port
    await publish(second.port, 'a', 'after')
    await until(() => follower.bodies.length === 2, 'it has the second')

    expect(follower.bodies).toEqual(['before', 'after'])
    expect(follower.seen.filter(({ kind }) => kind === 'gap')).toMatchObject([{ from: id }])
  })

  it('waits longer and longer while nothing answers, and says why', async () => {
    const proxy = await Proxy.start()
    const follower = new Follower(proxy.url(path, scheme))
    await until(() => follower.count('lost') === 3, 'three attempts')
    expect(proxy.connections).toBe(3)
    const waits = follower.seen.map((event) =>
      Number(/again in ([\d.]+) s$/.exec((event as { detail: string }).detail)?.[1]),
    )
    expect(waits[0]).toBeLessThanOrEqual(0.5)
    expect(waits[2]).toBeGreaterThanOrEqual(1)
  })

  it('stops at once when told to, also while it waits', async () => {
    const proxy = await Proxy.start()
    const follower = new Follower(proxy.url(path, scheme))
    await until(() => follower.count('lost') === 1, 'it waits')
    await follower.stop()
    expect(follower.failure).toBeUndefined()
  })

  it.each([
    ['?since=nonsense', 'A cursor is an id'],
    ['?channel=', 'A channel name is 1 to 512 bytes'],
  ])('ends with the reason where the server refuses: %s', async (query, words) => {
    const { url } = await through()
    const follower = new Follower(new URL(query, url))
    await follower.done
    expect(String(follower.failure)).toContain(words)
    expect(follower.count('lost')).toBe(0)
  })

  it('tries again where the server fails', async () => {
    let requests = 0
    const listener: RequestListener = (_request, response) => {
      requests++
      response.writeHead(503).end('be right back')
    }
    const url = await serve(listener)
    const follower = new Follower(new URL(url.href.replace('http', scheme)))
    await until(() => requests === 2, 'it tried again')
    expect(follower.seen[0]).toMatchObject({ kind: 'lost' })
    expect((follower.seen[0] as { detail: string }).detail).toMatch(/^be right back; /)
  })
})
