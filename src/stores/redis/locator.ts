import { type Client, dialer, end, within, wordsOf } from './client.ts'
import type { RedisAddress, RedisConnection } from './options.ts'

/** ms that one Sentinel or node of a cluster may take to say where something is. */
const ANSWER_WAIT = 1_000
/** Nodes of a cluster that are remembered, to be asked when the configured ones are gone. */
const MAX_NODES = 64

/** A node as CLUSTER SLOTS names it: host or what stands for it, port, id, other names. */
type NodeReply = readonly [string | null, number, string?, (readonly string[])?]
type SlotsReply = readonly (readonly [number, number, ...NodeReply[]])[]

/** Finds the Redis that a link needs: as configured, as Sentinels say, or as the nodes of a cluster do. */
export class Locator {
  readonly #connection: RedisConnection
  readonly #key: string
  readonly #timeout: number
  /** Nodes of the cluster as they were last named. */
  #nodes: readonly RedisAddress[] = []
  /** Each attempt asks another one first: one that is cut off from the others does not know it. */
  #attempts = 0

  /** @param key whose hash slot counts in a cluster; @param timeout ms */
  constructor(connection: RedisConnection, key: string, timeout: number) {
    this.#connection = connection
    this.#key = key
    this.#timeout = Math.min(timeout, ANSWER_WAIT)
  }

  /** What is looked for, in words. */
  get what(): string {
    const { host, port, sentinels, cluster } = this.#connection
    if (cluster.length > 0) return `the cluster of ${textOf(cluster[0] as RedisAddress)}`
    return sentinels.length > 0 ? 'the Sentinels’ master' : textOf({ host, port })
  }

  /** @throws Error that says why it was not found */
  async find(): Promise<RedisAddress> {
    const { sentinels, cluster, host, port } = this.#connection
    if (cluster.length > 0) return await this.#nodeOfSlot()
    return sentinels.length > 0 ? await this.#master() : { host, port }
  }

  /** The master as the first Sentinel that answers knows it. */
  async #master(): Promise<RedisAddress> {
    const { sentinels, master, sentinelPassword, tls } = this.#connection
    const login = { username: undefined, password: sentinelPassword, database: 0, tls }
    let why = ''
    for (const sentinel of sentinels) {
      try {
        const found = await this.#ask(login, sentinel, async (client) => {
          return await client.sendCommand<unknown>(['SENTINEL', 'get-master-addr-by-name', master])
        })
        if (Array.isArray(found)) return { host: String(found[0]), port: Number(found[1]) }
        why = `it knows no master named ${master}`
      } catch (error) {
        why = wordsOf(error)
      }
    }
    throw new Error(`no Sentinel named its master; of the last: ${why}`)
  }

  /** The master of the key's slot as the first node that answers knows it. */
  async #nodeOfSlot(): Promise<RedisAddress> {
    const candidates = unique([...this.#nodes, ...this.#connection.cluster])
    const first = this.#attempts++ % candidates.length
    let why = ''
    for (const node of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      try {
        const [slot, slots] = await this.#ask(this.#connection, node, async (client) => {
          const asked = client.sendCommand<number>(['CLUSTER', 'KEYSLOT', this.#key])
          return await Promise.all([asked, client.sendCommand<SlotsReply>(['CLUSTER', 'SLOTS'])])
        })
        const named = (reply: NodeReply): RedisAddress => addressOf(reply, node)
        this.#nodes = unique(slots.flatMap(([, , ...nodes]) => nodes.map(named))).slice(
          0,
          MAX_NODES,
        )
        const owner = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]
        if (owner) return named(owner)
        why = `${textOf(node)} knows no node that serves hash slot ${slot}`
      } catch (error) {
        why = `${textOf(node)}: ${wordsOf(error)}`
      }
    }
    throw new Error(`no node of the cluster said where its hash slot is; of the last: ${why}`)
  }

  async #ask<T>(
    login: Parameters<typeof dialer>[0],
    address: RedisAddress,
    question: (client: Client) => Promise<T>,
  ): Promise<T> {
    const dial = await dialer(login, address, this.#timeout)
    const client = dial()
    client.on('error', () => {})
    try {
      await within(this.#timeout, client.connect())
      return await within(this.#timeout, question(client))
    } finally {
      end(client)
    }
  }
}

/** A node that does not know its own host is where it was asked. */
function addressOf([host, port, , names = []]: NodeReply, asked: RedisAddress): RedisAddress {
  const known = host !== null && host !== '' && host !== '?'
  const ip = names[names.indexOf('ip') + 1]
  return { host: known ? host : names.includes('ip') && ip ? ip : asked.host, port }
}

function unique(addresses: readonly RedisAddress[]): RedisAddress[] {
  return [...new Map(addresses.map((address) => [textOf(address), address])).values()]
}

export function textOf({ host, port }: RedisAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
