/** `fanfare publish` by the protocols that are not HTTP, and `fanfare notify`. */
import { describe, expect, it } from 'vitest'
import { fakeServer } from '../client/fake-server.ts'
import { redisCli, startRedis, startRedisDoor } from '../client/redis-server.ts'
import { EventsClient } from '../protocols/events/events-client.ts'
import { startFeed } from '../protocols/feed/feed-client.ts'
import { startSparkleshare, ZEROMQ } from '../protocols/sparkleshare/sparkleshare-client.ts'
import { startServer } from '../support/server.ts'
import { run } from './cli-program.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')

interface Envelope {
  readonly body: string
  readonly type?: string
  readonly attributes?: Readonly<Record<string, string>>
}

/** What a server keeps of a channel, once it is so many. */
async function kept(port: number, path: string, count: number): Promise<Envelope[]> {
  const stream = await EventsClient.follow(port, `/events/${path}?since=all&format=json`)
  const data = await stream.data(count)
  return data.map((json = '') => JSON.parse(json) as Envelope)
}

async function startFanout(): Promise<{ port: number; door: number }> {
  const { server, port } = await startServer('fanout: { port: 0 }')
  const place = server.places.find(({ what }) => what === 'fanout')
  return { port, door: Number(new URL(place?.where ?? '').port) }
}

