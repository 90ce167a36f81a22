import { describe, expect, it } from 'vitest'
import { Clock } from '../../../src/model/clock.ts'
import { post } from '../feed/feed-client.ts'
import { until } from '../../support/wait.ts'
import { request } from '../../support/raw.ts'
import { RespClient, startRedis, type Value } from './resp-client.ts'

type Entry = readonly [string, readonly string[]]

function entries(value: Value): Entry[] {
  return value as unknown as Entry[]
}

function texts(value: Value): (string | undefined)[] {
  return entries(value).map(([, fields]) => fields[1])
}

describe('an entry', () => {
  it('is a message: its body, type, data, then its attributes', async () => {
    const { redisPort, port } = await startRedis()
    const line =
      '{"body":"build 17 failed","type":"text/plain","data":{"n":1e2},"attributes":{"url":"http://x/","event":"ci"}}'
    await request(port, 'POST', '/publisher/a', { 'Content-Type': 'application/x-ndjson' }, line)
    const client = await RespClient.connect(redisPort)
    const [entry] = entries(await client.ask('XRANGE', 'a', '-', '+'))
    expect(entry?.[1]).toEqual(
      ['body', 'build 17 failed', 'type', 'text/plain', 'data', '{"n":1e2}'].concat([
        'url',
        'http://x/',
        'event',
        'ci',
      ]),
    )
  })

  it('that was published has only a body', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    await client.ask('PUBLISH', 'a', '\0\xff')
    expect(entries(await client.ask('XRANGE', '/a', '-', '+'))[0]?.[1]).toEqual(['body', '\0\xff'])
  })

  it('that is added again is the same message', async () => {
    const { redisPort, server } = await startRedis()
    const client = await RespClient.connect(redisPort)
    const fields = ['body', 'x', 'type', 'text/plain', 'data', '[1, 2]', 'revision', 'c0ffee']
    const id = await client.ask('XADD', 'a', '*', ...fields)
    expect(id).toMatch(/^\d{10}-\d+$/)
    expect(await client.ask('XRANGE', 'a', '-', '+')).toEqual([[id, fields]])
    const stat = server.hub().stat('a' as never)
    expect(stat).toMatchObject({ messages: 1 })
  })

  it.each([
    [['user', 'mona', 'n', '5'], '{"user":"mona","n":"5"}'],
    [['2', 'b', '1', 'a'], '{"2":"b","1":"a"}'],
    [['a"b', '\xc3\xa9'], '{"a\\"b":"\xc3\xa9"}'],
    [['type', 'x'], '{"type":"x"}'],
  ])('of other fields %j is a JSON object', async (fields, json) => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    const id = await client.ask('XADD', 'a', '*', ...fields)
    expect(await client.ask('XRANGE', 'a', '-', '+')).toEqual([
      [id, ['body', json, 'type', 'application/json']],
    ])
  })

  it('of data alone has it as its body', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    const id = await client.ask('XADD', 'a', '*', 'data', '{"a": 1}')
    expect(await client.ask('XRANGE', 'a', '-', '+')).toEqual([
      [id, ['body', '{"a": 1}', 'type', 'application/json']],
    ])
  })

  it.each([
    [['data', '{'], '-ERR The field data is not JSON.'],
    [['a', '\xff'], '-ERR Fields are UTF-8 text; the field body may be any bytes.'],
    [['body', 'x', 'a b', 'y'], '-ERR "a b" is no name for an attribute'],
  ])('with the fields %j is refused', async (fields, words) => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    expect(await client.ask('XADD', 'a', '*', ...fields)).toBe(words)
    expect(await client.ask('XLEN', 'a')).toBe(0)
  })

  it.each([
    [['1-1', 'a', 'b'], '-ERR IDs are given by this server: the only ID for XADD is *'],
    [['5-*', 'a', 'b'], '-ERR IDs are given by this server: the only ID for XADD is *'],
    [
      ['MAXLEN', '5', '*', 'a', 'b'],
      '-ERR MAXLEN and MINID need ~ here: how much is kept is a setting of the store',
    ],
    [
      ['MINID', '=', '5-0', '*', 'a', 'b'],
      '-ERR MAXLEN and MINID need ~ here: how much is kept is a setting of the store',
    ],
  ])('is not added with %j', async (args, words) => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    expect(await client.ask('XADD', 'a', ...args)).toBe(words)
  })

  it('reaches subscribers of every door', async () => {
    const { redisPort } = await startRedis()
    const subscriber = await RespClient.connect(redisPort)
    await subscriber.ask('SUBSCRIBE', 'a')
    const client = await RespClient.connect(redisPort)
    await client.ask('XADD', 'a', '*', 'user', 'mona')
    expect(await subscriber.value()).toEqual(['message', 'a', '{"user":"mona"}'])
  })
})

