import type { Report } from '../../model/events.ts'
import { accessSync, constants } from 'node:fs'
import type { Limits, RedisStoreConfig } from '../../config/types.ts'
import type { Clock } from '../../model/clock.ts'
import { keptBy } from '../limits.ts'
import type { MemoryLimits } from '../memory.ts'
import { wordsOf } from './client.ts'
import { Agreement, type RedisAddress, type RedisConnection, REDIS_DEFAULTS } from './options.ts'
import { RedisStore } from './redis-store.ts'

/** What of the configuration says how a Redis is reached. */
export type RedisReach = Pick<
  RedisStoreConfig,
  | 'host'
  | 'port'
  | 'database'
  | 'url'
  | 'username'
  | 'password'
  | 'tls'
  | 'sentinels'
  | 'master'
  | 'sentinel_password'
  | 'cluster'
>

/**
 * Opens a Redis store as the configuration describes it: one store for each of its partitions, in order; a
 * single one unless it is on a Redis Cluster. Each connects in the background: a server starts whether its
 * Redis is there or not.
 * @throws Error when a file of TLS cannot be read
 */
export function openRedisPartitions(
  config: RedisStoreConfig,
  limits: Limits,
  clock: Clock,
  report: Report,
): readonly RedisStore[] {
  const connection = connectionOf(config)
  const count = config.cluster.length > 0 ? config.partitions : 1
  const agreement = new Agreement()
  const shared = {
    connection,
    keyPrefix: config.key_prefix,
    timeout: config.timeout,
    publishWait: config.publish_wait,
    maxWaitingBytes: config.max_waiting_bytes,
    waiting: { bytes: 0 },
    limits: shareOf(keptBy(config, limits), count),
    maxSkew: REDIS_DEFAULTS.maxSkew,
    report: count === 1 ? report : onceAMoment(report),
  }
  return Array.from(
    { length: count },
    (_, index) => new RedisStore({ ...shared, partition: { index, count, agreement } }, clock),
  )
}

/**
 * How a Redis is reached, as the configuration says it.
 * @throws Error when a file of TLS cannot be read
 */
export function connectionOf(config: RedisReach): RedisConnection {
  const { tls } = config
  if (typeof tls === 'object') for (const name of TLS_FILES) readable(name, tls[name])
  return {
    host: config.host,
    port: config.port,
    database: config.database,
    username: config.username,
    password: config.password,
    tls,
    sentinels: config.sentinels.map(addressOf),
    master: config.master,
    sentinelPassword: config.sentinel_password,
    cluster: config.cluster.map(addressOf),
    ...(config.url === undefined ? {} : partsOf(config.url, tls)),
  }
}

const TLS_FILES = ['ca', 'cert', 'key'] as const

/** They are read again for each connection; that one is not there is known at once. */
function readable(name: string, path: string | undefined): void {
  if (path === undefined) return
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw new Error(`the file of tls.${name} cannot be read: ${wordsOf(error)}`, { cause: error })
  }
}

/** What a URL says goes before the keys of the same meaning; what it leaves out is the default. */
function partsOf(text: string, tls: RedisConnection['tls']): Partial<RedisConnection> {
  const url = new URL(text)
  const secure = url.protocol === 'rediss:'
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? REDIS_DEFAULTS.connection.port : Number(url.port),
    database: Number(url.pathname.slice(1)),
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    tls: secure && typeof tls === 'object' ? tls : secure,
  }
}

/** `host:port`; an IPv6 address may stand in brackets. */
function addressOf(text: string): RedisAddress {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(text.slice(colon + 1)) }
}

/** The bounds over all channels, in equal parts. */
function shareOf(kept: MemoryLimits, partitions: number): MemoryLimits {
  const part = (bound: number): number => Math.ceil(bound / partitions)
  return {
    ...kept,
    maxTotalMessages: part(kept.maxTotalMessages),
    maxBytes: part(kept.maxBytes),
    maxChannels: part(kept.maxChannels),
    maxKeys: part(kept.maxKeys),
  }
}

/** ms within which the same words of several partitions are one. */
const MOMENT = 2_000
/** Texts that are remembered for that. */
const MAX_TEXTS = 100

/** Partitions share nodes: what happens to one happens to several at once. */
function onceAMoment(report: Report): Report {
  const told = new Map<string, number>()
  return (text, event) => {
    const now = performance.now()
    const last = told.get(text)
    if (last !== undefined && now - last < MOMENT) return
    // What comes and goes is told each time.
    for (const other of told.keys()) if (isGood(other) !== isGood(text)) told.delete(other)
    if (told.size >= MAX_TEXTS) told.clear()
    told.set(text, now)
    report(text, event)
  }
}

function isGood(text: string): boolean {
  return text.endsWith('is available.')
}
