import { MEMORY_DEFAULTS, type MemoryLimits } from '../memory.ts'
/** How a Redis server is reached. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
}

export interface RedisConnection extends RedisAddress {
  /** `redis://…` or `rediss://…`: takes the place of host, port, user, password, database and TLS. */
  readonly url?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database: number
  readonly tls: boolean
  /** Where Sentinels are asked for the master named `master`, in place of host and port. */
  readonly sentinels: readonly RedisAddress[]
  readonly master: string
  readonly sentinelPassword?: string | undefined
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
  readonly report: (text: string) => void
}

export const REDIS_DEFAULTS: Omit<RedisOptions, 'report'> = {
  connection: {
    host: 'localhost',
    port: 6379,
    database: 0,
    tls: false,
    sentinels: [],
    master: 'mymaster',
  },
  keyPrefix: '',
  timeout: 5_000,
  publishWait: 0,
  maxWaitingBytes: 64 * 2 ** 20,
  limits: MEMORY_DEFAULTS,
  maxSkew: 60_000,
}