/** A server whose clock stands still unless it is told to go on. */
async function stepping() {
  let now = 1_795_262_500_000
  const clock = new Clock(() => now)
  const test = await startRedis('', '', { clock })
  const client = await RespClient.connect(test.redisPort)
  const add = async (body: string, ms: number): Promise<string> => {
    now += ms
    await client.ask('PUBLISH', 'a', body)
    return entries(await client.ask('XREVRANGE', 'a', '+', '-', 'COUNT', '1'))[0]?.[0] ?? ''
  }
  const bodies = async (...args: string[]): Promise<(string | undefined)[]> =>
    entries(await client.ask(...args)).map(([, fields]) => fields[1])
  return { client, add, bodies }
}

describe('a range', () => {
  it('is bounded by ids, seconds, or milliseconds', async () => {
    const { add, bodies } = await stepping()
    const one = await add('1', 1_000)
    await add('2', 400)
    const three = await add('3', 400)
    await add('4', 400)

    expect(await bodies('XRANGE', 'a', '-', '+')).toEqual(['1', '2', '3', '4'])
    expect(await bodies('XRANGE', 'a', one, three)).toEqual(['1', '2', '3'])
    expect(await bodies('XRANGE', 'a', `(${one}`, `(${three}`)).toEqual(['2'])
    expect(await bodies('XREVRANGE', 'a', three, `(${one}`)).toEqual(['3', '2'])
    expect(await bodies('XRANGE', 'a', '1795262501', '1795262501')).toEqual(['1', '2', '3'])
    expect(await bodies('XRANGE', 'a', '1795262502', '+')).toEqual(['4'])
    expect(await bodies('XRANGE', 'a', '1795262501400', '+')).toEqual(['2', '3', '4'])
    expect(await bodies('XRANGE', 'a', '(1795262501400', '+')).toEqual(['3', '4'])
    expect(await bodies('XRANGE', 'a', '1795262501400-0', '1795262501800')).toEqual(['2', '3'])
    expect(await bodies('XREVRANGE', 'a', '(1795262501800', '-')).toEqual(['2', '1'])
    expect(await bodies('XRANGE', 'a', '99999999999', '+')).toEqual([])
    expect(await bodies('XRANGE', 'a', '-', '18446744073709551615')).toHaveLength(4)
  })

  it('of many pages is whole, either way', async () => {
    const { redisPort } = await startRedis()
    const client = await RespClient.connect(redisPort)
    for (let n = 0; n < 2_500; n++) client.send('PUBLISH', 'a', n)
    await client.values(2_500)
    const all = Array.from({ length: 2_500 }, (_, n) => String(n))
    expect(texts(await client.ask('XRANGE', 'a', '-', '+'))).toEqual(all)
    expect(texts(await client.ask('XREVRANGE', 'a', '+', '-'))).toEqual(all.toReversed())
    expect(texts(await client.ask('XRANGE', 'a', '-', '+', 'COUNT', 1_500))).toHaveLength(1_500)
    expect(texts(await client.ask('XREAD', 'STREAMS', 'a', '0'))).toHaveLength(1)
  })

  it('that is too large to reply with is refused, and can be had in parts', async () => {
    const { redisPort } = await startRedis('maxReplyBytes: 64KiB')
    const client = await RespClient.connect(redisPort)
    for (let n = 0; n < 5; n++) await client.ask('PUBLISH', 'a', 'x'.repeat(30_000))
    expect(await client.ask('XRANGE', 'a', '-', '+')).toBe(
      '-ERR The reply would have more than 65536 bytes; ask for fewer entries by COUNT.',
    )
    expect(await client.ask('XRANGE', 'a', '-', '+', 'COUNT', 2)).toHaveLength(2)
    const [[, some]] = (await client.ask('XREAD', 'STREAMS', 'a', '0')) as unknown as [
      [string, Entry[]],
    ]
    expect(some.length).toBeGreaterThan(0)
    expect(some.length).toBeLessThan(5)
  })
})

