import { io, type Socket } from 'socket.io-client'
import { onTestFinished } from 'vitest'
import { ClusterNode } from '../../src/cluster/node.ts'
import type { NodeStatus } from '../../src/services/control.ts'
import { Cable, type RealRedis, startRedis } from '../stores/redis/rig.ts'
import { type RawReply, request } from '../support/raw.ts'
import { until } from '../support/wait.ts'

let clusters = 0

/** Doors with ports of their own: off unless a test's configuration names them. */
const OFF = ['feed', 'redis', 'sparkleshare', 'fanout']

export interface NodeChoices {
  /** More of `cluster`, in YAML's short form. */
  readonly cluster?: string
  /** More of the configuration. */
  readonly yaml?: string
  /** By another way to Redis than the test's own. */
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
}

/** The configuration of a node, as its file has it. */
export function yamlOf(
  name: string,
  redis: number,
  prefix: string,
  { cluster = '', yaml = '' }: NodeChoices,
): string {
  const off = OFF.filter((door) => !new RegExp(`^${door}:`, 'm').test(yaml))
  return [
    `store: { type: redis, host: 127.0.0.1, port: ${redis}, key_prefix: "${prefix}" }`,
    `cluster: { node: ${name}, heartbeat: 200ms, lease: 1500ms${cluster === '' ? '' : `, ${cluster}`} }`,
    ...(/^port:/m.test(yaml) ? [] : ['port: 0']),
    ...(/^management:/m.test(yaml) ? [] : ['management: { port: 0 }']),
    ...off.map((door) => `${door}: false`),
    yaml,
  ].join('\n')
}

/** A node in this process, and ways to ask it. */
export class TestNode {
  readonly node: ClusterNode
  readonly reports: string[]
  readonly errors: unknown[]

  constructor(node: ClusterNode, reports: string[], errors: unknown[]) {
    this.node = node
    this.reports = reports
    this.errors = errors
  }

  get admin(): number {
    const place = this.node.server.places.find(({ what }) => what === 'management')
    return Number(/:(?<port>\d+)\/$/.exec(place?.where ?? '')?.groups?.['port'])
  }

  /** Calls a method as a program would. */
  post(path: string, body: unknown = {}): Promise<RawReply> {
    const headers = { 'Content-Type': 'application/json' }
    return request(this.admin, 'POST', path, headers, JSON.stringify(body))
  }

  /** @throws Error when it fails */
  async call<T>(path: string, body: unknown = {}): Promise<T> {
    const { status, body: bytes } = await this.post(path, body)
    if (status !== 200) throw new Error(`${path}: ${status} ${bytes.toString()}`)
    return (bytes.length === 0 ? undefined : JSON.parse(bytes.toString())) as T
  }

  get status(): Promise<Record<string, NodeStatus>> {
    return this.call<Record<string, NodeStatus>>('/manager/status')
  }
}

/** A Redis of a test's own, and nodes on it, all ended with the test. */
export async function startCluster(): Promise<{
  readonly redis: RealRedis
  readonly prefix: string
  readonly start: (name: string, choices?: NodeChoices) => Promise<TestNode>
  readonly cable: () => Promise<Cable>
}> {
  const redis = await startRedis()
  const prefix = `c${clusters++}:`
  onTestFinished(() => redis.end())
  return {
    redis,
    prefix,
    async start(name, choices = {}) {
      const reports: string[] = []
      const errors: unknown[] = []
      const node = await ClusterNode.start({
        source: {
          text: yamlOf(name, choices.port ?? redis.port, prefix, choices),
          file: `${name}.yaml`,
          env: choices.env ?? {},
        },
        report: (text) => reports.push(text),
        onError: (error) => errors.push(error),
      })
      onTestFinished(() => node.stop())
      return new TestNode(node, reports, errors)
    },
    async cable() {
      const cable = await Cable.to(redis.port)
      onTestFinished(() => cable.cut())
      return cable
    },
  }
}

/** A user's connection, and what it got. */
export class User {
  readonly socket: Socket
  readonly messages: unknown[] = []

  constructor(url: string, session: string, options: object = {}) {
    const auth = { session }
    this.socket = io(url, { transports: ['websocket'], forceNew: true, auth, ...options })
    this.socket.on('message', (message: unknown) => this.messages.push(message))
    onTestFinished(() => void this.socket.disconnect())
  }

  async connected(): Promise<void> {
    await until(() => this.socket.connected, 'the user is connected')
  }

  async got(count: number): Promise<unknown[]> {
    await until(() => this.messages.length >= count, `${count} messages`)
    return this.messages
  }
}
