import { describe, expect, it } from 'vitest'
import type { Applied } from '../../src/services/control.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { DOORS, everyDoor, feed, portOf, redis, sse, tellAll, webSocket } from './live-clients.ts'
import { freePort, post, reload, temporaryFolder } from './reload-support.ts'

interface Case {
  readonly what: string
  readonly before?: string
  readonly after: string
  readonly applied: Partial<Applied>
}

const OWN_DOORS = (options: Record<string, string>): string =>
  ['feed', 'redis', 'fanout', 'sparkleshare']
    .map((door) => {
      const more = [
        door === 'sparkleshare' ? 'zeromq: false' : '',
        options[door] ?? '',
        options[door]?.includes('port:') ? '' : 'port: 0',
      ]
      return `${door}: { ${more.filter(Boolean).join(', ')} }`
    })
    .join('\n')

const CASES: Case[] = [
  { what: 'nothing', after: '', applied: { changed: [], restarted: [], later: [] } },
  {
    what: 'limits',
    after:
      'limits: { maxBodyBytes: 1KiB, heartbeat: 1s, maxUnsentBytes: 2KiB, maxConnections: 50 }',
    applied: {
      changed: [
        'limits.maxBodyBytes',
        'limits.maxUnsentBytes',
        'limits.heartbeat',
        'limits.maxConnections',
      ],
      restarted: [],
    },
  },
  {
    what: 'who is trusted',
    after: 'trustedPeers: [127.0.0.1, 10.0.0.0/8]\ntrustedProxies: [10.0.0.1]',
    applied: { changed: ['trustedPeers', 'trustedProxies'] },
  },
  {
    what: 'locations',
    after: 'locations: [{ type: publisher, prefix: /publisher/ }]',
    applied: { changed: ['locations'], restarted: [] },
  },
  {
    what: 'what the store keeps',
    before: 'store: { type: memory }',
    after: 'store: { type: memory, max_messages: 3, message_timeout: 1h }',
    applied: {
      changed: ['store.default.max_messages', 'store.default.message_timeout'],
      restarted: [],
    },
  },
  {
    what: 'users, Socket.IO and webhooks',
    after:
      'users: { publish: [live], maxConnections: 5 }\n' +
      'socketio: { allow_origin: "https://a.example", recoveryTime: 1m, maxWaiting: 7 }\n' +
      'webhooks: { tolerance: 1m }',
    applied: { restarted: [] },
  },
  { what: 'a door that is new', after: 'management: { port: 0 }', applied: { restarted: [] } },
  {
    what: 'a store that is new',
    after: 'store: { default: { type: memory }, b: { type: memory } }',
    applied: { changed: ['store.b'] },
  },
]

describe('a new configuration', () => {
  it.each(CASES)('of $what closes nothing', async ({ before = '', after, applied }) => {
    const started = await startServer(`${DOORS}${before}`)
    const clients = await everyDoor(started)
    expect(await reload(started, `${DOORS}${after}`)).toMatchObject(applied)
    await tellAll(started, clients, 'after it')
  })

  it('of options of doors closes nothing, and begins none anew', async () => {
    const started = await startServer(DOORS)
    const clients = await everyDoor(started)
    const changed = OWN_DOORS({
      feed: 'stillalive: 1s',
      redis: 'password: secret',
      fanout: 'pace: 20ms',
      sparkleshare: 'pace: 20ms',
    })
    expect(await reload(started, changed)).toMatchObject({
      changed: ['feed.stillalive', 'redis.password', 'sparkleshare.pace', 'fanout.pace'],
      restarted: [],
    })
    await tellAll(started, clients, 'after it')
    await clients[3]?.hears('stillalive')
  })

  it('of ports begins doors anew, and lets go nobody', async () => {
    const started = await startServer(DOORS)
    const { server } = started
    const clients = await everyDoor(started)
    const former = ['feed', 'redis', 'fanout', 'sparkleshare'].map((door) => portOf(started, door))
    const ports = [await freePort(), await freePort(), await freePort(), await freePort()]
    const main = await freePort()
    const [feedPort, redisPort, fanoutPort, sparklesharePort] = ports
    const moved = OWN_DOORS({
      feed: `port: ${feedPort}`,
      redis: `port: ${redisPort}`,
      fanout: `port: ${fanoutPort}`,
      sparkleshare: `port: ${sparklesharePort}`,
    })
    const applied = await reload(started, `port: ${main}\n${moved}`)
    expect(new Set(applied.restarted)).toEqual(
      new Set(['port', 'feed', 'redis', 'sparkleshare', 'fanout']),
    )
    expect(applied.changed).toEqual([])
    expect(server.address.port).toBe(main)

    // The former connections are there, and so are new ones at the new ports.
    const others = await everyDoor({ ...started, port: main })
    await tellAll(started, [...clients, ...others], 'after it')
    for (const port of [...former, started.port]) {
      await expect(RawClient.connect(port), `${port} is given up`).rejects.toThrow('ECONNREFUSED')
    }
  })

  it('gives new connections of a changed door its new options at the same port', async () => {
    const started = await startServer(
      'redis: { port: 0 }\nstore: { default: { type: memory }, b: { type: memory } }',
    )
    const client = await redis(started)
    await client.hears('subscribe')
    const port = portOf(started, 'redis')
    const applied = await reload(
      started,
      'redis: { port: 0, store: b }\nstore: { default: { type: memory }, b: { type: memory } }',
    )
    expect(applied.restarted).toEqual(['redis'])
    expect(portOf(started, 'redis')).toBe(port)
    const other = await RawClient.connect(port)
    other.send('SUBSCRIBE live\r\n')
    await other.until(() => other.received.includes('subscribe'))
    await started.server.hub('b').publish({ channel: 'live' as never, body: Buffer.from('to b') })
    await other.until(() => other.received.includes('to b'))
    await started.server.hub().publish({ channel: 'live' as never, body: Buffer.from('to a') })
    await client.hears('to a')
    expect(client.times('to b')).toBe(0)
  })
})

