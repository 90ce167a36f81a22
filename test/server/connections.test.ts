import { describe, expect, it } from 'vitest'
import type { FanfareServer } from '../../src/server/server.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import { startServer, testConfig } from '../support/server.ts'
import { until } from '../support/wait.ts'

const DOORS =
  'redis: { port: 0 }\nfanout: { port: 0 }\nfeed: { port: 0 }\nmanagement: { port: 0 }\n' +
  'sparkleshare: { port: 0, zeromq: false }\n'
/** Who connects from 127.0.0.1 is nobody in particular. */
const STRANGERS = 'trustedPeers: [127.0.0.2]\n'

function portOf(server: FanfareServer, name: string): number {
  return Number(new URL(server.places.find(({ what }) => what === name)?.where ?? '').port)
}

describe('connections in all', () => {
  it('are counted over all ports, and each door says in its own words that there is no room', async () => {
    const { server, port } = await startServer(`${DOORS}limits: { maxConnections: 5 }`)
    const ports = ['redis', 'fanout', 'feed', 'sparkleshare'].map((name) => portOf(server, name))
    const open = [await RawClient.connect(port)]
    for (const door of ports) open.push(await RawClient.connect(door))

    const refused = await Promise.all([port, ...ports].map((door) => RawClient.connect(door)))
    const words = await Promise.all(refused.map((client) => client.rest()))

    expect(words).toEqual(['', '-ERR max number of clients reached\r\n', 'debug!busy\n', '', ''])
    open[0]?.close()
    await until(() => server.connections === 0, 'one has left')
    const next = await RawClient.connect(ports[0] as number)
    next.send('PING\r\n')
    await next.takeUntil('+PONG')
  })

  it('leave the management port its own room', async () => {
    const { server, port } = await startServer(`${DOORS}limits: { maxConnections: 1 }`)
    const first = await RawClient.connect(port)
    first.send(requestBytes('GET', '/'))
    await first.reply()

    const admin = await RawClient.connect(portOf(server, 'management'))
    admin.send(requestBytes('GET', '/user/listAll'))

    expect((await admin.reply()).status).toBe(200)
  })

  it('may be more after a reload', async () => {
    const yaml = 'port: 0\nredis: { port: 0 }\n'
    const { server } = await startServer(`${yaml}limits: { maxConnections: 1 }`)
    const port = portOf(server, 'redis')
    const first = await RawClient.connect(port)
    first.send('PING\r\n')
    await first.takeUntil('+PONG')

    await server.apply(testConfig(`${yaml}limits: { maxConnections: 2 }`))

    const second = await RawClient.connect(port)
    second.send('PING\r\n')
    await second.takeUntil('+PONG')
  })
})

describe('connections of one address', () => {
  it('are counted over all ports', async () => {
    const limits = 'limits: { maxConnectionsPerAddress: 2 }'
    const { server, port } = await startServer(`${DOORS}${STRANGERS}${limits}`)
    const redis = portOf(server, 'redis')
    const one = await RawClient.connect(port)
    one.send(requestBytes('GET', '/'))
    await one.reply()
    const two = await RawClient.connect(redis)
    two.send('PING\r\n')
    await two.takeUntil('+PONG')

    const third = await RawClient.connect(redis)
    const fourth = await RawClient.connect(port)

    expect(await third.rest()).toMatch(/^-ERR max/)
    expect(await fourth.rest()).toBe('')
    const other = await RawClient.connect(redis, '127.0.0.1', '127.0.0.3')
    other.send('PING\r\n')
    await other.takeUntil('+PONG')
    one.close()
    await until(() => server.connections === 0, 'one has left')
    const next = await RawClient.connect(redis)
    next.send('PING\r\n')
    await next.takeUntil('+PONG')
  })

  it('have no bound for trusted peers and proxies', async () => {
    const { port } = await startServer(
      'trustedProxies: [127.0.0.4]\nlimits: { maxConnectionsPerAddress: 1 }',
    )
    for (const from of ['127.0.0.1', '127.0.0.1', '127.0.0.4', '127.0.0.4']) {
      const client = await RawClient.connect(port, '127.0.0.1', from)
      client.send(requestBytes('GET', '/'))
      await client.reply()
    }
  })
})

describe('who says nothing', () => {
  it('is closed, unless it is trusted where programs connect ahead', async () => {
    const yaml = `${DOORS}limits: { handshakeTimeout: 200ms, heartbeat: 100ms }\n`
    const { server, port } = await startServer(`${yaml}${STRANGERS}`)
    const redis = portOf(server, 'redis')
    const silent = await Promise.all([
      RawClient.connect(port),
      RawClient.connect(redis),
      RawClient.connect(portOf(server, 'sparkleshare')),
    ])
    const known = await RawClient.connect(redis, '127.0.0.1', '127.0.0.2')

    for (const client of silent) expect(await client.rest()).toBe('')

    known.send('PING\r\n')
    await known.takeUntil('+PONG')
  })
})

describe('unsent bytes of all', () => {
  it('cost those their connection who leave the most unread', async () => {
    const started = await startServer(
      'limits: { maxTotalUnsentBytes: 4MiB, maxUnsentBytes: 8MiB, maxBodyBytes: 16MiB }',
    )
    const { port, server, errors } = started
    const follow = async (): Promise<RawClient> => {
      const client = await RawClient.connect(port)
      client.send(requestBytes('GET', '/events/a', { Accept: 'text/event-stream' }))
      await client.takeUntil('\r\n\r\n')
      return client
    }
    const [reading, slow] = [await follow(), await follow()]
    slow.socket.pause()
    const publisher = await RawClient.connect(port)

    for (let n = 0; n < 40 && errors.length === 0; n++) {
      publisher.send(requestBytes('POST', '/publisher/a', {}, 'x'.repeat(1_000_000)))
      await publisher.reply()
      await reading.takeUntil('\n\n')
    }

    await until(() => errors.length > 0, 'it was told')
    expect(String(errors.splice(0))).toContain('limits.maxTotalUnsentBytes')
    await until(() => server.hub().receivers('a' as never) === 1, 'only the slow one is gone')
    publisher.send(requestBytes('POST', '/publisher/a', {}, 'still there'))
    await reading.takeUntil('still there')
  })
})
