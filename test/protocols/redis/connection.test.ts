import { describe, expect, it } from 'vitest'
import { RawClient, requestBytes } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { command, RespClient, startRedis } from './resp-client.ts'

describe('with a password', () => {
  it.each([
    ['PING'],
    ['PUBLISH', 'a', 'x'],
    ['SUBSCRIBE', 'a'],
    ['XRANGE', 'a', '-', '+'],
    ['CLIENT', 'ID'],
    ['INFO'],
  ])('%s has to wait until it was said', async (...args) => {
    const { redisPort } = await startRedis('password: hunter2')
    const client = await RespClient.connect(redisPort)
    expect(await client.ask(...args)).toBe('-NOAUTH Authentication required.')
    expect(await client.ask('AUTH', 'hunter2')).toBe('+OK')
    expect(await client.ask('ECHO', 'x')).toBe('x')
  })

  it('tells right from wrong', async () => {
    const { redisPort } = await startRedis('password: hunter2')
    const client = await RespClient.connect(redisPort)
    const wrong = '-WRONGPASS invalid username-password pair or user is disabled.'
    expect(await client.ask('AUTH', 'hunter3')).toBe(wrong)
    expect(await client.ask('AUTH', 'default', '')).toBe(wrong)
    expect(await client.ask('AUTH', 'root', 'hunter2')).toBe(wrong)
    expect(await client.ask('HELLO', '3', 'AUTH', 'default', 'x')).toBe(wrong)
    expect(await client.ask('HELLO', '3')).toMatch(/^-NOAUTH HELLO must be called with/)
    expect(await client.ask('AUTH', 'default', 'hunter2')).toBe('+OK')
    expect(await client.ask('RESET')).toBe('+RESET')
    expect(await client.ask('PING')).toBe('-NOAUTH Authentication required.')
    expect(await client.ask('HELLO', '3', 'AUTH', 'default', 'hunter2')).toHaveProperty('map')
    expect(await client.ask('PING')).toBe('+PONG')
    expect(await client.ask('QUIT')).toBe('+OK')
    await client.raw.rest()
  })

  it('lets whoever says it publish, whatever its address', async () => {
    const { redisPort } = await startRedis('password: hunter2', 'trustedPeers: 192.0.2.1')
    const client = await RespClient.connect(redisPort)
    await client.ask('AUTH', 'hunter2')
    expect(await client.ask('PUBLISH', 'a', 'x')).toBe(0)
  })

  it('takes little from those who have not said it', async () => {
    const { redisPort } = await startRedis('password: hunter2')
    const many = await RawClient.connect(redisPort)
    many.send('*11\r\n')
    expect(await many.rest()).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n')
    const large = await RawClient.connect(redisPort)
    large.send('*2\r\n$4\r\nAUTH\r\n$16385\r\n')
    expect(await large.rest()).toBe('-ERR Protocol error: unauthenticated bulk length\r\n')
  })

  it('AUTH without one gives no rights', async () => {
    const { redisPort } = await startRedis('', 'trustedPeers: 192.0.2.1')
    const client = await RespClient.connect(redisPort)
    expect(await client.ask('AUTH', 'default', 'anything')).toBe('+OK')
    expect(await client.ask('PUBLISH', 'a', 'x')).toMatch(/^-NOPERM /)
  })
})

describe('whoever speaks HTTP', () => {
  it.each([
    ['a POST', requestBytes('POST', '/', {}, 'PUBLISH a x\r\n')],
    ['a PUT', requestBytes('PUT', '/', {}, 'PUBLISH a x\r\n')],
    ['a GET', requestBytes('GET', '/')],
    ['a header', 'Host: localhost\r\nPUBLISH a x\r\n'],
  ])('is let go: %s', async (_, bytes) => {
    const { redisPort, server } = await startRedis()
    const client = await RawClient.connect(redisPort)
    client.send(bytes)
    expect(await client.rest()).toBe('')
    expect(server.hub().stat('a' as never)).toBeUndefined()
  })
})