describe('fanfare publish ws:', () => {
  it('publishes, waits for the answer, and does not count itself', async () => {
    const { port } = await startServer()
    const url = `ws://127.0.0.1:${port}/ws/a%20b`
    const { code, stdout, stderr } = await run(['publish', url, '{"a":1}', '--ttl', '60'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\d+-\d+ {2}0 listening\n$/)
    expect(await kept(port, 'a%20b', 1)).toMatchObject([
      { body: '{"a":1}', type: 'application/json' },
    ])
  })

  it('takes bytes, a type, and a key that makes it one message', async () => {
    const { port } = await startServer()
    const at = ['publish', `ws://127.0.0.1:${port}/ws/?channel=a`, '--key', 'k', '--type', 'x/y']
    const stdin = Buffer.from([0xff, 0, 0x0a])
    const first = await run(at, { stdin })
    const second = await run(at, { stdin })
    expect(second.stdout).toBe(first.stdout)
    expect(await kept(port, 'a', 1)).toMatchObject([{ body: '/wAK', type: 'x/y' }])
    const third = await run(at, { stdin: 'other' })
    expect(third).toMatchObject({ code: 1, stderr: expect.stringContaining('came before') })
  })

  it('takes lines, many at a time', async () => {
    const { port } = await startServer()
    const lines = Array.from({ length: 1_200 }, (_, n) => `line ${n}`)
    const url = `ws://127.0.0.1:${port}/ws/a`
    const { stdout } = await run(['publish', url, '--lines'], { stdin: lines.join('\n') })
    expect(stdout).toMatch(/, 1200 published\n$/)
    expect((await kept(port, 'a', 1_200)).map(({ body }) => body)).toEqual(lines)
  })

  it.each([
    ['/ws/', [], 'ends with the channel'],
    ['/ws/a/', [], 'ends with the channel'],
    ['/ws/?channel=a&channel=b', [], 'ends with the channel'],
    ['/ws/a?channel=b', [], 'one channel'],
    ['/publisher/a', [], '426'],
    ['/nowhere', [], 'No location'],
    ['/ws/a', ['--ttl', 'x'], 'TTL is a whole number'],
  ])('refuses %s %j in words', async (path, flags, words) => {
    const { port } = await startServer()
    const { code, stderr } = await run(['publish', `ws://127.0.0.1:${port}${path}`, 'x', ...flags])
    expect(stderr).toContain(words === '426' ? 'fanfare: ' : words)
    expect(code).toBe(1)
  })

  it('says that it is not trusted', async () => {
    const { port } = await startServer('trustedPeers: []')
    const { code, stderr } = await run(['publish', `ws://127.0.0.1:${port}/ws/a`, 'x'])
    expect(stderr).toMatch(/^fanfare: Only trusted peers may publish without a key; .*\n$/)
    expect(code).toBe(1)
  })
})

describe('fanfare publish feed:', () => {
  it('posts JSON', async () => {
    const { port, feedPort } = await startFeed()
    const url = `feed://127.0.0.1:${feedPort}/json`
    const result = await run(['publish', url, '--key', 'k'], { stdin: '{\n"build": 17\n}\n' })
    expect(result).toEqual({ code: 0, stdout: 'published\n', stderr: '' })
    expect(await kept(port, 'json', 1)).toMatchObject([{ body: '{ "build": 17 }' }])
  })

  it('takes lines, and refuses what is no JSON', async () => {
    const { port, feedPort } = await startFeed()
    const url = `feed://127.0.0.1:${feedPort}/json`
    const lines = await run(['publish', url, '--lines'], { stdin: '1\n2\n' })
    expect(lines).toMatchObject({ code: 0, stdout: 'published, 2 published\n' })
    const text = await run(['publish', url, 'hello'])
    expect(text).toMatchObject({ code: 1, stderr: expect.stringContaining('takes JSON, such as') })
    expect((await kept(port, 'json', 2)).map(({ body }) => body)).toEqual(['1', '2'])
  })

  it('says that it is not trusted', async () => {
    const { feedPort } = await startFeed('', 'trustedPeers: []')
    const { code, stderr } = await run(['publish', `feed://127.0.0.1:${feedPort}/json`, '1'])
    expect(stderr).toContain('answered 403: Only trusted sources may send data!')
    expect(code).toBe(1)
  })
})

describe("fanfare publish by SparkleShare's protocols", () => {
  it.each([
    ['tcp', 'tcp', 'sent'],
    ['zmq', 'command', 'sent'],
  ] as const)('%s:', async (scheme, which, words) => {
    const started = await startSparkleshare(ZEROMQ)
    const url = `${scheme}://127.0.0.1:${started[which]}//home/a%20b.git`
    const one = await run(['publish', url], { stdin: 'c0ffee1\n' })
    expect(one).toEqual({ code: 0, stdout: `${words}\n`, stderr: '' })
    const lines = await run(['publish', url, '--lines'], { stdin: 'c0ffee2\nc0ffee3\n' })
    expect(lines.stdout).toBe(`${words}, 2 published\n`)
    expect(await kept(started.port, 'home/a%20b.git', 3)).toMatchObject(
      ['c0ffee1', 'c0ffee2', 'c0ffee3'].map((revision) => ({ attributes: { revision } })),
    )
  })

  it('fanout:, and knows that it was read', async () => {
    const { port, door } = await startFanout()
    const url = `fanout://127.0.0.1:${door}/a`
    const one = await run(['publish', url, 'hello  world!'])
    expect(one).toEqual({ code: 0, stdout: 'announced\n', stderr: '' })
    const lines = await run(['publish', url, '--lines'], { stdin: '1\n2\n' })
    expect(lines.stdout).toBe('announced, 2 published\n')
    const bodies = (await kept(port, 'a', 3)).map(({ body }) => body)
    expect(bodies).toEqual(['hello  world!', '1', '2'])
  })

  it.each([
    ['tcp://localhost/a', ['--type', 'x/y'], 'x', 'tcp: URLs have no --type'],
    ['zmq://localhost/a', ['--key', 'k'], 'x', 'zmq: URLs have no --key'],
    ['fanout://localhost/a', ['--ttl', '1'], 'x', 'fanout: URLs have no --ttl'],
    ['redis://localhost/a', ['--ttl', '1'], 'x', 'redis: URLs have no --ttl'],
    ['feed://localhost/a', ['--type', 'x/y'], '1', 'feed: URLs have no --type'],
  ])('%s takes no %j', async (url, flags, body, words) => {
    const { code, stderr } = await run(['publish', url, body, ...flags])
    expect({ code, stderr }).toEqual({ code: 1, stderr: `fanfare: ${words}\n` })
  })

  it.each([
    ['', 'is not empty'],
    ['two\nlines', 'is one line'],
    [Buffer.from([0xff]), 'is text'],
  ])('a revision and an announcement are a line of text: not %j', async (stdin, words) => {
    const { door } = await startFanout()
    const { tcp } = await startSparkleshare()
    for (const url of [`fanout://127.0.0.1:${door}/a`, `tcp://127.0.0.1:${tcp}/a`]) {
      const { code, stderr } = await run(['publish', url], { stdin })
      expect(stderr).toContain(words)
      expect(code).toBe(1)
    }
  })
})

describe('fanfare publish redis:, at a Fanfare', () => {
  it('publishes, and with a type adds an entry that has one', async () => {
    const { port, redisPort } = await startRedisDoor()
    const at = ['publish', `redis://127.0.0.1:${redisPort}/a%20b`]
    expect((await run([...at, 'one'])).stdout).toBe('published  0 listening\n')
    const typed = await run([...at, '{"n":2}', '--type', 'text/x'])
    expect(typed).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+-\d+\n$/), stderr: '' })
    const lines = Array.from({ length: 1_200 }, (_, n) => `line ${n}`)
    const many = await run([...at, '--lines'], { stdin: lines.join('\n') })
    expect(many.stdout).toMatch(/, 1200 published\n$/)
    const messages = await kept(port, 'a%20b', 1_202)
    expect(messages.slice(0, 2)).toMatchObject([
      { body: 'one' },
      { body: '{"n":2}', type: 'text/x' },
    ])
    expect(messages.slice(2).map(({ body }) => body)).toEqual(lines)
  })

  it('says that it is not trusted', async () => {
    const { redisPort } = await startRedisDoor('', {}, 'trustedPeers: []')
    const { code, stderr } = await run(['publish', `redis://127.0.0.1:${redisPort}/a`, 'x'])
    expect(stderr).toMatch(/^fanfare: .*trustedPeers/)
    expect(code).toBe(1)
  })
})

