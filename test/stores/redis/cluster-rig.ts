import { onTestFinished } from 'vitest'
import {
  Agreement,
  REDIS_DEFAULTS,
  type RedisAddress,
  type RedisConnection,
  type RedisPartition,
} from '../../../src/stores/redis/options.ts'
import { freePort } from '../../interop/redis-server.ts'
import { ask, RealRedis, untilFollowed } from './rig.ts'

const SLOTS = 16_384
/** Keys that are moved by one command, as Redis's own tool does it. */
const KEYS_AT_ONCE = 10
/** ms after which a silent node counts as gone. */
const NODE_TIMEOUT = 1_000

/** Asks a real server again and again until it says what is waited for. */
async function untilTold(told: () => Promise<boolean>, what: string, ms = 20_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await told())) {
    if (performance.now() > end) throw new Error(`it did not happen in ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A Redis Cluster of real processes. */
export class RedisCluster {
  readonly masters: readonly RealRedis[]
  readonly replicas: readonly RealRedis[]

  private constructor(masters: readonly RealRedis[], replicas: readonly RealRedis[]) {
    this.masters = masters
    this.replicas = replicas
  }

  /** @param replicas so many of the masters have one each; @param options of each server's command line */
  static async start(masters = 3, replicas = 0, ...options: string[]): Promise<RedisCluster> {
    const nodes = await Promise.all(
      Array.from({ length: masters + replicas }, async () => {
        const own = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT)]
        const bus = ['--cluster-port', String(await freePort()), '--repl-diskless-sync-delay', '0']
        const node = new RealRedis(await freePort(), [...own, ...bus, ...options])
        await node.start()
        return node
      }),
    )
    const cluster = new RedisCluster(nodes.slice(0, masters), nodes.slice(masters))
    await cluster.#join()
    return cluster
  }

  /** As `start`, ended with the test. */
  static async startForTest(...how: Parameters<typeof RedisCluster.start>): Promise<RedisCluster> {
    const cluster = await RedisCluster.start(...how)
    onTestFinished(() => cluster.end())
    return cluster
  }

  get nodes(): readonly RealRedis[] {
    return [...this.masters, ...this.replicas]
  }

  get seeds(): RedisAddress[] {
    return this.masters.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  connection(seeds: readonly RedisAddress[] = this.seeds): RedisConnection {
    return { ...REDIS_DEFAULTS.connection, cluster: seeds }
  }

  async #join(): Promise<void> {
    const first = this.masters[0] as RealRedis
    const share = Math.ceil(SLOTS / this.masters.length)
    for (const [n, { port }] of this.masters.entries()) {
      const to = Math.min(SLOTS, (n + 1) * share) - 1
      await ask(port, 'CLUSTER', 'ADDSLOTSRANGE', String(n * share), String(to))
      await ask(port, 'CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1))
    }
    for (const node of this.nodes.slice(1)) {
      const bus = node.arguments[node.arguments.indexOf('--cluster-port') + 1] as string
      await ask(first.port, 'CLUSTER', 'MEET', '127.0.0.1', String(node.port), bus)
    }
    await this.untilWhole()
    for (const [n, { port }] of this.replicas.entries()) {
      const master = this.masters[n] as RealRedis
      await ask(port, 'CLUSTER', 'REPLICATE', await this.idOf(master))
      await untilFollowed(master.port)
    }
  }

  /** All nodes know each other, and somebody for each slot. */
  async untilWhole(): Promise<void> {
    const known = new RegExp(
      `cluster_state:ok[^]*cluster_slots_ok:${SLOTS}[^]*cluster_known_nodes:${this.nodes.length}`,
    )
    for (const { port } of this.nodes) {
      await untilTold(
        async () => known.test(await ask(port, 'CLUSTER', 'INFO')),
        'the cluster is whole',
      )
    }
  }

  async idOf(node: RealRedis): Promise<string> {
    return await ask(node.port, 'CLUSTER', 'MYID')
  }

  /** The master that serves a slot, as all know it. */
  async ownerOf(slot: number): Promise<RealRedis> {
    const slots = await ask<[number, number, [string, number]][]>(
      (this.masters[0] as RealRedis).port,
      'CLUSTER',
      'SLOTS',
    )
    const owner = slots.find(([from, to]) => from <= slot && slot <= to)?.[2][1]
    return this.nodes.find(({ port }) => port === owner) as RealRedis
  }

  async slotOf(key: string): Promise<number> {
    return await ask<number>((this.masters[0] as RealRedis).port, 'CLUSTER', 'KEYSLOT', key)
  }

  /**
   * Moves a slot as Redis's own tool does, some keys at a time.
   * @param between what happens when the move has begun, and again when half of the keys are gone
   */
  async move(
    slot: number,
    to: RealRedis,
    between: () => Promise<void> = async () => {},
  ): Promise<void> {
    const from = await this.ownerOf(slot)
    const [here, there] = [await this.idOf(from), await this.idOf(to)]
    await ask(to.port, 'CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', here)
    await ask(from.port, 'CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', there)
    await between()
    const count = await ask<number>(from.port, 'CLUSTER', 'COUNTKEYSINSLOT', String(slot))
    for (let moved = 0; ; moved += KEYS_AT_ONCE) {
      const asked = ['GETKEYSINSLOT', String(slot), String(KEYS_AT_ONCE)]
      const keys = await ask<string[]>(from.port, 'CLUSTER', ...asked)
      if (keys.length === 0) break
      const target = ['127.0.0.1', String(to.port), '', '0', '5000']
      await ask(from.port, 'MIGRATE', ...target, 'KEYS', ...keys)
      if (moved <= count / 2 && moved + KEYS_AT_ONCE > count / 2) await between()
    }
    for (const { port } of new Set([to, from, ...this.masters])) {
      await ask(port, 'CLUSTER', 'SETSLOT', String(slot), 'NODE', there)
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end()))
  }
}

/** A partition of a store of 16, the number of which is known. */
export function partitionAt(index: number, count = 16): RedisPartition {
  const agreement = new Agreement()
  agreement.compare(count, count)
  return { index, count, agreement }
}
