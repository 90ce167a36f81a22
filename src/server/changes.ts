import { isDeepStrictEqual } from 'node:util'
import type { Reload } from '../config/reference.ts'
import type { LocationConfig, StoreConfig } from '../config/types.ts'

type Values = Readonly<Record<string, unknown>>

/** Paths of the keys (`limits.heartbeat`) in which two values differ; lists count as one key. */
export function differences(before: unknown, after: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isMap(before) || !isMap(after)) return [path]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) =>
    differences(before[key], after[key], path === '' ? key : `${path}.${key}`),
  )
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether two locations are served alike, wherever they are written. */
export function isSameLocation(a: LocationConfig, b: LocationConfig): boolean {
  return isDeepStrictEqual({ ...a, source: undefined }, { ...b, source: undefined })
}

/** What of a store can change while it is open. */
const RETENTION = new Set([
  'min_messages',
  'max_messages',
  'message_timeout',
  'max_channel_bytes',
  'max_total_messages',
  'max_bytes',
  'max_channels',
])

/** What makes it another store, with other messages in it. */
const IDENTITY: Readonly<Record<StoreConfig['type'], readonly string[]>> = {
  memory: [],
  file: ['path'],
  redis: [
    'host',
    'port',
    'database',
    'key_prefix',
    'url',
    'username',
    'password',
    'tls',
    'sentinels',
    'master',
    'sentinel_password',
    'cluster',
    'partitions',
  ],
}

/** When another value of a store's option holds. */
export function storeKeyReload(type: string, key: string): Reload {
  if (RETENTION.has(key)) return 'at once'
  const identity = IDENTITY[type as StoreConfig['type']]
  return key === 'type' || identity.includes(key) ? 'begun anew' : 'next start'
}

export interface StoreChange {
  /** It is another store now. */
  readonly replaced: boolean
  /** Options that can change while it is open, and those that cannot. */
  readonly kept: readonly string[]
  readonly later: readonly string[]
}

export function storeChange(before: StoreConfig, after: StoreConfig): StoreChange {
  if (before.type !== after.type) return { replaced: true, kept: [], later: [] }
  const changed = Object.keys(after).filter(
    (key) => !isDeepStrictEqual((before as Values)[key], (after as Values)[key]),
  )
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key))
  const all = [...changed, ...gone]
  const identity = IDENTITY[after.type]
  return {
    replaced: all.some((key) => identity.includes(key)),
    kept: all.filter((key) => RETENTION.has(key)),
    later: all.filter((key) => !RETENTION.has(key) && !identity.includes(key)),
  }
}

/** A store's configuration with some options of another. */
export function withOptions<C extends StoreConfig>(
  config: C,
  from: StoreConfig,
  options: readonly string[],
): C {
  const taken = options.map((key) => [key, (from as Values)[key]])
  return { ...config, ...Object.fromEntries(taken) }
}
