/** Event streams over a store of several partitions. */
import { describe, expect, it, vi } from 'vitest'
import { EventsClient, publish } from '../protocols/events/events-client.ts'
import { channelIn, sorted } from '../support/partitioned.ts'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'

vi.mock('../../src/stores/open.ts', () => import('../support/partitioned.ts'))

const [ONE, TWO, THREE] = [channelIn(0), channelIn(1), channelIn(2)] as const
const BOTH = `/events/${ONE}?channel=${TWO}`

describe('a stream over several partitions', () => {
  it('resumes from any id that it showed: nothing lost, nothing twice', async () => {
    const { port } = await startServer()
    const first = await EventsClient.follow(port, '/events/?channel=/')
    for (const channel of [ONE, TWO, THREE, TWO, ONE]) await publish(port, channel, channel)
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push((await first.block()).id ?? '')
    first.close()

    for (const [n, id] of ids.entries()) {
      const later = await EventsClient.follow(port, '/events/?channel=/', { 'Last-Event-ID': id })
      await publish(port, THREE, `after ${n}`)
      const rest: (string | undefined)[] = []
      while (rest.at(-1) !== `after ${n}`) rest.push((await later.block()).data)
      // What came live between the streams of this test is no matter.
      const came = rest.filter((data) => data?.startsWith('after') === false)
      expect(sorted(came)).toEqual(sorted([ONE, TWO, THREE, TWO, ONE].slice(n + 1)))
      later.close()
    }
  })

  it('says first where it begins, and a client that had nothing yet resumes there', async () => {
    const { port } = await startServer()
    const client = await EventsClient.open(port, BOTH)
    const { id = '' } = await client.block()
    expect(id).toMatch(/^\d+-\d+\.\d+-\d+\.$/)
    client.close()
    await publish(port, TWO, 'missed 2')
    await publish(port, ONE, 'missed 1')

    const later = await EventsClient.follow(port, BOTH, { 'Last-Event-ID': id })
    expect(sorted(await later.data(2))).toEqual(['missed 1', 'missed 2'])
  })

  it('has plain ids where it lies within one', async () => {
    const { port } = await startServer()
    const client = await EventsClient.follow(port, `/events/${ONE}?channel=${ONE}/`)
    const ids = [await publish(port, ONE, 'a'), await publish(port, `${ONE}/x`, 'b')]
    expect([(await client.block()).id, (await client.block()).id]).toEqual(ids)
  })

  it('takes a cursor of several for one channel of them', async () => {
    const { port } = await startServer()
    const both = await EventsClient.follow(port, BOTH)
    await publish(port, TWO, 'had')
    const { id = '' } = await both.block()
    await publish(port, TWO, 'missed')

    const one = await EventsClient.follow(port, `/events/${TWO}`, { 'Last-Event-ID': id })
    expect(await one.data(1)).toEqual(['missed'])
  })

  it('takes an id of one for several, and may repeat its second', async () => {
    const { port } = await startServer()
    const id = await publish(port, ONE, 'had')
    await publish(port, TWO, 'missed')
    const client = await EventsClient.follow(port, BOTH, { 'Last-Event-ID': id })
    expect(sorted(await client.data(2))).toEqual(['had', 'missed'])
  })

  it('starts with the newest of all of them', async () => {
    const { port } = await startServer()
    for (const body of ['1', '2', '3']) {
      await publish(port, ONE, `one ${body}`)
      await publish(port, TWO, `two ${body}`)
    }
    const client = await EventsClient.follow(port, `${BOTH}&last=4`)
    expect(sorted(await client.data(4))).toEqual(['one 2', 'one 3', 'two 2', 'two 3'])
    await publish(port, ONE, 'live')
    expect(await client.data(1)).toEqual(['live'])
  })

  it('is told of a gap in one of them, between two cursors', async () => {
    const { port } = await startServer('store: { type: memory, max_messages: 1 }')
    const client = await EventsClient.open(port, BOTH)
    const { id = '' } = await client.block()
    client.close()
    for (const body of ['1', '2', '3']) await publish(port, TWO, body)

    const later = await EventsClient.follow(port, BOTH, { 'Last-Event-ID': id })
    const gap = await later.block()
    expect(gap.event).toBe('gap')
    const { from, to } = JSON.parse(gap.data ?? '') as { from: string; to: string }
    expect(from).toBe(id)
    expect((await later.block()).data).toBe('3')
    // Whoever comes back with its end is told of it no more.
    const [, second] = to.split('.')
    expect(second).toMatch(/^\d+-\d+$/)
    const again = await EventsClient.follow(port, BOTH, { 'Last-Event-ID': to })
    expect((await again.block()).event).toBeUndefined()
  })

  it.each(['1700000000-0.1700000000-0', '..', '1-0.2-0.3-0.4-0', '1-0.x.', '1-0.*', '*'])(
    'refuses %j',
    async (cursor) => {
      const { port } = await startServer()
      const reply = await request(port, 'GET', BOTH, { 'Last-Event-ID': cursor })
      expect(reply.status).toBe(400)
      expect(reply.body.toString()).toContain('bad_cursor')
    },
  )

  it('tells no gap of a partition that it had not begun to read', async () => {
    const { port } = await startServer()
    for (const channel of [ONE, TWO, THREE]) await publish(port, channel, channel)
    const client = await EventsClient.follow(port, '/events/?channel=/&since=all')
    const { data = '', id = '' } = await client.block()
    client.close()
    expect(id.split('.').filter((place) => place === '*')).toHaveLength(2)

    const later = await EventsClient.follow(port, '/events/?channel=/', { 'Last-Event-ID': id })
    const blocks = [await later.block(), await later.block()]
    expect(blocks.map(({ event }) => event)).toEqual([undefined, undefined])
    const had = [data, ...blocks.map((block) => block.data)]
    expect(sorted(had)).toEqual(sorted([ONE, TWO, THREE]))
  })

  it('reads anew a partition of which its cursor says that nothing was read', async () => {
    const { port } = await startServer()
    await publish(port, ONE, '1')
    await publish(port, TWO, '2')
    const client = await EventsClient.follow(port, BOTH, { 'Last-Event-ID': '*.*.' })
    const blocks = [await client.block(), await client.block()]
    expect(sorted(blocks.map(({ data }) => data))).toEqual(['1', '2'])
    expect(blocks.map(({ event }) => event)).toEqual([undefined, undefined])
  })
})
