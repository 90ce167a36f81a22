/** The feed as `feed:` URLs follow it: our door, and a GitPubSub of somebody else. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import { post, startFeed } from '../protocols/feed/feed-client.ts'
import { request } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { Follower } from './follower.ts'
import { Proxy } from './proxy.ts'

const COMMIT = {
  commit: { repository: 'git', project: 'hello.git', author: 'Mona', hash: 'c0ffee', log: 'Hi' },
}

/** A server of somebody else's. @returns its feed: URL */
async function serve(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<URL> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`feed://127.0.0.1:${(server.address() as AddressInfo).port}/json`)
}

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/x-gitpubsub' })
}

describe('following feed: URLs', () => {
  it('shows commits as a line, unwraps text, and leaves other JSON as it is', async () => {
    const { feedPort, port } = await startFeed()
    const follower = new Follower(new URL(`feed://127.0.0.1:${feedPort}/json?since=x`))
    const all = new Follower(new URL(`feed://127.0.0.1:${feedPort}`), { since: 'all' })
    await until(() => follower.count('connected') + all.count('connected') === 2, 'connected')
    await post(feedPort, '/json', JSON.stringify(COMMIT))
    await post(feedPort, '/json', '{"build": 17}')
    await request(port, 'POST', '/publisher/a/b', { 'Content-Type': 'text/plain' }, 'hällo')
    await request(port, 'POST', '/publisher/a/b', {}, Buffer.from([0xff, 0]))
    await until(() => all.bodies.length === 4, 'all came')
    expect(all.seen.slice(1)).toMatchObject([
      { channel: '', body: 'Mona committed to hello.git: Hi', json: JSON.stringify(COMMIT) },
      { body: '{"build": 17}' },
      { channel: 'a/b', body: 'hällo' },
      { channel: 'a/b', body: '/wA=', encoding: 'base64' },
    ])
    // Its query is part of the name.
    expect(follower.bodies).toEqual([])
  })

  it('starts at a time, or at all that is kept', async () => {
    const { feedPort } = await startFeed()
    const answer = await post(feedPort, '/json', '[1]')
    const time = Number(/X-Timestamp: (\d+)/.exec(answer)?.[1])
    const url = new URL(`feed://127.0.0.1:${feedPort}/json`)
    const followers = [String(time), 'all', `${time + 60}`].map(
      (since) => new Follower(url, { since }),
    )
    await until(() => followers.every((one) => one.count('connected') === 1), 'connected')
    await post(feedPort, '/json', '[2]')
    await until(() => followers.every((one) => one.bodies.includes('[2]')), 'live ones came')
    expect(followers.map(({ bodies }) => bodies)).toEqual([['[1]', '[2]'], ['[1]', '[2]'], ['[2]']])
  })

  it('goes on over cut connections: nothing lost, nothing twice, equal events too', async () => {
    const { feedPort } = await startFeed('stillalive: 15ms')
    const proxy = await Proxy.start(feedPort)
    const follower = new Follower(proxy.url('/json', 'feed'), { since: 'all' })
    await until(() => follower.count('connected') === 1, 'it is connected')
    const sent: string[] = []
    const next = async (): Promise<void> => {
      // Every third is like the one before.
      sent.push(String(sent.length - (sent.length % 3 === 2 ? 1 : 0)))
      await post(feedPort, '/json', sent.at(-1) ?? '')
    }
    for (let round = 1; round <= 6; round++) {
      for (let n = 0; n < 20; n++) await next()
      proxy.cut()
      for (let n = 0; n < 5; n++) await next()
      await until(() => follower.count('connected') === round + 1, 'it is connected again')
    }
    await next()
    await until(() => follower.bodies.length >= sent.length, 'it has everything')
    expect(follower.bodies).toEqual(sent)
    expect(follower.count('gap')).toBe(0)
  })

  it('tells what a restart of the server may have lost', async () => {
    const first = await startFeed('stillalive: 20ms')
    const proxy = await Proxy.start(first.feedPort)
    const follower = new Follower(proxy.url('/json', 'feed'), { since: 'all' })
    await until(() => follower.count('connected') === 1, 'it is connected')
    await post(first.feedPort, '/json', '"before"')
    await until(() => follower.bodies.length === 1, 'the first came')
    await until(() => Number(follower.cursor.id) > 0, 'a stillalive came')
    proxy.target = undefined
    await first.server.stop()
    await until(() => follower.count('lost') >= 1, 'it noticed')
    const clock = new Clock(() => Date.now() + 5_000)
    const second = await startFeed('stillalive: 20ms', '', { clock })
    await post(second.feedPort, '/json', '"after"')
    proxy.target = second.feedPort
    await until(() => follower.bodies.length === 2, 'the second came')
    expect(follower.bodies).toEqual(['"before"', '"after"'])
    expect(follower.count('gap')).toBe(1)
  })

  it('says that it cannot resume while it has had no sign of life', async () => {
    const { feedPort } = await startFeed()
    const proxy = await Proxy.start(feedPort)
    const follower = new Follower(proxy.url('/json', 'feed'))
    await until(() => follower.count('connected') === 1, 'it is connected')
    proxy.cut()
    await until(() => follower.count('lost') === 1, 'it noticed')
    expect(follower.seen.at(-1)).toMatchObject({
      detail: expect.stringMatching(
        /trying again in .*, and what is published until then is lost$/,
      ),
    })
  })
})

