import { describe, expect, it } from 'vitest'
import { Selectors } from '../../../src/model/selector.ts'
import type { ChannelName } from '../../../src/model/channel.ts'
import type { Page } from '../../../src/stores/store.ts'
import { until } from '../../support/wait.ts'
import { type RedisTest, RespClient, startRedis } from './resp-client.ts'

const BEFORE_ALL = 0 as never

async function kept({ server }: RedisTest, name: string): Promise<Page['messages']> {
  const selectors = Selectors.channel(name as ChannelName)
  const page = await server.hub().read({ selectors, after: BEFORE_ALL, limit: 1000 })
  return page.messages
}

describe('a message that is published', () => {
  it('reaches subscribers, byte for byte, and is kept', async () => {
    const test = await startRedis()
    const subscriber = await RespClient.connect(test.redisPort)
    expect(await subscriber.ask('SUBSCRIBE', 'news')).toEqual(['subscribe', 'news', 1])

    const publisher = await RespClient.connect(test.redisPort)
    expect(await publisher.ask('PUBLISH', 'news', 'a\r\n\0\xff')).toBe(1)

    expect(await subscriber.value()).toEqual(['message', 'news', 'a\r\n\0\xff'])
    const [message] = await kept(test, 'news')
    expect(message?.body.toString('latin1')).toBe('a\r\n\0\xff')
    expect(message?.contentType).toBeUndefined()
  })

  it('is answered with its followers, over all doors', async () => {
    const { redisPort, port } = await startRedis()
    const events = await fetch(`http://127.0.0.1:${port}/events/a/`)
    const subscriber = await RespClient.connect(redisPort)
    await subscriber.ask('SUBSCRIBE', 'a/b')
    const pattern = await RespClient.connect(redisPort)
    await pattern.ask('PSUBSCRIBE', 'a/*')

    const publisher = await RespClient.connect(redisPort)
    expect(await publisher.ask('PUBLISH', 'a/b', 'x')).toBe(3)
    expect(await publisher.ask('PUBSUB', 'NUMSUB', 'a/b', 'a')).toEqual(['a/b', 3, 'a', 0])
    await events.body?.cancel()
  })

  it('goes out to shard channels too, as they are channels', async () => {
    const { redisPort } = await startRedis()
    const subscriber = await RespClient.connect(redisPort)
    expect(await subscriber.ask('SSUBSCRIBE', 's')).toEqual(['ssubscribe', 's', 1])
    const publisher = await RespClient.connect(redisPort)
    await publisher.ask('SPUBLISH', 's', 'one')
    await publisher.ask('PUBLISH', 's', 'two')
    expect(await subscriber.values(2)).toEqual([
      ['smessage', 's', 'one'],
      ['smessage', 's', 'two'],
    ])
  })

  it('comes in the order of all that one connection follows', async () => {
    const { redisPort } = await startRedis()
    const subscriber = await RespClient.connect(redisPort)
    subscriber.send('SUBSCRIBE', 'a', 'b')
    subscriber.send('PSUBSCRIBE', 'c*')
    await subscriber.values(3)
    const publisher = await RespClient.connect(redisPort)
    const channels = Array.from({ length: 300 }, (_, n) => 'abc'.charAt((n * 7) % 3))
    for (const [n, channel] of channels.entries()) publisher.send('PUBLISH', channel, n)
    const heard = (await subscriber.values(300)) as string[][]
    expect(heard.map((message) => Number(message.at(-1)))).toEqual(channels.map((_, n) => n))
  })

  it('is told once for a channel and for each pattern that it matches', async () => {
    const { redisPort } = await startRedis()
    const subscriber = await RespClient.connect(redisPort)
    subscriber.send('SUBSCRIBE', 'news')
    subscriber.send('PSUBSCRIBE', 'n*', 'ne?s', 'x*')
    await subscriber.values(4)
    const publisher = await RespClient.connect(redisPort)
    expect(await publisher.ask('PUBLISH', 'news', 'x')).toBe(1)
    expect(await subscriber.values(3)).toEqual([
      ['message', 'news', 'x'],
      ['pmessage', 'n*', 'news', 'x'],
      ['pmessage', 'ne?s', 'news', 'x'],
    ])
  })

  it('comes as a push in RESP3, between the replies', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort, 3)
    expect(await client.ask('SUBSCRIBE', 'a')).toEqual({ push: ['subscribe', 'a', 1] })
    client.send('PUBLISH', 'a', 'x')
    expect(await client.value()).toBe(1)
    expect(await client.value()).toEqual({ push: ['message', 'a', 'x'] })
    expect(await client.ask('ECHO', 'y')).toBe('y')
  })

  it('that is too large is refused', async () => {
    const { redisPort } = await startRedis('maxArgumentBytes: 1MiB', 'limits: { maxBodyBytes: 10 }')
    const client = await RespClient.connect(redisPort)
    expect(await client.ask('PUBLISH', 'a', 'x'.repeat(11))).toMatch(/^-ERR The message is larger/)
    expect(await client.ask('PUBLISH', 'a', 'x'.repeat(10))).toBe(0)
  })

  it.each(['', '/', 'x'.repeat(513)])('to the channel %j is refused', async (name) => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    expect(await client.ask('PUBLISH', name, 'x')).toBe('-ERR A channel name is 1 to 512 bytes.')
    expect(await client.ask('SUBSCRIBE', 'a', name)).toBe('-ERR A channel name is 1 to 512 bytes.')
    expect(await client.ask('PUBLISH', 'a', 'x')).toBe(0)
  })

  it.each([
    ['PUBLISH', 'a', 'x'],
    ['SPUBLISH', 'a', 'x'],
    ['XADD', 'a', '*', 'body', 'x'],
    ['DEL', 'a'],
    ['UNLINK', 'a'],
    ['CLIENT', 'LIST'],
    ['CLIENT', 'KILL', 'ID', '1'],
  ])('by a peer that is not trusted is refused: %s', async (...args) => {
    const { redisPort } = await startRedis('', 'trustedPeers: 192.0.2.1')
    const client = await RespClient.connect(redisPort)
    const name = args[0] === 'CLIENT' ? `client|${args[1]?.toLowerCase()}` : args[0]?.toLowerCase()
    expect(await client.ask(...args)).toBe(
      `-NOPERM this user has no permissions to run the '${name}' command: only trusted peers may without a key; ` +
        'trustedPeers does not name 127.0.0.1',
    )
    expect(await client.ask('SUBSCRIBE', 'a')).toEqual(['subscribe', 'a', 1])
  })
})

