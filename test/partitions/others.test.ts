/** The other doors over a store of several partitions. */
import { describe, expect, it, vi } from 'vitest'
import { publish } from '../protocols/events/events-client.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { FeedClient, startFeed } from '../protocols/feed/feed-client.ts'
import { startManaged } from '../protocols/management/support.ts'
import { RespClient, startRedis } from '../protocols/redis/resp-client.ts'
import { Clock } from '../../src/model/clock.ts'
import { channelIn, sorted } from '../support/partitioned.ts'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

vi.mock('../../src/stores/open.ts', () => import('../support/partitioned.ts'))

const [ONE, TWO, THREE] = [channelIn(0), channelIn(1), channelIn(2)] as const
const NAMES = [ONE, TWO, THREE]

/** A message of the second partition: its id, and the cursor behind it. */
async function cursorOf(port: number): Promise<{ cursor: string; id: string }> {
  const client = await FrameClient.open(port, '/ws/?channel=/')
  await client.json()
  await publish(port, TWO, 'now')
  const { cursor, id } = await client.json()
  return { cursor: String(cursor), id: String(id) }
}

describe('redis', () => {
  it('XREAD waits for the first of streams in several partitions, from a cursor each', async () => {
    const { server, port, redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    const had = await publish(port, ONE, 'had')
    const read = ['XREAD', 'BLOCK', 5000, 'STREAMS', ONE, TWO, THREE, had] as const
    client.send(...read, '$', '$')
    await until(() => server.hub().receivers(THREE as never) === 1, 'it waits')
    const id = await publish(port, THREE, 'first')
    expect(await client.value()).toMatchObject([[THREE, [[id, ['body', 'first']]]]])

    const next = await publish(port, ONE, 'second')
    client.send(...read, '0-0', id)
    expect(await client.value()).toMatchObject([[ONE, [[next, ['body', 'second']]]]])
  })

  it('a client that waits hears once, though two partitions have something', async () => {
    const { server, redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    client.send('XREAD', 'BLOCK', 5000, 'STREAMS', ...NAMES, '$', '$', '$')
    await until(() => server.hub().receivers(THREE as never) === 1, 'it waits')
    for (const channel of NAMES) {
      await server.hub().publish({ channel: channel as never, body: Buffer.from('x') })
    }
    expect(await client.value()).toBeInstanceOf(Array)
    expect(await client.ask('PING')).toBe('+PONG')
    expect(server.hub().receivers(THREE as never)).toBe(0)
  })

  it('a client that waits goes on waiting when one of its channels is deleted', async () => {
    const { server, port, redisPort } = await startRedis()
    for (const channel of NAMES) await publish(port, channel, 'old')
    const client = await RespClient.connect(redisPort)
    client.send('XREAD', 'BLOCK', 5000, 'STREAMS', ...NAMES, '$', '$', '$')
    await until(() => server.hub().receivers(TWO as never) === 1, 'it waits')
    await server.hub().remove(TWO as never)
    await until(() => server.hub().receivers(TWO as never) === 1, 'it waits again')
    const id = await publish(port, TWO, 'new')
    expect(await client.value()).toMatchObject([[TWO, [[id, ['body', 'new']]]]])
  })

  it('a pattern hears of all partitions, and counts once in each channel', async () => {
    const { server, port, redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    await client.ask('PSUBSCRIBE', 'channel-*')
    for (const channel of NAMES) await publish(port, channel, channel)
    const heard = []
    for (let n = 0; n < 3; n++) heard.push(((await client.value()) as unknown[])[3])
    expect(sorted(heard)).toEqual(sorted(NAMES))
    expect(NAMES.map((name) => server.hub().receivers(name as never))).toEqual([1, 1, 1])
    expect(server.hub().followersByDoor().get('redis')).toBe(1)
    await client.ask('PUNSUBSCRIBE', 'channel-*')
    expect(server.hub().followersByDoor().get('redis') ?? 0).toBe(0)
  })

  it('goes on with what it had missed when it changes its protocol', async () => {
    const { port, redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort, 3)
    for (const name of NAMES) await client.ask('SUBSCRIBE', name)
    await client.ask('HELLO', 2)
    for (const name of NAMES) await publish(port, name, name)
    const heard = []
    for (let n = 0; n < 3; n++) heard.push(((await client.value()) as unknown[])[2])
    expect(sorted(heard)).toEqual(sorted(NAMES))
  })

  it('SCAN goes through all partitions', async () => {
    const { port, redisPort } = await startRedis()
    for (const name of NAMES) await publish(port, name, 'x')
    const client = await RespClient.connect(redisPort)
    expect(await client.ask('DBSIZE')).toBe(3)
    const found: unknown[] = []
    let cursor = '0'
    do {
      const [next, names] = (await client.ask('SCAN', cursor, 'COUNT', 1)) as [string, unknown[]]
      found.push(...names)
      cursor = next
    } while (cursor !== '0')
    expect(sorted([...new Set(found)])).toEqual(sorted(NAMES))
  })
})

describe('the feed', () => {
  it('starts from a time within a second, in each partition', async () => {
    let now = 1_795_000_000_100
    const { port, feedPort } = await startFeed('', '', { clock: new Clock(() => now) })
    for (const [ms, name, body] of [
      [200, ONE, 'early'],
      [400, TWO, 'early'],
      [700, TWO, 'late'],
      [800, ONE, 'late'],
    ] as const) {
      now = 1_795_000_001_000 + ms
      await publish(port, name, body)
    }
    const client = await FeedClient.open(feedPort, '/', 'X-Fetch-Since: 1795000001.5\r\n')
    const channels = (await client.lines(2)).map((line) => JSON.parse(line) as object)
    expect(channels).toHaveLength(2)
    expect(channels).toContainEqual({ channel: ONE, message: 'late' })
    expect(channels).toContainEqual({ channel: TWO, message: 'late' })
  })

  it('says that it is alive to whoever has everything', async () => {
    const { port, feedPort } = await startFeed('stillalive: 50ms')
    const client = await FeedClient.open(feedPort, '/')
    expect(await client.line()).toContain('stillalive')
    await publish(port, TWO, 'x')
    for (;;) if (!(await client.line()).includes('stillalive')) break
    expect(await client.line()).toContain('stillalive')
  })
})

describe('polls', () => {
  it.each(['long', 'interval'])('%s polling reads one channel by its own ids', async (polling) => {
    const { port } = await startServer(
      `locations: [{ type: publisher, prefix: /publisher/ }, { type: subscriber, prefix: /s/, polling: ${polling} }]`,
    )
    await publish(port, ONE, 'other')
    await publish(port, TWO, 'first')
    const first = await request(port, 'GET', `/s/${TWO}`)
    expect(first.body.toString()).toBe('first')
    await publish(port, TWO, 'second')
    const { etag = '', 'last-modified': modified = '' } = first.headers
    const validators = { 'If-None-Match': etag, 'If-Modified-Since': modified }
    const second = await request(port, 'GET', `/s/${TWO}`, validators)
    expect(second.body.toString()).toBe('second')
  })
})

describe('management', () => {
  it('lists channels of all partitions, and gives the history of one', async () => {
    const { port, get, post } = await startManaged()
    for (const name of NAMES) await publish(port, name, 'x')
    const { body } = await get('/channel/listAll')
    const names = JSON.parse(body.toString()) as string[]
    expect(sorted(names)).toEqual(sorted(NAMES))

    const { cursor, id } = await cursorOf(port)
    await publish(port, TWO, 'later')
    for (const since of [id, cursor]) {
      const reply = await post('/channel/history', { channelId: TWO, since })
      expect(JSON.parse(reply.body.toString())).toMatchObject({
        messages: [{ body: 'later' }],
        gap: false,
      })
    }
  })
})