describe("somebody else's feed", () => {
  it('is asked for whole seconds, as it compares those, and repeats are left out', async () => {
    const asked: unknown[] = []
    const url = await serve((incoming, response) => {
      asked.push(incoming.rawHeaders[incoming.rawHeaders.indexOf('X-Fetch-Since') + 1])
      begin(response)
      if (asked.length === 1) {
        // GitPubSub before 0.9 put commas behind its events.
        response.write('{"stillalive": 1000.123456}\r\n{"n":1},\r\n{"n":2},\r\n')
        response.end('{"stillalive": 1005.654321}\r\n{"n":3}\r\n')
      } else response.write('{"n":2},\r\n{"n":3}\r\n{"n":4}\r\n{"n":4}\r\n')
    })
    const follower = new Follower(url, { since: '7' })
    await until(() => follower.bodies.length >= 5, 'all came')
    expect(follower.bodies).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}', '{"n":4}'])
    expect(asked).toEqual(['7', '1005'])
  })

  it.each([
    ['a page', 200, 'text/html', 'is not a feed but text/html'],
    ['denied', 403, 'text/plain', 'the server answered 403'],
  ])('that is none is refused: %s', async (_, status, type, words) => {
    const url = await serve((_request, response) => {
      response.writeHead(status, { 'Content-Type': type }).end()
    })
    const follower = new Follower(url)
    await follower.done
    expect(String(follower.failure)).toContain(words)
  })

  it('may cut its lines anywhere, and send what looks like something else', async () => {
    const url = await serve((_request, response) => {
      begin(response)
      const text =
        '{"gap":1}\r\n\r\n{"channel":"a","message":"x","more":1}\r\n"ä"\r\n{"commit":7}\n'
      for (const byte of Buffer.from(text)) response.write(Buffer.from([byte]))
    })
    const follower = new Follower(url)
    await until(() => follower.bodies.length === 4, 'all came')
    expect(follower.bodies).toEqual([
      '{"gap":1}',
      '{"channel":"a","message":"x","more":1}',
      '"ä"',
      '{"commit":7}',
    ])
  })
})

it.each([
  ['feed:///json', {}, 'name a host'],
  ['feed://localhost/json#a', {}, 'written as %23'],
  ['feed://localhost/json', { last: 3 }, 'no --last'],
  ['feed://localhost/json', { since: 'yesterday' }, 'unix time'],
] as const)('%s with %j is refused in words', async (url, options, words) => {
  const follower = new Follower(new URL(url), options)
  await follower.done
  expect(String(follower.failure)).toContain(words)
})