describe('names', () => {
  it('are given back as they were subscribed to, and are the same channel', async () => {
    const test = await startRedis()
    const subscriber = await RespClient.connect(test.redisPort)
    subscriber.send('SUBSCRIBE', '/a', 'a')
    subscriber.send('PSUBSCRIBE', '/*')
    expect(await subscriber.values(3)).toEqual([
      ['subscribe', '/a', 1],
      ['subscribe', 'a', 2],
      ['psubscribe', '/*', 3],
    ])
    const publisher = await RespClient.connect(test.redisPort)
    await publisher.ask('PUBLISH', '/a', 'x')
    const heard = await subscriber.values(3)
    expect(heard).toContainEqual(['message', '/a', 'x'])
    expect(heard).toContainEqual(['message', 'a', 'x'])
    expect(heard).toContainEqual(['pmessage', '/*', '/a', 'x'])
    expect(await kept(test, 'a')).toHaveLength(1)
    expect(await publisher.ask('PUBSUB', 'CHANNELS')).toEqual(['/a', 'a'])
    expect(await publisher.ask('PUBSUB', 'NUMPAT')).toBe(1)
  })

  it('are forgotten by those who unsubscribe, and only by them', async () => {
    const { redisPort } = await startRedis()
    const subscriber = await RespClient.connect(redisPort)
    await subscriber.ask('SUBSCRIBE', 'a')
    await subscriber.ask('SUBSCRIBE', 'b')
    expect(await subscriber.ask('UNSUBSCRIBE', 'a')).toEqual(['unsubscribe', 'a', 1])
    const publisher = await RespClient.connect(redisPort)
    expect(await publisher.ask('PUBLISH', 'a', 'no')).toBe(0)
    expect(await publisher.ask('PUBLISH', 'b', 'yes')).toBe(1)
    expect(await subscriber.value()).toEqual(['message', 'b', 'yes'])
    expect(await publisher.ask('PUBSUB', 'CHANNELS')).toEqual(['b'])
  })
})

