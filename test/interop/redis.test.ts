/** Redis's own programs and the usual clients, against the redis door. */
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Running } from '../cli/cli-program.ts'
import { Proxy } from '../client/proxy.ts'
import { startRedis } from '../protocols/redis/resp-client.ts'
import { until } from '../support/wait.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')

describe.skipIf(missing.includes('Redis'))('redis-cli', () => {
  it.each([[[]], [['-3']]])('%j subscribes, publishes and reads streams', async (options) => {
    const { redisPort, server } = await startRedis()
    const cli = (...args: string[]): Running =>
      new Running('redis-cli', ['-p', String(redisPort), ...options, ...args])
    const subscriber = cli('PSUBSCRIBE', 'ne*')
    await until(() => server.hub().receivers('news' as never) === 1, 'it listens')
    const publisher = cli('PUBLISH', 'news', 'hello')
    await publisher.ended()
    expect(publisher.stdout).toBe('1\n')
    await until(() => subscriber.stdout.includes('hello'), 'it hears')
    expect(subscriber.lines.slice(-4)).toEqual(['pmessage', 'ne*', 'news', 'hello'])
    const range = cli('XRANGE', 'news', '-', '+')
    await range.ended()
    expect(range.stdout).toMatch(/^\d{10}-0\nbody\nhello\n$/)
  })

  it('takes commands from a pipe, and tells of mistakes', async () => {
    const { redisPort } = await startRedis()
    const stdin = 'PING\nSET a b\nPUBLISH a "x y"\nXLEN a\nCOMMAND DOCS ping\n'
    const cli = new Running('redis-cli', ['-p', String(redisPort)], { stdin })
    expect(await cli.ended()).toBe(0)
    expect(cli.lines[0]).toBe('PONG')
    expect(cli.stdout).toContain("ERR unknown command 'SET'")
    expect(cli.stdout).toContain('\n0\n1\n')
  })
})

describe.skipIf(missing.includes('Redis'))('redis-benchmark', () => {
  it.each([
    ['-t', 'ping'],
    ['PUBLISH', 'a', 'hello'],
  ])('%s %s', async (...args) => {
    const { redisPort } = await startRedis()
    const options = ['-p', String(redisPort), '-n', '20000', '-P', '16', '-c', '8', '--csv']
    const benchmark = new Running('redis-benchmark', [...options, ...args])
    expect(await benchmark.ended()).toBe(0)
    expect(benchmark.stdout + benchmark.stderr).not.toMatch(/error|warning/i)
    expect(benchmark.stdout).toMatch(/"\d+\.\d+"/)
  })
})

describe.skipIf(missing.includes('redis-py'))('redis-py', () => {
  it('subscribes, publishes, reads streams, and resumes', async () => {
    const { redisPort } = await startRedis()
    const program = ['test/interop/programs/redis-reader.py', String(redisPort)]
    const python = new Running('/usr/bin/python3', program)
    await python.ended()
    expect(python.stderr).toBe('')
    expect(python.lines).toEqual([
      'ping True',
      'confirmed subscribe',
      'confirmed psubscribe',
      'receivers 1',
      String.raw`message b'news' b'\x00hello\xff'`,
      String.raw`pmessage b'news' b'\x00hello\xff'`,
      'healthy pong',
      'confirmed unsubscribe',
      'confirmed punsubscribe',
      "length 3 b'stream' 1",
      `last {b'body': b'{"user":"mona","n":"2"}', b'type': b'application/json'}`,
      `missed b'log' b'{"user":"mona","n":"1"}'`,
      `missed b'log' b'{"user":"mona","n":"2"}'`,
      "live {b'body': b'live'}",
      'info 4 7.0.15',
      "scan [b'log']",
      'pipeline [0, True]',
      'deleted 1 0',
      'client True me',
    ])
  })
})

async function openRedis(RESP: 2 | 3, port: number) {
  const socket = { host: '127.0.0.1', port, reconnectStrategy: 20 }
  const client = createClient({ RESP, socket })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.destroy())
  return client
}