describe('XREAD', () => {
  it('goes on where the last one ended, and by milliseconds', async () => {
    const { client, add } = await stepping()
    const one = await add('1', 1_000)
    const two = await add('2', 300)
    expect(await client.ask('XREAD', 'STREAMS', '/a', one)).toEqual([
      ['/a', [[two, ['body', '2']]]],
    ])
    expect(await client.ask('XREAD', 'STREAMS', 'a', '1795262501300')).toEqual([
      ['a', [[two, ['body', '2']]]],
    ])
    expect(await client.ask('XREAD', 'STREAMS', 'a', two)).toBeNull()
  })

  it('waits for the first message of any of its streams', async () => {
    const { redisPort, server } = await startRedis()
    const reader = await RespClient.connect(redisPort, 3)
    reader.send('XREAD', 'BLOCK', 0, 'STREAMS', 'a', 'b', '$', '$')
    reader.send('ECHO', 'behind')
    await until(() => server.hub().receivers('b' as never) === 1, 'it waits')
    const publisher = await RespClient.connect(redisPort)
    await publisher.ask('PUBLISH', 'c', 'not this')
    expect(await publisher.ask('PUBLISH', 'b', 'this')).toBe(1)
    const [value, behind] = await reader.values(2)
    expect(value).toMatchObject({ map: [['b', [[expect.anything(), ['body', 'this']]]]] })
    expect(behind).toBe('behind')
    expect(server.hub().receivers('b' as never)).toBe(0)
  })

  it('waits no longer than it is told', async () => {
    const { redisPort, server } = await startRedis()
    const reader = await RespClient.connect(redisPort)
    expect(await reader.ask('XREAD', 'BLOCK', 20, 'STREAMS', 'a', '$')).toBeNull()
    expect(server.hub().receivers('a' as never)).toBe(0)
  })

  it('goes on waiting when the channel is deleted', async () => {
    const { redisPort, server } = await startRedis()
    const publisher = await RespClient.connect(redisPort)
    await publisher.ask('PUBLISH', 'a', 'old')
    const reader = await RespClient.connect(redisPort)
    reader.send('XREAD', 'BLOCK', 0, 'STREAMS', 'a', '$')
    await until(() => server.hub().receivers('a' as never) === 1, 'it waits')
    expect(await publisher.ask('DEL', 'a')).toBe(1)
    await until(() => server.hub().receivers('a' as never) === 1, 'it waits again')
    await publisher.ask('PUBLISH', 'a', 'new')
    expect(await reader.value()).toMatchObject([['a', [[expect.anything(), ['body', 'new']]]]])
  })

  it('ends with its client, or by CLIENT KILL', async () => {
    const { redisPort, server } = await startRedis()
    const waiting = (): number => server.hub().receivers('a' as never)
    const one = await RespClient.connect(redisPort)
    one.send('XREAD', 'BLOCK', 0, 'STREAMS', 'a', '$')
    const other = await RespClient.connect(redisPort)
    const id = (await other.ask('CLIENT', 'ID')) as number
    other.send('XREAD', 'BLOCK', 0, 'STREAMS', 'a', '$')
    await until(() => waiting() === 2, 'both wait')
    one.raw.close()
    await until(() => waiting() === 1, 'the first has left')
    const third = await RespClient.connect(redisPort)
    expect(await third.ask('INFO', 'clients')).toContain('blocked_clients:1\r\n')
    expect(await third.ask('CLIENT', 'KILL', 'ID', id)).toBe(1)
    await other.raw.rest()
    await until(() => waiting() === 0, 'the second was ended')
  })
})

