/** A Redis Cluster of real processes, with slots that move and masters that die. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RedisFacts } from '../../../src/stores/redis/facts.ts'
import { REDIS_DEFAULTS, type RedisOptions } from '../../../src/stores/redis/options.ts'
import { RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { freePort } from '../../interop/redis-server.ts'
import { until } from '../../support/wait.ts'
import { storeContract } from '../contract.ts'
import { factsContract } from '../facts-contract.ts'
import { partitionAt, RedisCluster } from './cluster-rig.ts'
import { Load, LONG, outcomeOf, stored, WELL } from './load.ts'
import { ask, draft, name, Node, type RealRedis } from './rig.ts'

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']
/** The partition of 16 that the tests use. */
const INDEX = 3
const MOVES = LONG ? 15 : 3
const nodes: Node[] = []
let cluster: RedisCluster
let opened = 0

beforeAll(async () => {
  cluster = await RedisCluster.start()
  return () => cluster.end()
}, 60_000)
afterEach(async () => {
  opened++
  await Promise.all(nodes.splice(0).map(({ store }) => store.close()))
})

function node(options: Partial<RedisOptions> = {}): Node {
  const connection = cluster.connection()
  const one = new Node(0, {
    connection,
    keyPrefix: `cluster-${opened}:`,
    partition: partitionAt(INDEX),
    ...options,
  })
  nodes.push(one)
  return one
}

/** Where a slot may move to. */
async function somebodyElse(slot: number): Promise<RealRedis> {
  const owner = await cluster.ownerOf(slot)
  const others = cluster.masters.filter((master) => master !== owner)
  return others[opened % others.length] as RealRedis
}

/** Whether a node knows that its slot is moving, and has told so after so many other things. */
function noticed({ reports }: Node, after: number): boolean {
  return reports.length > after && /on its way|has moved/.test(reports.at(-1) ?? '')
}

storeContract(
  'RedisStore, a partition of a cluster',
  async (limits, clock) => {
    const store = new RedisStore(
      {
        connection: cluster.connection(),
        keyPrefix: `contract-${++opened}:`,
        limits: { ...REDIS_DEFAULTS.limits, ...limits },
        maxSkew: undefined,
        // Another one than below: what these tests leave need not move.
        partition: partitionAt(INDEX + 1),
        report: (text) => {
          throw new Error(`nothing should be reported: ${text}`)
        },
      },
      clock,
    )
    return { store, close: () => store.close() }
  },
  { overflow: 'two million round trips take long; nodes.test.ts has it' },
)

factsContract('RedisFacts on a cluster', async (now) => {
  const connection = cluster.connection()
  const keyPrefix = `facts-${++opened}:`
  const facts = new RedisFacts({ connection, keyPrefix, timeout: 5_000, report: () => {}, now })
  return { facts, close: () => facts.close() }
})

describe('a partition', () => {
  it('is heard on two nodes, whichever node of the cluster they know', async () => {
    const [one, two] = cluster.seeds.slice(0, 2).map((seed) => {
      return node({ connection: cluster.connection([seed]) })
    }) as [Node, Node]
    await Promise.all([one.store.stat(name('x')), two.store.stat(name('x'))])
    for (let n = 0; n < 20; n++) await one.store.append(draft('a', String(n)))

    await until(() => two.heard.length === 20, 'all was heard')
    expect(two.heard).toEqual(Array.from({ length: 20 }, (_, n) => String(n)))
  })

  it('announces to its own nodes alone, not over the whole cluster', async () => {
    const one = node()
    await one.store.append(draft('a', '1'))
    const channel = `cluster-${opened}:{${INDEX}}:a`
    const owner = await cluster.ownerOf(await cluster.slotOf(channel))

    expect(await ask(owner.port, 'PUBSUB', 'SHARDNUMSUB', channel)).toEqual([channel, 1])
    for (const { port } of cluster.masters)
      expect(await ask(port, 'PUBSUB', 'CHANNELS')).toEqual([])
  })

  it('is found when the first node that is asked is gone', async () => {
    const seeds = [{ host: '127.0.0.1', port: await freePort() }, ...cluster.seeds.slice(1, 2)]
    const one = node({ connection: cluster.connection(seeds) })

    await one.store.append(draft('a', '1'))

    expect(one.reports).toEqual([])
  })
})

