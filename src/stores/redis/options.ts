import type { Report } from '../../model/events.ts'
import { MEMORY_DEFAULTS, type MemoryLimits } from '../memory.ts'

/** Where a Redis server listens. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
}

/** Files in PEM form, read before each connection so that renewed ones are taken; and whose certificate it is to be. */
export interface RedisTls {
  /** Who may have signed the server's certificate, in place of those that Node.js knows. */
  readonly ca?: string | undefined
  /** What we show, if the server asks for a certificate, and its key. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The name in the server's certificate, where that is not the host. */
  readonly servername?: string | undefined
}

/** How a Redis is reached. */
export interface RedisConnection extends RedisAddress {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database: number
  readonly tls: boolean | RedisTls
  /** Where Sentinels are asked for the master named `master`, in place of host and port. */
  readonly sentinels: readonly RedisAddress[]
  readonly master: string
  readonly sentinelPassword?: string | undefined
  /** Nodes of a Redis Cluster that are asked for all others, in place of host and port. */
  readonly cluster: readonly RedisAddress[]
}

/** Which part of a store is this one, of how many. */
export interface RedisPartition {
  readonly index: number
  readonly count: number
  /** Settled by partition 0 once Redis has said how many there are; for the others to wait for. */
  readonly agreement: Agreement
}

export interface RedisOptions {
  readonly connection: RedisConnection
  /** Text in front of every key. */
  readonly keyPrefix: string
  /** ms that Redis may leave a command unanswered before the connection counts as lost. */
  readonly timeout: number
  /** ms that a publish waits for a Redis that is away before it fails; 0 = fails at once. */
  readonly publishWait: number
  /** Bytes of messages that may wait for Redis, those on their way included. */
  readonly maxWaitingBytes: number
  readonly limits: MemoryLimits
  /**
   * ms that a node's clock may be ahead of Redis's. Undefined: Redis's clock counts for nothing, which
   * tests need that set the clock.
   */
  readonly maxSkew: number | undefined
  /** Hears of lost and restored connections. */
  readonly report: Report
  readonly partition: RedisPartition
  /** What waits for Redis in all partitions of a store together. */
  readonly waiting: { bytes: number }
}

/** Whether Redis holds as many partitions as configured. */
export class Agreement {
  #settle: () => void = () => {}
  /** Resolves once it is known whether. */
  readonly known: Promise<void> = new Promise((resolve) => (this.#settle = resolve))
  #mistake: string | undefined

  /** @param held partitions that Redis holds @throws Error when that is another number */
  compare(held: number, configured: number): void {
    this.#mistake =
      held === configured
        ? undefined
        : `it holds a store of ${held} partition${held === 1 ? '' : 's'}, and the configuration says ${configured}; ` +
          'the number of a store never changes'
    this.#settle()
    this.check()
  }

  /** @throws Error when partition 0 holds another number */
  check(): void {
    if (this.#mistake !== undefined) throw new Error(this.#mistake)
  }
}

export const REDIS_DEFAULTS: Omit<RedisOptions, 'report' | 'partition' | 'waiting'> = {
  connection: {
    host: 'localhost',
    port: 6379,
    database: 0,
    tls: false,
    sentinels: [],
    master: 'mymaster',
    cluster: [],
  },
  keyPrefix: '',
  timeout: 5_000,
  publishWait: 0,
  maxWaitingBytes: 64 * 2 ** 20,
  limits: MEMORY_DEFAULTS,
  maxSkew: 60_000,
}
