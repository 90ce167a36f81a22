/** The keys that belong to no door, with their defaults and the reasons for them. */
import { type Static, Type } from 'typebox'
import { proxyProtocolKey, tlsKey } from './entrance.ts'
import { Bytes, Duration, LONGEST_TIMER, Peers } from './kinds.ts'
import { publishRate } from './publish-rate.ts'
import { redisMistakes } from './redis-mistakes.ts'
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
      description:
        'The largest request head: request line and header fields together. Another value holds after ' +
        'the next start.',
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
    maxTurn: Duration({
      description:
        'How long messages are written in one go before pings, publishes and new connections have their ' +
        'turn; what is left of a message for very many is written right after.',
      default: '8ms',
      least: '1ms',
      most: '1s',
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
    drainTimeout: Duration({
      description:
        'How long a server that is told to stop lets its clients go: what was asked is answered, and ' +
        'subscribers are sent elsewhere, spread over at most half of it; 0 = all are closed at once.',
      default: '8s',
      most: '10m',
    }),
    maxConnections: Type.Integer({
      description:
        'Connections in all, over all ports. Below the 20,000 open files that many systems allow a ' +
        'process. Those of the management port count too, but have room of their own.',
      default: 18_000,
      minimum: 1,
    }),
    maxConnectionsPerAddress: Type.Integer({
      description:
        'Connections from one address (of IPv6: one /64 network), over all ports; 0 = no bound. ' +
        'Trusted peers and trusted proxies have none.',
      default: 2000,
      minimum: 0,
    }),
    maxTotalUnsentBytes: Bytes({
      description:
        'Unsent bytes of all connections together; what many are to get counts for each. Above it, ' +
        'those are closed that leave the most unread. Looked at about once a second.',
      default: '2GiB',
      least: 1,
    }),
    handshakeTimeout: Duration({
      description:
        'How long a new connection may take for TLS and the header of a proxy, and then again for the ' +
        'first that it has to say: a request, or a command. Trusted peers of the redis door may be ' +
        'silent; on the fanout door everybody may.',
      default: '15s',
      least: '1ms',
      ...timer,
    }),
    maxSubscriptions: Type.Integer({
      description: 'Channels that one connection may follow at once.',
      default: 1000,
      minimum: 1,
    }),
    publishRate,
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

/** Options of `store.type: file`: those of memory, with more room, and how it is kept on disk. */
export const fileStoreOptions = {
  path: Type.String({
    description:
      'The folder of the log, made if it is not there. One server at a time has it open.',
    default: 'fanfare-data',
    minLength: 1,
    examples: ['/var/lib/fanfare'],
  }),
  durability: Type.Union([Type.Literal('always'), Type.Literal('interval'), Type.Literal('os')], {
    description:
      'When a publish is acknowledged: once the disk has it (always), or once the operating system ' +
      'has it, which gives it to the disk every `sync_interval` (interval) or when it likes (os). ' +
      'A killed server loses nothing with any of them; a machine without power loses what the disk has not.',
    default: 'interval',
  }),
  sync_interval: Duration({
    description: 'With `durability: interval`, how often what is written is made safe.',
    default: '100ms',
    least: '1ms',
    ...timer,
  }),
  segment_bytes: Bytes({
    description: 'The size of one file of the log. Old messages are deleted by whole files.',
    default: '64MiB',
    least: '64KiB',
    most: '512MiB',
  }),
  cache_bytes: Bytes({
    description: 'Memory for the newest messages: whoever is nearly up to date needs no disk.',
    default: '32MiB',
  }),
  max_waiting_bytes: Bytes({
    description: 'Bytes that may wait for a slow disk; beyond that, publishing fails.',
    default: '64MiB',
    least: 1,
    most: '512MiB',
  }),
  min_messages: memoryStoreOptions.min_messages,
  max_messages: { ...memoryStoreOptions.max_messages, default: 1_000_000 },
  message_timeout: memoryStoreOptions.message_timeout,
  max_channel_bytes: { ...memoryStoreOptions.max_channel_bytes, default: '1GiB' },
  max_total_messages: {
    ...memoryStoreOptions.max_total_messages,
    description:
      'How many messages the store keeps at most, over all channels; each takes some 30 bytes of memory.',
    default: 5_000_000,
  },
  max_bytes: {
    ...memoryStoreOptions.max_bytes,
    description:
      'How many bytes of messages the store keeps at most, over all channels; its files are at most two segments larger.',
    default: '4GiB',
  },
  max_channels: memoryStoreOptions.max_channels,
}

/** Options of `store.type: redis`: hbpush's, how else a Redis is reached, and those of memory. */
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
    examples: ['push:'],
  }),
  url: Type.Optional(
    Type.String({
      description:
        'Where Redis is, as one text: takes the place of host, port, database, user, password and TLS.',
      pattern: '^rediss?://',
      writeOnly: true,
      examples: ['rediss://user:password@redis.example:6380/0'],
    }),
  ),
  username: Type.Optional(
    Type.String({ description: 'The user to log in as.', minLength: 1, examples: ['fanfare'] }),
  ),
  password: Type.Optional(
    Type.String({
      description: 'The password to log in with.',
      writeOnly: true,
      examples: ['a long secret'],
    }),
  ),
  tls: Type.Union(
    [
      Type.Boolean(),
      Type.Object(
        {
          ca: Type.Optional(
            Type.String({
              description:
                'File (PEM) of the authorities that may have signed the certificate of Redis, in ' +
                'place of those that Node.js knows.',
              minLength: 1,
              examples: ['/etc/fanfare/redis-ca.pem'],
            }),
          ),
          cert: Type.Optional(
            Type.String({
              description: 'File (PEM) of the certificate to show, where Redis asks for one.',
              minLength: 1,
              examples: ['/etc/fanfare/redis-cert.pem'],
            }),
          ),
          key: Type.Optional(
            Type.String({
              description: 'File (PEM) of the key of `cert`.',
              minLength: 1,
              examples: ['/etc/fanfare/redis-key.pem'],
            }),
          ),
          servername: Type.Optional(
            Type.String({
              description: 'The name in the certificate of Redis, where that is not the host.',
              minLength: 1,
              examples: ['redis.example'],
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ],
    {
      description:
        'Whether to speak TLS, and with which files. It holds for Sentinels and all nodes of a ' +
        'cluster, too.',
      default: false,
      examples: [{ ca: '/etc/fanfare/redis-ca.pem', servername: 'redis.example' }],
    },
  ),
  sentinels: Type.Array(Type.String({ pattern: '^.+:\\d{1,5}$' }), {
    description:
      'Sentinels to ask where the master is, in place of host and port, each as `host:port`; the first that answers is believed.',
    default: [],
    examples: [['sentinel1:26379', 'sentinel2:26379']],
  }),
  master: Type.String({
    description: 'The name under which the Sentinels know the master.',
    default: 'mymaster',
    minLength: 1,
  }),
  sentinel_password: Type.Optional(
    Type.String({
      description: 'The password to log in to the Sentinels with.',
      writeOnly: true,
      examples: ['another long secret'],
    }),
  ),
  cluster: Type.Array(Type.String({ pattern: '^.+:\\d{1,5}$' }), {
    description:
      'Nodes of a Redis Cluster to ask where the others are, in place of host and port, each as `host:port`.',
    default: [],
    examples: [['redis1:6379', 'redis2:6379', 'redis3:6379']],
  }),
  partitions: Type.Integer({
    description:
      'In how many parts a Redis Cluster keeps the store. Channels of the same first level lie in one. ' +
      'Once there is something in it, the number stays.',
    default: 16,
    minimum: 1,
    maximum: 1024,
  }),
  timeout: Duration({
    description:
      'How long Redis may leave a question unanswered before its connection counts as lost.',
    default: '5s',
    least: '10ms',
    ...timer,
  }),
  publish_wait: Duration({
    description: 'How long a publish waits for a Redis that is away; 0 = it fails at once.',
    default: 0,
    ...timer,
  }),
  max_waiting_bytes: Bytes({
    description: 'Bytes of messages that may wait for Redis; beyond that, publishing fails.',
    default: '64MiB',
    least: 1,
  }),
  ...memoryStoreOptions,
}

/** @internal Memory and Redis resolve to these; the type of a store is added to each. */
export type MemoryOptions = {
  [K in keyof typeof memoryStoreOptions]: Static<(typeof memoryStoreOptions)[K]>
}
export type FileStoreOptions = {
  [K in keyof typeof fileStoreOptions]: Static<(typeof fileStoreOptions)[K]>
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
      examples: [['10.0.0.5', '10.1.0.0/16']],
    }),
    proxyProtocol: proxyProtocolKey,
    tls: tlsKey,
    limits: limitsSchema,
  },
  storeTypes: { memory: memoryStoreOptions, file: fileStoreOptions, redis: redisStoreOptions },
  mistakes: redisMistakes,
}
