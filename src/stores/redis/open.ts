import type { Limits, RedisStoreConfig } from '../../config/types.ts'
import type { Clock } from '../../model/clock.ts'
import { keptBy } from '../limits.ts'
import { type RedisAddress, REDIS_DEFAULTS } from './options.ts'
import { RedisStore } from './redis-store.ts'

/**
 * Opens a Redis store as the configuration describes it. It connects in the background: a server starts
 * whether its Redis is there or not.
 */
export function openRedisStore(
  config: RedisStoreConfig,
  limits: Limits,
  clock: Clock,
  report: (text: string) => void,
): RedisStore {
  return new RedisStore(
    {
      connection: {
        host: config.host,
        port: config.port,
        database: config.database,
        url: config.url,
        username: config.username,
        password: config.password,
        tls: config.tls,
        sentinels: config.sentinels.map(addressOf),
        master: config.master,
        sentinelPassword: config.sentinel_password,
      },
      keyPrefix: config.key_prefix,
      timeout: config.timeout,
      publishWait: config.publish_wait,
      maxWaitingBytes: config.max_waiting_bytes,
      limits: keptBy(config, limits),
      maxSkew: REDIS_DEFAULTS.maxSkew,
      report,
    },
    clock,
  )
}

/** `host:port`; an IPv6 address may stand in brackets. */
function addressOf(text: string): RedisAddress {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(text.slice(colon + 1)) }
}
