import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { RedisFacts } from '../../../src/stores/redis/facts.ts'
import { REDIS_DEFAULTS } from '../../../src/stores/redis/options.ts'
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
  await here.size('k', 'o')
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
