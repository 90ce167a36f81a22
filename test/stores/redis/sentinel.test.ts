/** A master, its replica and a Sentinel: real processes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { expect, it, onTestFinished } from 'vitest'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { REDIS_DEFAULTS } from '../../../src/stores/redis/options.ts'
import { freePort } from '../../interop/redis-server.ts'
import { until } from '../../support/wait.ts'
import { draft, Node, RealRedis, startRedis } from './rig.ts'

async function ask(port: number, ...command: string[]): Promise<string> {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  await client.connect()
  try {
    return await client.sendCommand<string>(command)
  } finally {
    client.destroy()
  }
}

async function startSentinel(master: number): Promise<RealRedis> {
  const sentinel = new RealRedis(await freePort(), ['--sentinel'])
  const config = join(sentinel.folder, 'sentinel.conf')
  writeFileSync(
    config,
    `port ${sentinel.port}
bind 127.0.0.1
sentinel monitor mymaster 127.0.0.1 ${master} 1
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 5000
`,
  )
  sentinel.arguments = [config, '--sentinel']
  await sentinel.start()
  return sentinel
}

it('goes on at the new master after a failover, under load', { timeout: 90_000 }, async () => {
  const master = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
  const replica = await startRedis('--replicaof', '127.0.0.1', String(master.port))
  const sentinel = await startSentinel(master.port)
  const ends = [master, replica, sentinel]
  onTestFinished(async () => void (await Promise.all(ends.map((one) => one.end()))))
  const replicas = async (): Promise<string> => await ask(master.port, 'INFO', 'replication')
  while (!/state=online/.test(await replicas())) await new Promise((r) => setTimeout(r, 50))
  const known = async (): Promise<string> => await ask(sentinel.port, 'INFO', 'sentinel')
  while (!/slaves=1/.test(await known())) await new Promise((r) => setTimeout(r, 100))

  const sentinels = [
    { host: '127.0.0.1', port: await freePort() },
    { host: '127.0.0.1', port: sentinel.port },
  ]
  const connection = { ...REDIS_DEFAULTS.connection, sentinels }
  const nodes = [1, 2].map(() => new Node(master.port, { connection, publishWait: 30_000 }))
  const [one, two] = nodes as [Node, Node]
  onTestFinished(async () => void (await Promise.all(nodes.map(({ store }) => store.close()))))
  const acknowledged: string[] = []
  let stopped = false
  const load = (async () => {
    for (let n = 0; !stopped; n++) {
      await one.store.append(draft('a', String(n)))
      acknowledged.push(String(n))
    }
  })()

  await until(() => acknowledged.length > 300, 'publishes')
  await master.kill()
  const before = acknowledged.length
  await until(() => acknowledged.length > before + 300, 'publishes at the new master', 60_000)
  stopped = true
  await load

  expect(one.reports.at(-1)).toBe(`Redis at 127.0.0.1:${replica.port} is available.`)
  const { messages } = await two.store.read({
    selectors: new Selectors([], ['']),
    after: BEFORE_ALL,
    limit: 100_000,
  })
  const stored = messages.map(({ body }) => body.toString())
  expect(new Set(stored).size).toBe(stored.length)
  expect(stored).toEqual(stored.toSorted((a, b) => Number(a) - Number(b)))
  await until(() => two.messages.at(-1)?.id === messages.at(-1)?.id, 'all was heard')
  // What the master had not passed on is lost with it; whoever may lack something is told of a gap.
  const lost = acknowledged.filter((body) => !stored.includes(body))
  for (const body of lost) {
    if (!two.heard.includes(body)) expect(two.skipped).toBeGreaterThan(0)
  }
  expect(new Set(two.heard).size).toBe(two.heard.length)
})
