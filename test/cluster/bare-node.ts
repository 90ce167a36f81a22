import { randomUUID } from 'node:crypto'
import { Member } from '../../src/cluster/member.ts'
import type { NodeInfo, View } from '../../src/cluster/view.ts'
import {
  type ClusterRedisConfig,
  type ClusterSettings,
  clusterOf,
} from '../../src/config/cluster.ts'
import { loadConfig } from '../../src/config/index.ts'
import { configSchema } from '../../src/server/schema.ts'
import { until } from '../support/wait.ts'

export type BareSettings = Partial<ClusterSettings> & { readonly port?: number }

/** A member of a cluster without a server behind it, and all that it was told. */
export class Bare {
  readonly member: Member
  readonly views: View[] = []
  readonly heard: string[] = []
  viewAt = 0
  expiredAt = 0
  displaced: Error | undefined
  #expire: () => void = () => {}
  readonly expired = new Promise<void>((resolve) => (this.#expire = resolve))

  constructor(settings: ClusterSettings) {
    this.member = new Member(settings, randomUUID(), {
      info: () => infoOf(settings.node),
      seen: (view) => {
        this.views.push(view)
        this.viewAt = performance.now()
      },
      expired: () => {
        this.expiredAt = performance.now()
        this.#expire()
      },
      displaced: (reason) => (this.displaced = reason),
      heard: (words) => void this.heard.push(words),
      report: () => {},
    })
  }

  get view(): View {
    return this.member.view
  }

  /** Fields of places that it holds, in order. */
  get held(): string[] {
    return this.member.held
      .filter(({ role }) => role !== '')
      .map(({ field }) => field)
      .toSorted()
  }

  async nextView(): Promise<View> {
    const count = this.views.length
    await until(() => this.views.length > count + 1, 'a beat')
    return this.view
  }

  async when(holds: () => unknown): Promise<void> {
    await until(() => Boolean(holds()), 'what a node waits for')
  }
}

function infoOf(node: string): NodeInfo {
  return {
    url: `http://${node}`,
    hostname: '127.0.0.1',
    port: 0,
    roles: [],
    load: { connections: 0, published: 0, delivered: 0, cpu: 0, memory: 0 },
    version: '0',
    configVersion: 0,
    configError: null,
    round: 0,
    pid: process.pid,
    machine: 'here',
  }
}

let clusters = 0

/** Nodes of one cluster for each test. */
export function bareNodes(port: () => number): {
  join(node: string, settings?: BareSettings): Promise<Bare>
  endAll(): Promise<void>
} {
  let prefix = `bare-${process.pid}-${clusters++}:`
  const nodes: Bare[] = []
  return {
    async join(node, settings = {}) {
      const one = new Bare({
        node,
        redis: redisAt(settings.port ?? port()),
        keyPrefix: prefix,
        url: undefined,
        managementHost: undefined,
        roles: [],
        spareFor: [],
        heartbeat: 100,
        lease: 1_000,
        ...settings,
      })
      await one.member.join(1_000)
      nodes.push(one)
      return one
    },
    async endAll() {
      await Promise.all(nodes.splice(0).map(({ member }) => member.leave()))
      prefix = `bare-${process.pid}-${clusters++}:`
    },
  }
}

/** The options of a Redis as a configuration resolves them. */
export function redisAt(port: number): ClusterRedisConfig {
  const { config } = loadConfig(configSchema(), {
    env: {},
    text: `store: { type: redis, host: 127.0.0.1, port: ${port} }\ncluster: {}`,
  })
  const settings = clusterOf(config)
  if (!settings) throw new Error('no cluster')
  return settings.redis
}
