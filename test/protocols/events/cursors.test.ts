import { describe, expect, it } from 'vitest'
import { Clock } from '../../../src/model/clock.ts'
import { PATHS, startServer, type TestServer } from '../../support/server.ts'
import { EventsClient, neighbour, publish, publishTogether } from './events-client.ts'

/** Long before any test: what a client of an earlier server would hold. */
const ANCIENT = '1700000000-5'
const TOGETHER = ['one', 'two', 'three', 'four'].map((body) => ({ body }))

/** What comes first of a stream, up to a message published now. */
async function heard(port: number, path: string, headers = {}): Promise<unknown[]> {
  const stream = await EventsClient.follow(port, path, headers)
  await publish(port, 'a', 'now')
  const found = []
  for (;;) {
    const { event, data } = await stream.block()
    if (data === 'now') return found
    found.push(event === undefined ? data : `${event} ${data}`)
  }
}

describe.each(PATHS)('where an event stream starts over $path', ({ lean }) => {
  /** Its clock stands still: all ids lie in one second, and tests can reckon with them. */
  function start(yaml = ''): Promise<TestServer> {
    const now = Date.now()
    return startServer(yaml, { lean, clock: new Clock(() => now) })
  }

  /** A server with four messages in the channel `a`. @returns the first one's id as well */
  async function withFour(yaml = ''): Promise<TestServer & { first: string }> {
    const server = await start(yaml)
    const last = await publishTogether(server.port, 'a', TOGETHER)
    return { ...server, first: neighbour(last, -3) }
  }

  it('is now without a cursor', async () => {
    const { port } = await withFour()
    expect(await heard(port, '/events/a')).toEqual([])
  })

  it('is the oldest with since=all', async () => {
    const { port } = await withFour()
    expect(await heard(port, '/events/a?since=all')).toEqual(['one', 'two', 'three', 'four'])
  })

  it('is behind the id in Last-Event-ID', async () => {
    const { port, first } = await withFour()
    const headers = { 'Last-Event-ID': neighbour(first, 1) }
    expect(await heard(port, '/events/a', headers)).toEqual(['three', 'four'])
  })

  it('is behind the id in since', async () => {
    const { port, first } = await withFour()
    const path = `/events/a?since=${neighbour(first, 2)}`
    expect(await heard(port, path)).toEqual(['four'])
  })

  it('goes by Last-Event-ID where since and last are there, too', async () => {
    const { port, first } = await withFour()
    const headers = { 'Last-Event-ID': neighbour(first, 2) }
    expect(await heard(port, '/events/a?since=all&last=3', headers)).toEqual(['four'])
  })

  it('goes by since where Last-Event-ID is empty', async () => {
    const { port } = await withFour()
    expect(await heard(port, '/events/a?since=all', { 'Last-Event-ID': '' })).toHaveLength(4)
  })

  it.each(['', '.999'])('is the second of a unix time%s', async (fraction) => {
    const { port, first } = await withFour()
    const [second = ''] = first.split('-')
    expect(await heard(port, `/events/a?since=${second}${fraction}`)).toEqual([
      'one',
      'two',
      'three',
      'four',
    ])
  })

  it('is now for a time to come', async () => {
    const { port } = await withFour()
    const tomorrow = Math.floor(Date.now() / 1000) + 86_400
    expect(await heard(port, `/events/a?since=${tomorrow}`)).toEqual([])
  })

  it('is the newest so many with last', async () => {
    const { port } = await withFour()
    expect(await heard(port, '/events/a?last=1')).toEqual(['four'])
    // One `now` was published meanwhile.
    expect(await heard(port, '/events/a?last=0')).toEqual([])
  })

  it('is the oldest when last asks for more than there is', async () => {
    const { port } = await withFour()
    expect(await heard(port, '/events/a?last=1000')).toHaveLength(4)
  })

  it('is now when last finds nothing', async () => {
    const { port } = await withFour()
    const stream = await EventsClient.follow(port, '/events/empty?last=3')
    await publish(port, 'empty', 'first')
    expect((await stream.block()).data).toBe('first')
  })

  it('counts last over all channels that are followed, in order', async () => {
    const { port } = await withFour()
    await publishTogether(port, 'b', [{ body: 'five' }, { body: 'six' }])
    await publishTogether(port, 'a', [{ body: 'seven' }])
    const stream = await EventsClient.follow(port, '/events/a?channel=b&last=4')
    expect(await stream.data(4)).toEqual(['four', 'five', 'six', 'seven'])
  })

  it('tells nobody of a gap who asks for what is kept, or for a time since the server started', async () => {
    const { port, first } = await withFour('store: { type: memory, max_messages: 2 }')
    const [second = ''] = first.split('-')
    expect(await heard(port, '/events/a?since=all')).toEqual(['three', 'four'])
    const quiet = await EventsClient.follow(port, `/events/quiet?since=${second}`)
    await publish(port, 'quiet', 'x')
    expect((await quiet.block()).data).toBe('x')
  })

  it('tells nobody of a gap who asks for the newest, although something lies between them', async () => {
    const { port } = await start('store: { type: memory, max_messages: 1 }')
    await publish(port, 'b', 'zero')
    await publishTogether(port, 'a', TOGETHER)
    const stream = await EventsClient.follow(port, '/events/a?channel=b&last=2')
    expect(await stream.block()).toMatchObject({ event: undefined, data: 'zero' })
    expect((await stream.block()).data).toBe('four')
  })

  it('tells a gap once, before what is kept', async () => {
    const { port, first } = await withFour('store: { type: memory, max_messages: 2 }')
    const stream = await EventsClient.follow(port, '/events/a', { 'Last-Event-ID': first })

    const gap = await stream.block()

    const told = { from: first, to: neighbour(first, 1) }
    expect(gap.lines).toEqual(['event: gap', `data: ${JSON.stringify(told)}`])
    expect(await stream.data(2)).toEqual(['three', 'four'])
    await publish(port, 'a', 'five')
    expect((await stream.block()).data).toBe('five')
  })

  it('tells no gap to one who has everything that was dropped', async () => {
    const { port, first } = await withFour('store: { type: memory, max_messages: 2 }')
    const headers = { 'Last-Event-ID': neighbour(first, 1) }
    const stream = await EventsClient.follow(port, '/events/a', headers)
    expect(await stream.data(2)).toEqual(['three', 'four'])
  })

  it('tells a client of a former server, once, also when nothing is kept', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a', { 'Last-Event-ID': ANCIENT })

    const gap = await stream.block()
    await publish(port, 'a', 'x')

    expect(gap.event).toBe('gap')
    expect(JSON.parse(gap.data ?? '')).toEqual({ from: ANCIENT, to: gap.id })
    expect(await stream.block()).toMatchObject({ event: undefined, data: 'x' })
    // Its id is the cursor of whoever lost the connection right then: nothing is told twice.
    const again = await EventsClient.follow(port, '/events/a', { 'Last-Event-ID': gap.id ?? '' })
    expect((await again.block()).data).toBe('x')
  })

  it('gives a gap no id where messages from within it may follow', async () => {
    const { port, first } = await withFour('store: { type: memory, max_messages: 2 }')
    const path = '/events/a?channel=b'
    const stream = await EventsClient.follow(port, path, { 'Last-Event-ID': first })
    expect(await stream.block()).toMatchObject({ event: 'gap', id: undefined })
  })

  it('tells of a gap when the id is none that this server gave yet', async () => {
    const { port } = await withFour()
    const foreign = `${Math.floor(Date.now() / 1000) + 1000}-0`
    const found = await heard(port, '/events/a', { 'Last-Event-ID': foreign })
    expect(found[0]).toMatch(`gap {"from":"${foreign}","to":"`)
    expect(found.slice(1)).toEqual(['one', 'two', 'three', 'four'])
  })

  it('tells the followers of a subtree of a gap in any of it', async () => {
    const { port } = await start('store: { type: memory, max_messages: 1 }')
    const before = await publish(port, 't/quiet', 'old')
    await publishTogether(port, 't/busy', TOGETHER)
    const stream = await EventsClient.follow(port, `/events/t/?since=${before}`)
    expect((await stream.block()).event).toBe('gap')
    expect((await stream.block()).data).toBe('four')
  })
})