const withKey = (key: string): string => `management: { port: 0, key: ${key} }`

const eventsAt = (prefix: string): string =>
  `locations: [{ type: publisher, prefix: /publisher/ }, { type: events, prefix: ${prefix} }]`

const firstOnly = (rest: string): string =>
  `locations: [{ type: publisher, prefix: /p/ }, { type: subscriber, prefix: /s/, concurrency: first }${rest}]`

const withStoreB = (b: string): string => `
store: { default: { type: memory }, b: ${b} }
locations:
  - { type: publisher, prefix: /b/, store: b }
  - { type: events, prefix: /events-b/, store: b }
  - { type: events, prefix: /events/ }
feed: { port: 0, store: b }
redis: { port: 0 }
`

const keeping = (most: number): string => `store: { type: memory, max_messages: ${most} }`

describe('holds for connections that are open', () => {
  it('the largest body', async () => {
    const started = await startServer(DOORS)
    const kept = await RawClient.connect(started.port)
    const publish = async (): Promise<number> => {
      kept.send(requestBytes('POST', '/publisher/live', {}, 'x'.repeat(2_000)))
      return (await kept.reply()).status
    }
    const socket = await webSocket(started)
    await socket.hears('101')
    expect(await publish()).toBe(201)
    await reload(started, `${DOORS}limits: { maxBodyBytes: 1KiB }`)
    expect(await publish()).toBe(413)
    // Masked with zeros: the text as it is.
    const text = Buffer.from(JSON.stringify({ publish: 'live', body: 'y'.repeat(2_000), ref: 1 }))
    const head = Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 0xff, 0, 0, 0, 0])
    socket.raw.send(Buffer.concat([head, text]))
    await socket.hears('too_large')
  })

  it('who may publish', async () => {
    const started = await startServer('')
    expect(await post(started.port, 'a')).toBe(202)
    const kept = await RawClient.connect(started.port)
    kept.send(requestBytes('POST', '/publisher/live', {}, 'b'))
    expect((await kept.reply()).status).toBe(202)
    await reload(started, 'trustedPeers: [10.0.0.1]')
    kept.send(requestBytes('POST', '/publisher/live', {}, 'c'))
    expect((await kept.reply()).status).toBe(403)
  })

  it('heartbeats, where there were none', async () => {
    const started = await startServer('limits: { heartbeat: 0 }')
    const stream = await sse(started)
    const socket = await webSocket(started)
    await until(() => started.server.hub().receivers('live' as never) === 2, 'both follow')
    await reload(started, 'limits: { heartbeat: 100ms }')
    await stream.hears('\n:\n')
    await socket.raw.until(() => socket.raw.received.includes(Buffer.from([0x89, 0x00])))
  })

  it('the key of the management port', async () => {
    const started = await startServer(withKey('first-key-of-the-port'))
    const kept = await RawClient.connect(portOf(started, 'management'))
    const call = async (key: string): Promise<number> => {
      kept.send(requestBytes('GET', '/user/listAll', { Authorization: `Bearer ${key}` }))
      return (await kept.reply()).status
    }
    expect(await call('first-key-of-the-port')).toBe(200)
    const applied = await reload(started, withKey('other-key-of-the-port'))
    expect(applied).toMatchObject({ changed: ['management.key'], restarted: [] })
    expect(await call('first-key-of-the-port')).toBe(401)
    expect(await call('other-key-of-the-port')).toBe(200)
  })
})

