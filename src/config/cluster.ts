/** The keys of a node that is one of several: its name, what it carries, and the Redis that all share. */
import { hostname } from 'node:os'
import { type Static, Type } from 'typebox'
import { redisStoreOptions } from './core.ts'
import { Door, Duration } from './kinds.ts'
import { reachMistakes } from './redis-mistakes.ts'
import type { ConfigFragment, Mistake } from './schema.ts'
import { doorOf, type RedisStoreConfig, type ResolvedConfig } from './types.ts'

/** What of a Redis store says how its messages are kept, and not how Redis is reached. */
const {
  key_prefix: _prefix,
  partitions: _partitions,
  publish_wait: _wait,
  max_waiting_bytes: _waiting,
  min_messages: _min,
  max_messages: _max,
  message_timeout: _timeout,
  max_channel_bytes: _channelBytes,
  max_total_messages: _total,
  max_bytes: _bytes,
  max_channels: _channels,
  ...connectionOptions
} = redisStoreOptions

const NODE_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'

function rolesList(roles: readonly string[], description: string, examples: string[][]) {
  const role = Type.Unsafe<string>(Type.Union(roles.map((name) => Type.Literal(name))))
  return Type.Array(role, { description, examples })
}

/** @param roles names of all doors and services */
function clusterSchema(roles: readonly string[]) {
  return Door(
    {
      redis: Type.Optional(
        Type.Union(
          [
            Type.String({ pattern: '^rediss?://' }),
            Type.Object(connectionOptions, { additionalProperties: false }),
          ],
          {
            description:
              'The Redis that all nodes share: its URL, or the options of a Redis store that say how ' +
              'it is reached. That of the store `default` unless given.',
            examples: ['redis://redis.example:6379', { sentinels: ['sentinel1:26379'] }],
          },
        ),
      ),
      key_prefix: Type.Optional(
        Type.String({
          description:
            'Text in front of every key, which keeps clusters on one Redis apart. That of the store ' +
            '`default` unless given.',
          examples: ['push:'],
        }),
      ),
      node: Type.Optional(
        Type.String({
          description:
            'The name of this node, unlike any other’s. That of the machine unless given.',
          pattern: NODE_PATTERN,
          examples: ['a', 'push-1'],
        }),
      ),
      url: Type.Optional(
        Type.String({
          description:
            'Where clients reach the main port of this node. Made from the address that it listens ' +
            'on unless given.',
          pattern: '^https?://[^/?#]+$',
          examples: ['https://push-1.example'],
        }),
      ),
      management_host: Type.Optional(
        Type.String({
          description:
            'The name under which others reach the management port of this node: with TLS, one of its ' +
            'certificate. The address that it listens on unless given.',
          pattern: '^[A-Za-z0-9.:-]{1,253}$',
          examples: ['push-1.internal.example'],
        }),
      ),
      roles: Type.Optional(
        rolesList(
          roles,
          'What this node carries, by the names of doors and services. Everything unless given.',
          [
            ['websocket', 'events'],
            ['management', 'user', 'channel'],
          ],
        ),
      ),
      spare_for: {
        ...rolesList(
          roles,
          'What this node does not carry, but takes over from a node that is gone.',
          [['redis', 'management']],
        ),
        default: [],
      },
      heartbeat: Duration({
        description: 'How often this node tells that it is there, and hears how the others are.',
        default: '1s',
        least: '50ms',
        most: '1m',
      }),
      lease: Duration({
        description:
          'After how long without a heartbeat a node counts as gone, and what it held is taken over.',
        default: '3s',
        least: '150ms',
        most: '10m',
      }),
    },
    {
      description:
        'Makes this node one of several, which share through Redis what they know. See docs/cluster.md.',
      default: false,
    },
  )
}

type ClusterKey = Exclude<Static<ReturnType<typeof clusterSchema>>, false>

const workersKey = Type.Integer({
  description:
    'How many processes serve the same ports. More than one need Redis stores, through which they ' +
    'share everything. See docs/cluster.md.',
  default: 1,
  minimum: 1,
  maximum: 64,
})

/** How this node takes part in its cluster; times in ms. */
export interface ClusterSettings {
  readonly node: string
  readonly redis: ClusterRedisConfig
  readonly keyPrefix: string
  readonly url: string | undefined
  /** Of the management port, for those who are told to ask this node. */
  readonly managementHost: string | undefined
  /** Undefined: everything. */
  readonly roles: readonly string[] | undefined
  readonly spareFor: readonly string[]
  readonly heartbeat: number
  readonly lease: number
}

export type ClusterRedisConfig = Pick<RedisStoreConfig, keyof typeof connectionOptions>

