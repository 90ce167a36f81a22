import type { Report } from '../model/events.ts'
import { createHash } from 'node:crypto'
import type { ClusterSettings } from '../config/cluster.ts'
import { FanfareError } from '../model/errors.ts'
import { Link, type Reply } from '../stores/redis/link.ts'
import type { LinkState } from '../stores/state.ts'
import { connectionOf } from '../stores/redis/open.ts'
import { clusterLua } from '../stores/redis/lua-common.ts'
import { isNoScript } from '../stores/redis/scripts.ts'
import { type ScriptName, SCRIPTS } from './lua.ts'

export interface RedisEvents {
  /** Redis can be asked again, or for the first time. */
  up(): void
  /** What some node said to all. */
  heard(words: string): void
  /** Hears of lost and restored connections. */
  report: Report
}

/** The connection of one life of a node to what the cluster keeps in Redis. */
export class ClusterRedis {
  readonly #link: Link
  readonly #base: string
  readonly #who: readonly [name: string, incarnation: string]
  readonly #scripts: Readonly<Record<string, { readonly text: string; readonly sha: string }>>

  constructor(settings: ClusterSettings, incarnation: string, events: RedisEvents) {
    const { node, redis, keyPrefix, lease } = settings
    this.#base = `${keyPrefix}{cluster}:`
    this.#who = [node, incarnation]
    const connection = connectionOf(redis)
    const sharded = connection.cluster.length > 0
    this.#scripts = Object.fromEntries(
      Object.entries(SCRIPTS).map(([name, body]) => {
        const text = clusterLua(sharded) + body
        return [name, { text, sha: createHash('sha1').update(text).digest('hex') }]
      }),
    )
    // A connection that says nothing for a whole lease is of no use any more.
    this.#link = new Link(connection, `${this.#base}a`, Math.min(redis.timeout, lease), {
      joined: async () => {},
      up: () => events.up(),
      lost: () => {},
      message: (payload) => events.heard(payload.toString()),
      report: (text) => events.report(`The cluster's ${text}`, 'cluster.redis'),
    })
  }

  get up(): boolean {
    return this.#link.up
  }

  get state(): LinkState {
    const { up, reconnects } = this.#link
    return { up, reconnects }
  }

  /** Resolves when the first attempt to connect has ended, well or not. */
  get started(): Promise<void> {
    return this.#link.started
  }

  unavailable(): FanfareError {
    return this.#link.unavailable()
  }

  /**
   * Runs a script as this node.
   * @throws FanfareError `store_unavailable`
   */
  async run(name: ScriptName, ...args: readonly string[]): Promise<Reply> {
    const { text, sha } = this.#scripts[name] as { text: string; sha: string }
    const rest = ['1', this.#base, ...this.#who, ...args]
    try {
      try {
        return await this.#link.ask(['EVALSHA', sha, ...rest])
      } catch (error) {
        if (!isNoScript(error)) throw error
        return await this.#link.ask(['EVAL', text, ...rest])
      }
    } catch (error) {
      if (error instanceof FanfareError) throw error
      const words = error instanceof Error ? error.message : String(error)
      throw new FanfareError('store_unavailable', `Redis refused: ${words}`)
    }
  }

  async close(): Promise<void> {
    await this.#link.close()
  }
}
