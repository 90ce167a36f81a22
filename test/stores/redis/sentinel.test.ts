/** A master, its replica and a Sentinel: real processes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { REDIS_DEFAULTS } from '../../../src/stores/redis/options.ts'
import { freePort } from '../../interop/redis-server.ts'
import { until } from '../../support/wait.ts'
import { Load, outcomeOf, WELL } from './load.ts'
import { Node, RealRedis, startRedis, untilFollowed } from './rig.ts'

/** A Sentinel that knows a master and its replica from the start. */
async function startSentinel(master: number, replica: number): Promise<RealRedis> {
  const sentinel = new RealRedis(await freePort(), ['--sentinel'])
  const config = join(sentinel.folder, 'sentinel.conf')
  writeFileSync(
    config,
    `port ${sentinel.port}
bind 127.0.0.1
sentinel monitor mymaster 127.0.0.1 ${master} 1
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 5000
sentinel known-replica mymaster 127.0.0.1 ${replica}
`,
  )
  sentinel.arguments = [config, '--sentinel']
  await sentinel.start()
  return sentinel
}

it('goes on at the new master after a failover, under load', { timeout: 90_000 }, async () => {
  const master = await startRedis('--appendonly', 'yes', '--repl-diskless-sync-delay', '0')
  const replica = await startRedis('--replicaof', '127.0.0.1', String(master.port))
  await untilFollowed(master.port)
  const sentinel = await startSentinel(master.port, replica.port)
  const ends = [master, replica, sentinel]
  onTestFinished(async () => void (await Promise.all(ends.map((one) => one.end()))))
  const sentinels = [
    { host: '127.0.0.1', port: await freePort() },
    { host: '127.0.0.1', port: sentinel.port },
  ]
  const connection = { ...REDIS_DEFAULTS.connection, sentinels }
  const nodes = [1, 2].map(() => new Node(master.port, { connection, publishWait: 60_000 }))
  const [one, two] = nodes as [Node, Node]
  onTestFinished(async () => void (await Promise.all(nodes.map(({ store }) => store.close()))))
  const load = new Load(one, 'one')
  await load.reach(300)

  await master.kill()
  const back = `Redis at 127.0.0.1:${replica.port} is available.`
  await until(() => one.reports.at(-1) === back, 'it is at the new master', 60_000)
  await load.reach(300)
  await load.stop()
  await until(() => two.reports.at(-1) === back, 'the other one, too')

  const outcome = await outcomeOf('failed over by Sentinel', nodes, [load])
  // What the master had not passed on is lost with it; whoever may lack something is told of a gap.
  const { gaps, lost } = outcome
  expect(outcome).toMatchObject({ ...WELL, gaps, lost, refused: 0 })
})