describe('a slot that moves', () => {
  it('under load loses, doubles and disorders nothing, and whoever may wait does', async () => {
    const [one, two] = [node({ publishWait: 20_000 }), node()]
    const loads = [new Load(one, 'one'), new Load(two, 'two')]
    const slot = await cluster.slotOf(`{${INDEX}}`)
    await Promise.all(loads.map((load) => load.reach(200)))
    for (let times = 0; times < MOVES; times++) {
      const target = await somebodyElse(slot)
      // Nothing is published while the slot is on its way, and nothing fails in the middle of its work.
      await cluster.move(slot, target, async () => {
        await until(() => [one, two].every((who) => noticed(who, times * 2)), 'both noticed')
      })
      await Promise.all(loads.map((load) => load.reach(200)))
      const words = `Redis at 127.0.0.1:${target.port} is available.`
      await until(() => [one, two].every((who) => who.reports.at(-1) === words), 'both are there')
    }
    await Promise.all(loads.map((load) => load.stop()))

    const outcome = await outcomeOf(`${MOVES} times a slot was moved`, [one, two], loads)
    expect(outcome).toMatchObject(WELL)
    expect(loads[0]?.refused).toBe(0)
  }, 90_000)

  it('is noticed by those who only listen', async () => {
    const [one, two] = [node(), node()]
    await one.store.append(draft('a', '1'))
    await until(() => two.heard.length === 1, 'it was heard')
    const slot = await cluster.slotOf(`{${INDEX}}`)

    await cluster.move(slot, await somebodyElse(slot))
    await until(() => two.reports.at(-1)?.endsWith('is available.') === true, 'it is back')
    await until(() => one.reports.at(-1)?.endsWith('is available.') === true, 'it is back')
    await one.store.append(draft('a', '2'))

    await until(() => two.heard.length === 2, 'it was heard')
    expect(two.heard).toEqual(['1', '2'])
  })

  it('lets reads wait, and says when they may be tried again', async () => {
    const one = node()
    await one.store.append(draft('a', '1'))
    const slot = await cluster.slotOf(`{${INDEX}}`)
    await cluster.move(slot, await somebodyElse(slot), async () => {
      await until(() => one.reports.length > 0, 'it was noticed')
      await expect(stored(one)).rejects.toMatchObject({ code: 'store_unavailable' })
    })

    await until(() => one.available > 0, 'it may be read')
    expect(await stored(one)).toEqual(['1'])
  })
})

describe('a master that dies', () => {
  it('is followed by its replica, under load, and nothing is lost silently', async () => {
    const own = await RedisCluster.startForTest(3, 3, ...DURABLE)
    const connection = own.connection()
    const [one, two] = [node({ connection, publishWait: 30_000 }), node({ connection })]
    const load = new Load(one, 'one')
    await load.reach(300)
    const slot = await own.slotOf(`{${INDEX}}`)
    const master = await own.ownerOf(slot)
    const replica = own.replicas[own.masters.indexOf(master)] as RealRedis

    await master.kill()
    await until(
      () => one.reports.at(-1)?.endsWith('is available.') === true,
      'a new master',
      20_000,
    )
    await load.reach(300)
    await load.stop()

    expect(one.reports.at(-1)).toBe(`Redis at 127.0.0.1:${replica.port} is available.`)
    await until(() => two.reports.at(-1)?.endsWith('is available.') === true, 'the other, too')
    const outcome = await outcomeOf(
      'a master was killed, and its replica promoted',
      [one, two],
      [load],
    )
    // What the master had not passed on is lost with it; whoever may lack something is told of a gap.
    const { gaps, lost } = outcome
    expect(outcome).toMatchObject({ ...WELL, gaps, lost, refused: 0 })
  }, 40_000)
})
