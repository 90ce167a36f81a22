/** The keys that belong to no door, with their defaults and the reasons for them. */
import { type Static, Type } from 'typebox'
import { Bytes, Duration, LONGEST_TIMER, Peers } from './kinds.ts'
import type { ConfigFragment } from './schema.ts'

const timer = { most: LONGEST_TIMER }

/** Bounds that keep one client from harming the others. Durations resolve to ms, sizes to bytes. */
export const limitsSchema = Type.Object(
  {
    maxBodyBytes: Bytes({
      description: 'The largest message that may be published.',
      default: '8MiB',
      least: 1,
    }),
    maxHeaderBytes: Bytes({
      description: 'The largest request head: request line and header fields together.',
      default: '16KiB',
      least: '1KiB',
    }),
    headersTimeout: Duration({
      description: 'How long a client may take to send a request head.',
      default: '10s',
      least: '1ms',
      ...timer,
    }),
    requestTimeout: Duration({
      description: 'How long a client may take to send a whole request, its body included.',
      default: '60s',
      least: '1ms',
      ...timer,
    }),
    keepAliveTimeout: Duration({
      description:
        'How long a connection between two requests is kept open; 0 = until the client closes it. ' +
        'Longer than the 60 s of most proxies, so that the proxy closes first.',
      default: '75s',
      ...timer,
    }),
    maxUnsentBytes: Bytes({
      description:
        'Unsent bytes of one connection above which it goes behind: it is then fed from the log as ' +
        'fast as it reads, and costs no more memory.',
      default: '1MiB',
      least: 1,
    }),
    catchUpBytes: Bytes({
      description: 'How much history one connection is given at a time while it catches up.',
      default: '64KiB',
      least: 1,
    }),
    maxBatchBytes: Bytes({
      description: 'The largest batch of messages that is encoded and written as one.',
      default: '1MiB',
      least: 1,
    }),
    idleTimeout: Duration({
      description:
        'A connection whose socket moves no byte for that long while data is unsent is closed; 0 = never.',
      default: '60s',
      ...timer,
    }),
    heartbeat: Duration({
      description:
        'How often a waiting stream is sent a sign of life, which keeps proxies from closing it; 0 = never. ' +
        'Connections are also looked at this often for whether they have gone idle.',
      default: '15s',
      most: '5m',
    }),
    maxConnections: Type.Integer({
      description:
        'Connections in all. Below the 20,000 open files that many systems allow a process.',
      default: 18_000,
      minimum: 1,
    }),
    maxSubscriptions: Type.Integer({
      description: 'Channels that one connection may follow at once.',
      default: 1000,
      minimum: 1,
    }),
    idempotencyWindow: Duration({
      description: 'How long a repeated publish is recognised by its key; 0 = not at all.',
      default: '24h',
      ...timer,
    }),
    idempotencyKeys: Type.Integer({
      description: 'How many such keys are remembered at most; 0 = none.',
      default: 100_000,
      minimum: 0,
    }),
  },
  {
    description: 'Bounds that keep one client from harming the others.',
    additionalProperties: false,
  },
)

/** Options of `store.type: memory`. */
export const memoryStoreOptions = {
  min_messages: Type.Integer({
    description: 'How many messages a channel keeps although they are older than message_timeout.',
    default: 0,
    minimum: 0,
  }),
  max_messages: Type.Integer({
    description: 'How many messages a channel keeps at most; 0 = no bound for each channel.',
    default: 100_000,
    minimum: 0,
  }),
  message_timeout: Duration({
    description: 'How long a message is kept (a number counts seconds); 0 = for ever.',
    default: 172_800,
    examples: [3600, '15m', '48h', '7d'],
  }),
  max_channel_bytes: Bytes({
    description: 'How many bytes of messages a channel keeps at most; k is 1024.',
    default: '64MiB',
    least: 1,
    examples: ['64MiB', '1GiB'],
  }),
  max_total_messages: Type.Integer({
    description: 'How many messages the store keeps at most, over all channels.',
    default: 1_000_000,
    minimum: 1,
  }),
  max_bytes: Bytes({
    description:
      'How many bytes of messages the store keeps at most, over all channels; k is 1024.',
    default: '256MiB',
    least: 1,
  }),
  max_channels: Type.Integer({
    description: 'How many channels are known at most; the longest unused is forgotten.',
    default: 100_000,
    minimum: 1,
  }),
}

/** Options of `store.type: redis`, as hbpush has them. */
export const redisStoreOptions = {
  host: Type.String({
    description: 'Name or address of the Redis server.',
    default: 'localhost',
    minLength: 1,
  }),
  port: Type.Integer({
    description: 'Port of the Redis server.',
    default: 6379,
    minimum: 1,
    maximum: 65_535,
  }),
  database: Type.Integer({ description: 'Number of the database.', default: 0, minimum: 0 }),
  key_prefix: Type.String({
    description: 'Text in front of every key, which keeps apart what shares one Redis.',
    default: '',
  }),
}

/** @internal Memory and Redis resolve to these; the type of a store is added to each. */
export type MemoryOptions = {
  [K in keyof typeof memoryStoreOptions]: Static<(typeof memoryStoreOptions)[K]>
}
export type RedisOptions = {
  [K in keyof typeof redisStoreOptions]: Static<(typeof redisStoreOptions)[K]>
}
export type Limits = Static<typeof limitsSchema>

export const core: ConfigFragment = {
  keys: {
    address: Type.String({
      description:
        "The address to listen on; '' = all interfaces, as in hbpush. The default lets only this " +
        'machine in.',
      default: '127.0.0.1',
      examples: ['127.0.0.1', '0.0.0.0', '::'],
    }),
    port: Type.Integer({
      description: 'The port to listen on; 0 = any free one.',
      default: 8080,
      minimum: 0,
      maximum: 65_535,
    }),
    trustedPeers: Peers({
      description:
        'Who may publish: addresses, blocks (10.0.0.0/8) and wildcards (192.168.0.*), as a list or ' +
        'as one text with spaces.',
      default: ['127.0.0.1', '::1'],
    }),
    trustedProxies: Peers({
      description:
        'Proxies whose forwarding headers are believed. A request with such headers from anybody ' +
        'else is never trusted.',
      default: [],
    }),
    limits: limitsSchema,
  },
  storeTypes: { memory: memoryStoreOptions, redis: redisStoreOptions },
}