describe('a client', () => {
  it('sees itself', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort, 3)
    await client.ask('CLIENT', 'SETNAME', 'me')
    expect(await client.ask('CLIENT', 'SETINFO', 'LIB-NAME', 'test')).toBe('+OK')
    expect(await client.ask('CLIENT', 'SETINFO', 'lib-ver', '1.0')).toBe('+OK')
    expect(await client.ask('CLIENT', 'SETINFO', 'x', '1.0')).toBe("-ERR Unrecognized option 'x'")
    await client.ask('SUBSCRIBE', 'a', 'b')
    await client.value()
    const id = (await client.ask('CLIENT', 'ID')) as number
    const { verbatim } = (await client.ask('CLIENT', 'INFO')) as { verbatim: string }
    expect(verbatim).toMatch(
      new RegExp(
        String.raw`^id=${id} addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:${redisPort} name=me age=\d+ ` +
          String.raw`idle=\d+ flags=P db=0 sub=2 psub=0 ssub=0 multi=-1 .* cmd=client\|info ` +
          String.raw`user=default resp=3 lib-name=test lib-ver=1\.0\n$`,
      ),
    )
    const other = await RespClient.connect(redisPort)
    expect(await other.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).toContain(`id=${id} `)
    expect(await other.ask('CLIENT', 'LIST', 'TYPE', 'normal')).not.toContain(`id=${id} `)
    expect(await other.ask('CLIENT', 'LIST', 'ID', id)).toContain(`id=${id} `)
  })

  it('can be ended by another, by address', async () => {
    const { redisPort } = await startRedis()
    const victim = await RespClient.connect(redisPort)
    await victim.ask('PING')
    const { localAddress, localPort } = victim.raw.socket
    const client = await RespClient.connect(redisPort)
    expect(await client.ask('CLIENT', 'KILL', `${localAddress}:${localPort}`)).toBe('+OK')
    await victim.raw.rest()
    expect(await client.ask('CLIENT', 'KILL', 'SKIPME', 'no')).toBe(1)
    await client.raw.rest()
  })

  it('beyond the bound is told so', async () => {
    const { redisPort } = await startRedis('', 'limits: { maxConnections: 1 }')
    const first = await RespClient.connect(redisPort)
    await first.ask('PING')
    const second = await RawClient.connect(redisPort)
    expect(await second.rest()).toBe('-ERR max number of clients reached\r\n')
    expect(await first.ask('INFO', 'stats')).toContain('rejected_connections:1\r\n')
  })

  it('that ends its half gets the answers that are due', async () => {
    const { redisPort } = await startRedis()
    const client = await RawClient.connect(redisPort)
    client.socket.end('PING\r\nECHO x\r\n')
    expect(await client.rest()).toBe('+PONG\r\n$1\r\nx\r\n')
  })

  it('that reads no replies is not read from, and loses none', async () => {
    const { redisPort, server } = await startRedis('maxReplyBytes: 64KiB')
    const client = await RespClient.connect(redisPort)
    await client.ask('PUBLISH', 'a', 'x'.repeat(50_000))
    client.raw.socket.pause()
    for (let n = 0; n < 1_000; n++) client.send('XRANGE', 'a', '-', '+')
    client.send('PUBLISH', 'done', 'x')
    const other = await RespClient.connect(redisPort)
    let unsent = 0
    while (unsent <= 64 * 1024) unsent = await mostUnsent(other)
    expect(unsent).toBeLessThan(500_000)
    expect(server.hub().stat('done' as never)).toBeUndefined()
    client.raw.socket.resume()
    for (let n = 0; n < 1_000; n++) expect(await client.value()).toHaveLength(1)
    expect(await client.value()).toBe(0)
  })
})

/** The largest amount of unsent bytes of any client. */
async function mostUnsent(client: RespClient): Promise<number> {
  const list = (await client.ask('CLIENT', 'LIST')) as string
  return Math.max(...[...list.matchAll(/omem=(\d+)/g)].map(([, n]) => Number(n)))
}