describe('a channel', () => {
  it('is told with its floor', async () => {
    const { redisPort } = await startRedis('', 'store: { type: memory, max_messages: 2 }')
    const client = await RespClient.connect(redisPort, 3)
    const ids: Value[] = []
    for (let n = 0; n < 3; n++) ids.push(await client.ask('XADD', 'a', '*', 'body', n))
    expect(await client.ask('XINFO', 'STREAM', '/a')).toEqual({
      map: [
        ['length', 2],
        ['last-generated-id', ids[2]],
        ['recorded-first-entry-id', ids[1]],
        ['floor', ids[0]],
        ['groups', 0],
        ['first-entry', [ids[1], ['body', '1']]],
        ['last-entry', [ids[2], ['body', '2']]],
      ],
    })
    expect(await client.ask('XINFO', 'STREAM', 'a', 'FULL')).toMatch(/^-ERR XINFO STREAM FULL/)
    expect(await client.ask('XINFO', 'GROUPS', 'a')).toEqual([])
  })

  it('is there, is a stream, is found by SCAN, and can be deleted', async () => {
    const { redisPort, feedPort } = await startWithFeed()
    const client = await RespClient.connect(redisPort)
    await post(feedPort, '/octocat/hello', '{"a":1}')
    for (let n = 0; n < 30; n++) await client.ask('PUBLISH', `many/${n}`, 'x')
    expect(await client.ask('EXISTS', 'octocat/hello', '/octocat/hello', 'nope')).toBe(2)
    expect(await client.ask('TYPE', 'octocat/hello')).toBe('+stream')
    expect(await client.ask('DBSIZE')).toBe(31)
    expect(await scan(client, 'MATCH', 'oct*')).toEqual(['octocat/hello'])
    expect(await scan(client, 'MATCH', '/oct*', 'TYPE', 'stream')).toEqual(['/octocat/hello'])
    expect(await scan(client, 'COUNT', '7')).toHaveLength(31)
    expect(await scan(client, 'TYPE', 'hash')).toEqual([])
    expect(await client.ask('DEL', '/octocat/hello', 'nope')).toBe(1)
    expect(await client.ask('UNLINK', 'many/0', 'many/1')).toBe(2)
    expect(await client.ask('EXISTS', 'octocat/hello')).toBe(0)
    expect(await client.ask('INFO', 'keyspace')).toContain('db0:keys=28,')
  })

  it.each(['XDEL', 'XTRIM', 'XGROUP', 'XREADGROUP', 'XACK', 'XCLAIM', 'XPENDING', 'KEYS'])(
    '%s is refused with its reason',
    async (name) => {
      const { redisPort } = await startRedis()
      const client = await RespClient.connect(redisPort)
      expect(await client.ask(name, 'a', 'b')).toMatch(
        new RegExp(`^-ERR ${name} is not supported here: .`),
      )
    },
  )
})

async function startWithFeed() {
  const test = await startRedis('', 'feed: { port: 0, stillalive: 0 }')
  const place = test.server.places.find(({ what }) => what === 'feed')
  return { ...test, feedPort: Number(new URL(place?.where ?? '').port) }
}

async function scan(client: RespClient, ...options: string[]): Promise<string[]> {
  const found: string[] = []
  let cursor = '0'
  do {
    const [next, names] = (await client.ask('SCAN', cursor, ...options)) as [string, string[]]
    found.push(...names)
    cursor = next
  } while (cursor !== '0')
  return found
}
