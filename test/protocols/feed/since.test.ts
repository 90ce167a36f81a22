import { describe, expect, it } from 'vitest'
import { channelFromText, type ChannelName } from '../../../src/model/channel.ts'
import { Clock } from '../../../src/model/clock.ts'
import { FeedClient, type FeedTest, post, startFeed } from './feed-client.ts'

/** In the second after the store's start, whose ids are all its own. */
const START = 1_700_000_000

/** A server whose time stands still until it is moved. */
async function startAt(seconds: number): Promise<FeedTest & { at: (seconds: number) => void }> {
  let now = seconds * 1000
  const clock = new Clock(() => now)
  const feed = await startFeed('stillalive: 0', '', { clock })
  return { ...feed, at: (moment) => (now = Math.round(moment * 1000)) }
}

async function since(port: number, uri: string, time: string, name = 'X-Fetch-Since') {
  return FeedClient.open(port, uri, `${name}: ${time}\r\n`)
}

describe('X-Fetch-Since', () => {
  it.each([
    ['a whole second', `${START + 20}`, [2, 3, 4]],
    ['the time of an event itself', `${START + 20}.250`, [3, 4]],
    ['a ms later', `${START + 20}.251`, [4]],
    ['finer than a ms', `${START + 20}.250999`, [3, 4]],
    ['just before', `${START + 20}.2499`, [3, 4]],
    ['a second in which nothing was', `${START + 15}`, [2, 3, 4]],
    ['with an exponent', `${(START + 20) / 1e9}e9`, [2, 3, 4]],
    ['nought, which is all', '0', [1, 2, 3, 4]],
    ['less than nought', '-1', [1, 2, 3, 4]],
    ['a time to come', `${START + 9_999}`, []],
    ['what is no number, which is now', 'yesterday', []],
    ['a number in other words, which is now', '0x10', []],
  ])('replays from %s on, oldest first, and goes on', async (_, time, events) => {
    const { feedPort, at } = await startAt(START)
    for (const [n, moment] of [10, 20, 20.25, 21].entries()) {
      at(START + moment)
      await post(feedPort, '/json', String(n + 1))
    }
    const client = await since(feedPort, '/json', time)
    await post(feedPort, '/json', '"live"')
    expect(await client.lines(events.length + 1)).toEqual([...events.map(String), '"live"'])
  })

  it('may be written in small letters', async () => {
    const { feedPort, at } = await startAt(START)
    at(START + 10)
    await post(feedPort, '/json', '1')
    const client = await since(feedPort, '/json', `${START + 10}`, 'x-fetch-since')
    expect(await client.line()).toBe('1')
  })

  it("takes a publisher's X-Timestamp: its own event comes again", async () => {
    const { feedPort, at } = await startAt(START)
    at(START + 10.7)
    await post(feedPort, '/json', '1')
    const timestamp = /X-Timestamp: (\d+)/.exec(await post(feedPort, '/json', '2'))?.[1]
    const client = await since(feedPort, '/json', String(timestamp))
    expect(await client.lines(2)).toEqual(['1', '2'])
  })

  it('covers the path and all below it, merged', async () => {
    const { feedPort, at } = await startAt(START)
    at(START + 10)
    for (const [n, path] of ['/a', '/b', '/a/x', '/ab', '/a', '/a/x/y'].entries()) {
      await post(feedPort, path, String(n))
    }
    const client = await since(feedPort, '/a/*', `${START + 10}.0`)
    expect(await client.lines(4)).toEqual(['0', '2', '4', '5'])
  })

  it('tells of what is no longer there, then what is', async () => {
    const { feedPort, at } = await startAt(START)
    at(START + 10)
    await post(feedPort, '/json', '1')
    const client = await since(feedPort, '/json', `${START - 100}`)
    expect(await client.lines(2)).toEqual([
      `{"gap":{"since":${START - 100},"from":${START + 1}}}`,
      '1',
    ])
  })

  it('finds its place among thousands of events of one second', async () => {
    const { feedPort, server, at } = await startAt(START)
    const channel = channelFromText('json') as ChannelName
    for (let n = 0; n < 9_000; n++) {
      at(START + 10 + Math.floor(n / 1_000) / 100)
      await server.hub().publish({ channel, body: Buffer.from(`[${n}]`) })
    }
    const client = await since(feedPort, '/json', `${START + 10}.07`)
    expect(await client.lines(2_000)).toEqual(
      Array.from({ length: 2_000 }, (_, n) => `[${n + 7_000}]`),
    )
  })

  it('joins live events with nothing lost, doubled or out of order', async () => {
    const { feedPort, server } = await startFeed('stillalive: 0', 'limits: { catchUpBytes: 2KiB }')
    const channel = channelFromText('json/a') as ChannelName
    const total = 20_000
    let n = 0
    const publish = (): void => {
      for (let i = 0; i < 100; i++)
        void server.hub().publish({ channel, body: Buffer.from(`[${n++}]`) })
    }
    while (n < total / 2) publish()
    const client = await since(feedPort, '/json', '0.5')
    const lines = client.lines(total + 1)
    while (n < total) {
      publish()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const [gap, ...events] = await lines
    expect(gap).toMatch(/^\{"gap":/)
    expect(events).toEqual(Array.from({ length: total }, (_, i) => `[${i}]`))
  })
})