describe('locations', () => {
  it('that are new are served, those that are gone are not, and their streams go on', async () => {
    const started = await startServer(eventsAt('/old/'))
    const stream = await sse(started, '/old/live')
    await until(() => started.server.hub().receivers('live' as never) === 1, 'it follows')
    await reload(started, eventsAt('/new/'))
    expect((await request(started.port, 'GET', '/old/live')).status).toBe(404)
    const other = await sse(started, '/new/live')
    await until(() => started.server.hub().receivers('live' as never) === 2, 'it follows')
    await tellAll(started, [stream, other], 'on both')
  })

  it('that did not change know who waits', async () => {
    const started = await startServer(firstOnly(''))
    await started.server.hub().stat('live' as never, true)
    const waiting = await RawClient.connect(started.port)
    waiting.send(requestBytes('GET', '/s/live'))
    await until(() => started.server.hub().receivers('live' as never) === 1, 'it waits')
    await reload(started, firstOnly(', { type: events, prefix: /e/ }'))
    expect((await request(started.port, 'GET', '/s/live')).status).toBe(409)
  })
})

describe('stores', () => {
  it('that are replaced end their followers, and nobody else', async () => {
    const folder = temporaryFolder()
    const started = await startServer(withStoreB('{ type: memory }'))
    const [ofB, ofFeed] = [await sse(started, '/events-b/live'), await feed(started)]
    const [other, alsoOther] = [await sse(started), await redis(started)]
    const { server } = started
    await until(() => server.hub('b').receivers('live' as never) === 2, 'two follow b')
    await until(() => server.hub().receivers('live' as never) === 2, 'two follow the other')
    await server.hub('b').publish({ channel: 'live' as never, body: Buffer.from('of old') })

    const applied = await reload(started, withStoreB(`{ type: file, path: ${folder} }`))
    expect(applied.restarted).toEqual(['store.b', 'feed'])
    await until(() => ofB.ended && ofFeed.ended, 'the followers of b are let go')
    await tellAll(started, [other, alsoOther], 'still there')

    // Those that come back are told that something may be missing.
    const again = await RawClient.connect(started.port)
    again.send(
      requestBytes('GET', '/events-b/live', {
        Accept: 'text/event-stream',
        'Last-Event-ID': '1-0',
      }),
    )
    await again.until(() => again.received.includes('event: gap'))
    expect(await post(started.port, 'new', '/b/live')).toBe(201)
    await again.until(() => again.received.includes('data: new'))
  })

  it('keep less from now on', async () => {
    const started = await startServer(keeping(10))
    const { server, port } = started
    for (const body of 'abcde') await post(port, body)
    await reload(started, keeping(2))
    await post(port, 'f')
    expect(await server.hub().stat('live' as never)).toMatchObject({ messages: 2 })
  })

  it('keep idempotency keys for as long as it says now', async () => {
    const started = await startServer('')
    const publish = async (): Promise<string | undefined> => {
      const reply = await request(
        started.port,
        'POST',
        '/publisher/live',
        { 'Idempotency-Key': 'k' },
        'once',
      )
      return reply.headers['fanfare-duplicate']
    }
    await publish()
    expect(await publish()).toBe('true')
    await reload(started, 'limits: { idempotencyKeys: 0 }')
    await publish()
    expect(await publish()).toBeUndefined()
  })
})

it('what only a start can change is told, and holds until then', async () => {
  const started = await startServer('limits: { maxHeaderBytes: 16KiB }')
  const applied = await reload(started, 'limits: { maxHeaderBytes: 2KiB, maxBodyBytes: 1KiB }')
  expect(applied).toEqual({
    changed: ['limits.maxBodyBytes'],
    restarted: [],
    later: ['limits.maxHeaderBytes'],
  })
  expect(started.server.config.limits.maxHeaderBytes).toBe(16 * 2 ** 10)
  const again = await reload(started, 'limits: { maxHeaderBytes: 2KiB, maxBodyBytes: 1KiB }')
  expect(again.later).toEqual(['limits.maxHeaderBytes'])
})