describe('the server', () => {
  it('tells true numbers', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    const subscriber = await RespClient.connect(redisPort)
    subscriber.send('SUBSCRIBE', 'a', 'b')
    subscriber.send('PSUBSCRIBE', 'x*')
    subscriber.send('SSUBSCRIBE', 's')
    await subscriber.values(4)
    await client.ask('PUBLISH', 'z', 'x')
    const info = (await client.ask('INFO')) as string
    expect(info).toMatch(/^# Server\r\nredis_version:7\.0\.15\r\nredis_mode:standalone\r\n/)
    for (const line of [
      `tcp_port:${redisPort}`,
      'connected_clients:2',
      'blocked_clients:0',
      'total_connections_received:2',
      'total_commands_processed:5',
      'pubsub_channels:2',
      'pubsub_patterns:1',
      'pubsubshard_channels:1',
      'loading:0',
      'db0:keys=1,expires=0,avg_ttl=0',
    ]) {
      expect(info).toContain(`\r\n${line}\r\n`)
    }
    expect(await client.ask('INFO', 'clients', 'keyspace')).toMatch(
      /^# Clients\r\n(?:\w+:\d+\r\n)+\r\n# Keyspace\r\ndb0:keys=1,.*\r\n$/,
    )
    expect(await client.ask('INFO', 'nothing')).toBe('')
  })

  it('lists its commands', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort, 3)
    const all = (await client.ask('COMMAND')) as unknown[][]
    expect(await client.ask('COMMAND', 'COUNT')).toBe(all.length)
    const names = (await client.ask('COMMAND', 'LIST')) as string[]
    expect(names).toHaveLength(all.length)
    expect(names).toContain('xread')
    expect(names).not.toContain('xdel')
    expect(await client.ask('COMMAND', 'INFO', 'publish', 'xdel')).toEqual([
      ['publish', 3, { set: ['+write'] }, 0, 0, 0, { set: ['+@pubsub'] }, [], [], []],
      undefined,
    ])
    expect(await client.ask('COMMAND', 'DOCS', 'Publish')).toEqual({
      map: [
        [
          'publish',
          {
            map: [
              ['summary', 'Post a message to a channel'],
              ['since', '2.0.0'],
              ['group', 'pubsub'],
            ],
          },
        ],
      ],
    })
    for (const name of names.filter((one) => one !== 'quit' && one !== 'reset')) {
      // Every one is known, whatever it is asked.
      const answer = await client.ask(name, 'a', 'b', 'c', 'd', 'e')
      expect(JSON.stringify(answer ?? null)).not.toContain('ERR unknown command')
      if (name.endsWith('subscribe')) await client.values(4)
    }
  })

  it('tells the time by the clock that stamps messages', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    const [seconds, micros] = (await client.ask('TIME')) as string[]
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(10)
    expect(Number(micros) % 1000).toBe(0)
  })

  it('answers a pipeline in order, however it is cut', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    const bytes = Buffer.concat(
      Array.from({ length: 200 }, (_, n) => command('ECHO', `${n}`.repeat(n % 7))),
    )
    for (let at = 0; at < bytes.length; at += 13) client.raw.send(bytes.subarray(at, at + 13))
    const values = await client.values(200)
    expect(values).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`.repeat(n % 7)))
  })

  it('lets a client go whose command does not come to an end', async () => {
    const { redisPort } = await startRedis('', 'limits: { requestTimeout: 50ms, heartbeat: 100ms }')
    const client = await RawClient.connect(redisPort)
    const idle = await RespClient.connect(redisPort)
    client.send('*2\r\n$4\r\nECHO\r\n$100\r\nx')
    await client.rest()
    expect(await idle.ask('PING')).toBe('+PONG')
  })

  it('does not blame a client for what stands behind a command that waits', async () => {
    const { redisPort } = await startRedis('', 'limits: { requestTimeout: 20ms, heartbeat: 30ms }')
    const client = await RespClient.connect(redisPort)
    client.send('XREAD', 'BLOCK', 200, 'STREAMS', 'a', '$')
    client.send('ECHO', 'behind')
    expect(await client.values(2)).toEqual([null, 'behind'])
  })

  it('is closed with everyone in it', async () => {
    const { redisPort, server } = await startRedis()
    const client = await RespClient.connect(redisPort)
    client.send('XREAD', 'BLOCK', 0, 'STREAMS', 'a', '$')
    await until(() => server.hub().receivers('a' as never) === 1, 'it waits')
    await server.stop()
    await client.raw.rest()
  })
})