/** Where the cluster keeps nothing but its own, a lease is only of use when several beats fit in. */
const BEATS_IN_A_LEASE = 2

/** @param roles names of all doors and services */
export function clusterConfig(roles: readonly string[]): ConfigFragment {
  return {
    keys: { cluster: clusterSchema(roles), workers: workersKey },
    mistakes: (config) => [...ownMistakes(config), ...storeMistakes(config)],
  }
}

/** How many processes serve the ports. */
export function workersOf(config: ResolvedConfig): number {
  return doorOf(config, 'workers', workersKey)
}

/**
 * @param config checked
 * @returns undefined for a node that stands alone
 */
export function clusterOf(config: ResolvedConfig): ClusterSettings | undefined {
  const key = keyOf(config)
  if (!key) return undefined
  const shared = config.stores['default']
  const store = shared?.type === 'redis' ? shared : undefined
  const redis = redisOf(key, store)
  if (!redis) return undefined
  return {
    node: key.node ?? nameOfMachine(),
    redis,
    keyPrefix: key.key_prefix ?? store?.key_prefix ?? '',
    url: key.url,
    managementHost: key.management_host,
    roles: key.roles,
    spareFor: key.spare_for,
    heartbeat: key.heartbeat,
    lease: key.lease,
  }
}

/** Several processes on one machine are nodes like any others. */
const OF_WORKERS: ClusterKey = { spare_for: [], heartbeat: 1_000, lease: 3_000 }

function keyOf(config: ResolvedConfig): ClusterKey | undefined {
  const key = config.doors['cluster'] as ClusterKey | false
  if (key) return key
  return workersOf(config) > 1 ? OF_WORKERS : undefined
}

function redisOf(
  { redis }: ClusterKey,
  store: RedisStoreConfig | undefined,
): ClusterRedisConfig | undefined {
  if (typeof redis === 'string') return { ...DEFAULT_CONNECTION, url: redis }
  // What may be left out is typed as if it were there, as in a store's options.
  return (redis as ClusterRedisConfig | undefined) ?? store
}

/** What fills in beside a URL. */
const DEFAULT_CONNECTION = Object.fromEntries(
  Object.entries(connectionOptions).flatMap(([name, shape]) => {
    const { default: fallback } = shape as { default?: unknown }
    return fallback === undefined ? [] : [[name, name === 'timeout' ? 5_000 : fallback]]
  }),
) as unknown as ClusterRedisConfig

function nameOfMachine(): string {
  return hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 64)
}

function ownMistakes(config: ResolvedConfig): Mistake[] {
  const key = keyOf(config)
  if (!key) return []
  const found: Mistake[] = []
  const reach = redisOf(key, undefined)
  for (const message of reach ? reachMistakes(reach) : []) {
    found.push({ key: 'cluster', path: 'cluster.redis', message })
  }
  if (key.lease < BEATS_IN_A_LEASE * key.heartbeat) {
    found.push({
      key: 'cluster',
      path: 'cluster.lease',
      message: `expected at least twice \`cluster.heartbeat\` (${key.heartbeat} ms), found ${key.lease} ms: one late heartbeat must not end a lease`,
    })
  }
  for (const role of key.spare_for.filter((one) => !key.roles || key.roles.includes(one))) {
    const detail = key.roles
      ? 'is one of `cluster.roles`'
      : 'is carried anyway: give `cluster.roles`'
    found.push({
      key: 'cluster',
      path: 'cluster.spare_for',
      message: `\`${role}\` ${detail}; a spare carries something only when another node is gone`,
    })
  }
  return found
}

/** What several nodes share has to be where all of them see it. */
function storeMistakes(config: ResolvedConfig): Mistake[] {
  const workers = workersOf(config)
  const cluster = config.doors['cluster'] !== false
  if (!cluster && workers <= 1) return []
  const key = workers > 1 ? 'workers' : 'cluster'
  const { store: ofUsers } = config.doors['users'] as { store?: string }
  // Other stores may be meant for one machine alone; processes behind one port cannot tell theirs apart.
  const shared = workers > 1 ? Object.keys(config.stores) : ['default', ofUsers ?? 'default']
  return [...new Set(shared)].flatMap((name) => {
    const type = config.stores[name]?.type
    if (type === undefined || type === 'redis') return []
    const where = type === 'memory' ? 'in the memory of one process' : 'in a folder of one process'
    const who = workers > 1 ? `${workers} workers` : 'the nodes of a cluster'
    return [
      {
        key,
        path: key,
        message: `the store \`${name}\` is kept ${where}, and ${who} could not share it: give it \`type: redis\`, or remove \`${key}\``,
      },
    ]
  })
}