describe.skipIf(missing.includes('Redis'))('fanfare publish redis:', () => {
  it('publishes, and says how many listened', async () => {
    const port = await startRedis()
    const url = `redis://127.0.0.1:${port}/a`
    const one = await run(['publish', url, 'hello'])
    expect(one).toEqual({ code: 0, stdout: 'published  0 listening\n', stderr: '' })
    const lines = await run(['publish', url, '--lines'], { stdin: '1\n2\n' })
    expect(lines.stdout).toBe('published  0 listening, 2 published\n')
  })

  it('refuses a type at a Redis, which has none, and says errors in its words', async () => {
    const port = await startRedis('--requirepass', 'secret')
    const url = `redis://:secret@127.0.0.1:${port}/a`
    const typed = await run(['publish', url, 'x', '--type', 'text/x'])
    expect(typed).toMatchObject({ code: 1, stderr: expect.stringContaining('is for Fanfare') })
    const none = await run(['publish', `redis://127.0.0.1:${port}/a`, 'x'])
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('wants a password') })
    expect(await redisCli(port, '-a', 'secret', '--no-auth-warning', 'EXISTS', 'a')).toBe('0')
  })
})

describe('fanfare publish where nothing answers', () => {
  it.each(['ws', 'feed', 'tcp', 'fanout', 'redis'])(
    '%s: tries again, then says so',
    async (scheme) => {
      const { server, port } = await startServer()
      await server.stop()
      const { code, stderr } = await run(['publish', `${scheme}://127.0.0.1:${port}/a`, '1'])
      expect(stderr).toMatch(/^fanfare: .* cannot be reached: nothing listens there\n$/)
      expect(code).toBe(1)
    },
  )

  it.each(['feed', 'fanout', 'redis'])('%s: sends nothing twice', async (scheme) => {
    let connections = 0
    const port = await fakeServer((socket) => {
      connections++
      socket.once('data', () => socket.destroy())
    })
    const { code } = await run(['publish', `${scheme}://127.0.0.1:${port}/a`, '1'])
    expect(code).toBe(1)
    expect(connections).toBe(1)
  })
})

describe('fanfare notify', () => {
  it('tells a server of a new revision', async () => {
    const { port, tcp, command } = await startSparkleshare(ZEROMQ)
    const at = `127.0.0.1:${tcp}`
    const result = await run(['notify', '/home/a.git', 'c0ffee', '--server', `tcp://${at}`])
    expect(result).toEqual({ code: 0, stdout: `sent to tcp://${at}/%2Fhome%2Fa.git\n`, stderr: '' })
    const zmq = ['--server', `zmq://127.0.0.1:${command}`, '--quiet']
    expect(await run(['notify', 'home/a.git', 'c0ffee2', ...zmq])).toMatchObject({ stdout: '' })
    const revisions = (await kept(port, 'home/a.git', 2)).map(({ attributes }) => attributes)
    expect(revisions).toEqual([{ revision: 'c0ffee' }, { revision: 'c0ffee2' }])
  })

  it('does not wait for a server that does not take it', async () => {
    const port = await fakeServer((socket) => void socket.pause())
    const at = [
      'notify',
      'a',
      'c0ffee',
      '--server',
      `tcp://127.0.0.1:${port}`,
      '--timeout',
      '100ms',
    ]
    const { code, stderr } = await run(at)
    expect(stderr).toContain('took longer than 100 ms')
    expect(code).toBe(1)
    expect(await run([...at, '--quiet'])).toEqual({ code: 1, stdout: '', stderr: '' })
  })

  it.each([
    [['--server', 'http://localhost'], '--server takes tcp: zmq: fanout: URLs, not http:'],
    [['--server', 'localhost'], 'not a URL'],
    [['--server', 'tcp://localhost/a'], '--server has no path'],
    [['--timeout', 'soon'], '--timeout takes'],
    [['--server', 'tcp://127.0.0.1:1'], 'nothing listens there'],
  ])('ends with 1 for %j', async (flags, words) => {
    const { code, stderr } = await run(['notify', 'a', 'b', ...flags])
    expect(stderr).toMatch(/^fanfare: .*\n$/)
    expect(stderr).toContain(words)
    expect(code).toBe(1)
  })
})
