import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { RedisFacts } from '../../../src/stores/redis/facts.ts'
import { REDIS_DEFAULTS } from '../../../src/stores/redis/options.ts'
import { redisCli } from '../../client/redis-server.ts'
import { until } from '../../support/wait.ts'
import { factsContract } from '../facts-contract.ts'
import { Cable, type RealRedis, startRedis } from './rig.ts'

let redis: RealRedis
let opened = 0

beforeAll(async () => {
  redis = await startRedis()
  return () => redis.end()
})

interface Opening {
  readonly port?: number
  readonly now?: () => number
  readonly report?: (text: string) => void
}

function open({ port = redis.port, report = () => {}, ...more }: Opening = {}): RedisFacts {
  const connection = { ...REDIS_DEFAULTS.connection, host: '127.0.0.1', port }
  return new RedisFacts({
    connection,
    keyPrefix: `facts-${opened}:`,
    timeout: 5_000,
    report,
    ...more,
  })
}

factsContract('RedisFacts', async (now) => {
  opened++
  const facts = open({ now })
  return { facts, close: () => facts.close() }
})

it('facts are heard of on every node, and after a cut what was missed', async () => {
  opened++
  const cable = await Cable.to(redis.port)
  const reports: string[] = []
  const here = open({ port: cable.port, report: (text) => reports.push(text) })
  const there = open()
  onTestFinished(async () => {
    await Promise.all([here.close(), there.close()])
    await cable.cut()
  })
  const heard: unknown[] = []
  here.watch((_kind, _owner, _item, value) => heard.push(value))
  await here.count('k')
  await there.set('k', 'o', 'i', '0')
  await until(() => heard.length === 1, 'it was heard')

  await cable.cut()
  await until(() => reports.length > 0, 'it was noticed')
  await expect(here.get('k', 'o', 'i')).rejects.toMatchObject({ code: 'store_unavailable' })
  for (let n = 1; n < 2_500; n++) await there.set('k', 'o', 'i', String(n))
  await cable.mend()
  await until(() => heard.length >= 2_500, 'all was heard')
  await there.set('k', 'o', 'i', 'live')

  await until(() => heard.at(-1) === 'live', 'it was heard')
  expect(heard).toEqual([...Array.from({ length: 2_500 }, (_, n) => String(n)), 'live'])
  expect(reports.join()).not.toMatch(/missed/)
})

it('a Redis that is emptied: each node is told that it missed something, and hears what follows', async () => {
  const own = await startRedis()
  const here = open({ port: own.port })
  onTestFinished(async () => {
    await here.close()
    await own.end()
  })
  const heard: unknown[] = []
  here.watch(
    (_kind, _owner, item) => heard.push(item),
    () => heard.push('missed'),
  )
  for (const item of ['a', 'b', 'c']) await here.set('k', 'o', item, '')
  await until(() => heard.length === 3, 'all was heard')
  await redisCli(own.port, 'FLUSHALL')
  await here.set('k', 'o', 'd', '')
  await until(() => heard.includes('missed'), 'it is told')
  await here.set('k', 'o', 'e', '')
  await until(() => heard.includes('e'), 'it goes on')
  expect(heard).toEqual(['a', 'b', 'c', 'missed', 'e'])
})

it('a Redis that begins anew while a node is cut off: the node is told that it missed something', async () => {
  const own = await startRedis()
  const cable = await Cable.to(own.port)
  const reports: string[] = []
  const here = open({ port: cable.port, report: (text) => reports.push(text) })
  onTestFinished(async () => {
    await here.close()
    await cable.cut()
    await own.end()
  })
  const heard: unknown[] = []
  here.watch(
    (_kind, _owner, item) => heard.push(item),
    () => {
      // By then it can be asked what there is.
      void here.count('k').then((count) => heard.push(`missed; ${count}`))
    },
  )
  await here.set('k', 'o', 'before', '')
  await until(() => heard.length === 1, 'it was heard')

  await cable.cut()
  await until(() => reports.length > 0, 'it was noticed')
  await own.kill()
  await own.start()
  await cable.mend()
  await until(() => heard.length === 2, 'it is told')
  await here.set('k', 'o', 'after', '')
  await until(() => heard.length === 3, 'it goes on')
  expect(heard).toEqual(['before', 'missed; 0', 'after'])
})