/** Waits until the one subscriber is another connection than before, with all that it had. */
async function back(
  list: () => Promise<string>,
  before: string,
  subscriptions: string,
): Promise<void> {
  const [former = 'none'] = /id=\d+ /.exec(before) ?? []
  for (;;) {
    const now = (await list()).trim().split('\n')
    const [line = ''] = now
    if (now.length === 1 && !line.includes(former) && line.includes(subscriptions)) return
  }
}

function openIoredis(port: number): Redis {
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 20 })
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  return client
}

describe.each([2, 3] as const)('npm redis over RESP%i', (RESP) => {
  it('subscribes, publishes, reads streams, and comes back by itself', async () => {
    const { redisPort, server } = await startRedis()
    const proxy = await Proxy.start(redisPort)
    const publisher = await openRedis(RESP, redisPort)
    const subscriber = await openRedis(RESP, proxy.port)
    const heard: string[] = []
    await subscriber.subscribe('news', (text, channel) => heard.push(`${channel} ${text}`))
    await subscriber.pSubscribe('n?ws', (text, channel) => heard.push(`${channel}? ${text}`))
    await subscriber.sSubscribe('shard', (text) => heard.push(`shard ${text}`))
    expect(await publisher.publish('news', 'one')).toBe(1)
    expect(await publisher.sPublish('shard', 'two')).toBe(1)
    await until(() => heard.length === 3, 'it hears')
    expect(heard).toEqual(['news one', 'news? one', 'shard two'])

    const list = async (): Promise<string> =>
      (await publisher.sendCommand(['CLIENT', 'LIST', 'TYPE', 'pubsub'])) as unknown as string
    const before = await list()
    proxy.cut()
    await back(list, before, 'sub=1 psub=1 ssub=1')
    await publisher.publish('news', 'three')
    await until(() => heard.length === 5, 'it hears again')

    const id = await publisher.xAdd('log', '*', { user: 'mona' })
    expect(await publisher.xRange('log', '-', '+')).toMatchObject([
      { id, message: { body: '{"user":"mona"}', type: 'application/json' } },
    ])
    const waiting = publisher.xRead({ key: 'log', id }, { BLOCK: 10_000 })
    await until(() => server.hub().receivers('log' as never) === 1, 'it waits')
    const other = await openRedis(RESP, redisPort)
    await other.publish('log', 'live')
    expect(JSON.stringify(await waiting)).toContain('"live"')
    expect(await publisher.xLen('log')).toBe(2)
  })
})

describe('ioredis', () => {
  it('subscribes, publishes, reads streams, and comes back by itself', async () => {
    const { redisPort, server } = await startRedis()
    const proxy = await Proxy.start(redisPort)
    const publisher = openIoredis(redisPort)
    const subscriber = openIoredis(proxy.port)
    const heard: string[] = []
    subscriber.on('message', (channel, text) => heard.push(`${channel} ${text}`))
    subscriber.on('pmessage', (pattern, channel, text) =>
      heard.push(`${pattern} ${channel} ${text}`),
    )
    expect(await subscriber.subscribe('news', 'other')).toBe(2)
    expect(await subscriber.psubscribe('n*')).toBe(3)
    expect(await publisher.publish('news', 'one')).toBe(1)
    await until(() => heard.length === 2, 'it hears')
    expect(heard).toEqual(['news one', 'n* news one'])

    const list = async (): Promise<string> =>
      String(await publisher.client('LIST', 'TYPE', 'PUBSUB'))
    const before = await list()
    proxy.cut()
    await back(list, before, 'sub=2 psub=1')
    await publisher.publish('news', 'two')
    await until(() => heard.length === 4, 'it hears again')

    const id = (await publisher.xadd('log', '*', 'body', 'first')) ?? ''
    expect(await publisher.xrange('log', '-', '+')).toEqual([[id, ['body', 'first']]])
    const waiting = publisher.xread('BLOCK', 10_000, 'STREAMS', 'log', id)
    await until(() => server.hub().receivers('log' as never) === 1, 'it waits')
    await openIoredis(redisPort).publish('log', 'live')
    expect(await waiting).toMatchObject([['log', [[expect.anything(), ['body', 'live']]]]])
    const results = await publisher.pipeline().publish('a', '1').xlen('a').ping().exec()
    expect(results).toEqual([
      [null, 0],
      [null, 1],
      [null, 'PONG'],
    ])
  })
})
