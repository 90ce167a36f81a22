import { version as programVersion } from '../../config/version.ts'
import type { ClusterControl, ConfigVersion, NodeApplied, NodeStatus } from '../control.ts'
import { SERVICES } from '../definitions/index.ts'
import type { ServiceContext } from './context.ts'
import { configDiff } from './diff.ts'
import { shownConfig } from './redact.ts'

/** Versions that are remembered. */
const MOST_VERSIONS = 100

/** All nodes, where there is only one: what is set for all holds here, until a reload or a start. */
export class OneNode implements ClusterControl {
  readonly #context: ServiceContext
  readonly #versions: ConfigVersion[] = []
  #document: Readonly<Record<string, unknown>> = {}

  constructor(context: ServiceContext) {
    this.#context = context
  }

  status(): Record<string, NodeStatus> {
    const { control, place, users, traffic } = this.#context
    const connections = [...traffic.entries()].reduce((sum, [, door]) => sum + door.connections, 0)
    const { user, system } = process.cpuUsage()
    const uptime = process.uptime()
    const status: NodeStatus = {
      state: { up: true, downSince: null },
      config: place(),
      url: users.url,
      roles: control.roles ?? Object.keys(SERVICES),
      spareFor: [],
      isManager: true,
      age: Math.round(uptime * 10) / 10,
      silence: 0,
      load: {
        connections,
        published: 0,
        delivered: 0,
        cpu: Math.round((user + system) / uptime / 1_000) / 1_000,
        memory: process.memoryUsage.rss(),
      },
      version: programVersion(),
      configVersion: this.#versions[0]?.version ?? 0,
      configError: null,
    }
    return { [control.node]: status }
  }

  async setConfig(
    config: Readonly<Record<string, unknown>>,
    author: string,
  ): Promise<ConfigVersion> {
    await this.#context.control.setConfig(config)
    const diff = configDiff(this.#document, config)
    const before = this.#versions[0]?.version ?? 0
    const made = { version: before + 1, author, time: Date.now(), diff }
    this.#versions.unshift(made)
    this.#versions.splice(MOST_VERSIONS)
    this.#document = config
    return made
  }

  async getConfig(node: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { control, config } = this.#context
    return node === control.node ? shownConfig(config) : undefined
  }

  async distributeConfig(): Promise<Readonly<Record<string, NodeApplied>>> {
    const version = this.#versions[0]?.version ?? 0
    return { [this.#context.control.node]: { version, error: null } }
  }

  versions(limit: number): readonly ConfigVersion[] {
    return this.#versions.slice(0, limit)
  }

  carries(): boolean {
    return true
  }

  elsewhere(): undefined {
    return undefined
  }
}