describe('subscriptions', () => {
  it('begun and ended in one packet end as they should', async () => {
    const { redisPort, server } = await startRedis()
    const client = await RespClient.connect(redisPort)
    client.send('SUBSCRIBE', 'a')
    client.send('UNSUBSCRIBE', 'a')
    client.send('SUBSCRIBE', 'a', 'b')
    client.send('UNSUBSCRIBE', 'b')
    await client.values(5)
    expect(server.hub().receivers('a' as never)).toBe(1)
    expect(server.hub().receivers('b' as never)).toBe(0)
  })

  it('are heard of by what is published behind them in one packet', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort, 3)
    client.send('SUBSCRIBE', 'a')
    client.send('PUBLISH', 'a', '1')
    client.send('UNSUBSCRIBE', 'a')
    client.send('PUBLISH', 'a', '2')
    client.send('ECHO', 'end')
    const values = await client.values(5)
    expect(values).toContain(1)
    expect(values).toContain(0)
  })

  it('are bounded', async () => {
    const { redisPort } = await startRedis('', 'limits: { maxSubscriptions: 2 }')
    const client = await RespClient.connect(redisPort)
    await client.ask('SUBSCRIBE', 'a')
    expect(await client.ask('PSUBSCRIBE', 'b', 'c')).toBe(
      '-ERR A connection has at most 2 subscriptions here.',
    )
    expect(await client.ask('SUBSCRIBE', 'a')).toEqual(['subscribe', 'a', 1])
    expect(await client.ask('PSUBSCRIBE', 'b')).toEqual(['psubscribe', 'b', 2])
    expect(await client.ask('PSUBSCRIBE', 'x'.repeat(1025))).toMatch(/^-ERR A pattern has at most/)
  })

  it('of one channel by many are one audience: the same bytes for all', async () => {
    const { redisPort, server } = await startRedis()
    const clients = await Promise.all(
      Array.from({ length: 50 }, () => RespClient.connect(redisPort)),
    )
    for (const client of clients) await client.ask('SUBSCRIBE', 'a')
    expect(server.hub().receivers('a' as never)).toBe(50)
    const publisher = await RespClient.connect(redisPort)
    for (let n = 0; n < 20; n++) publisher.send('PUBLISH', 'a', n)
    const expected = Array.from({ length: 20 }, (_, n) => ['message', 'a', String(n)])
    for (const client of clients) expect(await client.values(20)).toEqual(expected)
  })

  it('follow a change of the protocol', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort, 3)
    await client.ask('SUBSCRIBE', 'a')
    await client.ask('HELLO', 2)
    const publisher = await RespClient.connect(redisPort)
    await publisher.ask('PUBLISH', 'a', 'x')
    expect(await client.value()).toEqual(['message', 'a', 'x'])
  })

  it('end with the connection', async () => {
    const { redisPort, server } = await startRedis()
    const client = await RespClient.connect(redisPort)
    client.send('SUBSCRIBE', 'a')
    client.send('PSUBSCRIBE', 'b*')
    await client.values(2)
    client.raw.close()
    await until(() => server.hub().receivers('a' as never) === 0, 'it is forgotten')
    const other = await RespClient.connect(redisPort)
    expect(await other.ask('PUBSUB', 'CHANNELS')).toEqual([])
    expect(await other.ask('PUBSUB', 'NUMPAT')).toBe(0)
  })
})

describe('a subscriber that does not read', () => {
  it('gets all that is kept once it does, and no one else waits', async () => {
    const { redisPort } = await startRedis('', 'limits: { maxUnsentBytes: 64KiB }')
    const slow = await RespClient.connect(redisPort)
    await slow.ask('SUBSCRIBE', 'a')
    slow.raw.socket.pause()
    const publisher = await RespClient.connect(redisPort)
    const body = 'x'.repeat(100_000)
    for (let n = 0; n < 200; n++) await publisher.ask('PUBLISH', 'a', `${n} ${body}`)
    slow.raw.socket.resume()
    for (let n = 0; n < 200; n++) {
      const [, , text] = (await slow.value()) as string[]
      expect(text?.split(' ')[0]).toBe(String(n))
    }
  })

  it('is disconnected when what it missed is not kept any more', async () => {
    const { redisPort } = await startRedis(
      '',
      'limits: { maxUnsentBytes: 64KiB }\nstore: { type: memory, max_messages: 3 }',
    )
    const slow = await RespClient.connect(redisPort)
    await slow.ask('SUBSCRIBE', 'a')
    slow.raw.socket.pause()
    const publisher = await RespClient.connect(redisPort)
    const body = 'x'.repeat(1_000_000)
    for (let n = 0; n < 30; n++) await publisher.ask('PUBLISH', 'a', body)
    slow.raw.socket.resume()
    await slow.raw.rest()
    expect(slow.raw.ended).toBe(true)
  })
})
