/** What nodes share, kept in a Redis Cluster: by its own hash tag, on whichever server has that. */
import { expect, it } from 'vitest'
import { RedisCluster } from '../stores/redis/cluster-rig.ts'
import { until } from '../support/wait.ts'
import { bareNodes, redisAt } from './bare-node.ts'

it('nodes register, lead and speak to each other', { timeout: 60_000 }, async () => {
  const cluster = await RedisCluster.startForTest()
  const ports = cluster.masters.map(({ port }) => `127.0.0.1:${port}`)
  const bare = bareNodes(() => 1)
  const redis = { ...redisAt(1), cluster: ports }
  try {
    const a = await bare.join('a', { roles: ['manager'], redis })
    const b = await bare.join('b', { roles: ['manager'], redis })
    await until(() => a.view.nodes.size === 2, 'a sees b')
    await a.member.say('{"hello":1}')
    await until(() => b.heard.length === 1, 'b hears')
    expect(b.heard).toEqual(['{"hello":1}'])
    await a.member.leave()
    await until(() => b.member.managing !== undefined, 'b is the manager')
  } finally {
    await bare.endAll()
  }
})
