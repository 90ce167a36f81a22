/** Two nodes over a real Redis. */
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import { doorOf } from '../../src/config/types.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { LogHub } from '../../src/hub/log-hub.ts'
import { Clock } from '../../src/model/clock.ts'
import { configSchema } from '../../src/server/schema.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { openFacts } from '../../src/stores/open.ts'
import { usersKey } from '../../src/users/config.ts'
import { Users } from '../../src/users/users.ts'
import { type RealRedis, startRedis } from '../stores/redis/rig.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { named, Told } from './rig.ts'

const NEWS = named('chat/news')
let redis: RealRedis
let prefixes = 0

beforeAll(async () => {
  redis = await startRedis()
  return () => redis.end()
})

/** Two nodes that share facts, and messages as if one hub were both's. */
function start(yaml: string): { a: Users; b: Users; hub: Hub } {
  const text = `store: { type: redis, host: 127.0.0.1, port: ${redis.port}, key_prefix: 'u${prefixes++}:' }
users: { presence: [chat/], ${yaml} }
`
  const { config } = loadConfig(configSchema(), { text, file: 'test.yaml', env: {} })
  const hub = new LogHub(new MemoryStore(), { soon: setImmediate })
  const nodeOf = (node: string): Users => {
    const store = config.stores['default']
    if (!store) throw new Error('there is no store')
    const facts = openFacts(store, new Clock(), () => {})
    const users = new Users({
      hub,
      facts,
      config: doorOf(config, 'users', usersKey),
      node,
      url: () => `http://${node}`,
      onError: (error) => {
        throw error
      },
    })
    onTestFinished(async () => {
      users.stop()
      await facts.close()
    })
    return users
  }
  return { a: nodeOf('a'), b: nodeOf('b'), hub }
}

async function fulfilled(all: readonly Promise<unknown>[]): Promise<number> {
  const ends = await Promise.allSettled(all)
  return ends.filter(({ status }) => status === 'fulfilled').length
}

describe('two nodes on one Redis', () => {
  it('keep bounds and tell presence once, however much is asked for at once', async () => {
    const { a, b, hub } = start('maxConnections: 3, maxSubscriptions: 4, maxUsers: 5')
    const both = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? a : b))
    const connects = both.map((node, n) => node.connect('1', new Told(`x${n}`)))
    expect(await fulfilled(connects)).toBe(3)
    const subscribes = both.map((node, n) => node.subscribe('1', named(`chat/${n % 10}`)))
    await fulfilled(subscribes)
    const channels = await a.subscriptionsOf('1')
    expect(channels).toHaveLength(4)
    for (const channel of channels) {
      expect(await b.presence.of(channel)).toEqual(['1'])
      const told = await hub.stat(named(`${channel}/@presence`))
      expect(told?.messages).toBe(1)
    }
    expect((await b.channels()).toSorted()).toEqual(channels.toSorted())
    const others = both.map((node, n) => node.connect(`user ${n}`, new Told(`y${n}`)))
    expect(await fulfilled(others)).toBe(4)
  })

  it('close one another’s connections, and reap one another', async () => {
    const { a, b } = start('')
    const told = new Told('x')
    await a.connect('1', told)
    await a.subscribe('1', NEWS)
    expect(await b.disconnect('x')).toBe(true)
    await until(() => told.log.includes('disconnect'), 'it was told')
    expect(told.log).toEqual(['+chat/news', 'disconnect'])

    a.stop()
    await Promise.all([b.reap('a', a.incarnation), b.reap('a', a.incarnation)])
    expect(await b.connected()).toEqual([])
    expect(await b.isThere('1')).toBe(true)
    const { channels } = await b.connect('1', new Told('y'))
    expect(channels).toEqual([NEWS])
  })
})

it('a Redis that goes away: nobody comes in, and is told why; who is in stays', async () => {
  const own = await startRedis()
  onTestFinished(() => own.end())
  const store = `{ type: redis, host: 127.0.0.1, port: ${own.port}, timeout: 1s }`
  const yaml = `store: { default: { type: memory }, far: ${store} }\nusers: { store: far }`
  const reports: unknown[] = []
  const { server } = await startServer(yaml, { onError: (error) => reports.push(error) })
  const told = new Told('x')
  const login = await server.users.connect('1', told)
  expect(server.users.node).not.toBe('local')

  await own.kill()
  await until(
    () => reports.some((report) => String(report).includes('is not available')),
    'it is noticed',
  )
  await expect(server.users.connect('2', new Told('y'))).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringMatching(/Redis at 127\.0\.0\.1:\d+ is not available/),
  })
  await expect(server.users.sessions.userOf('test')).rejects.toMatchObject({
    code: 'store_unavailable',
  })
  expect(told.log).toEqual([])
  login.left()

  await own.start()
  let isBack = false
  await until(() => {
    server.users.connect('3', new Told('z')).then(
      () => (isBack = true),
      () => {},
    )
    return isBack
  }, 'it is back')
  // All that it says is about its store; that somebody left meanwhile is no failure.
  for (const report of reports) expect(String(report)).toMatch(/Redis/)
})
