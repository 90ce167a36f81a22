/** What is asked while history is on its way to a client that reads slowly. */
import { describe, expect, it } from 'vitest'
import { PATHS, startServer, type TestServer } from '../../support/server.ts'
import { publish, publishTogether } from '../events/events-client.ts'
import { FrameClient } from './frame-client.ts'

const SIZE = 20_000
const COUNT = 1_000
/** More than all socket buffers on the way hold. */
const HISTORY = Array.from({ length: COUNT }, (_, n) => ({ body: `${n} `.padEnd(SIZE, '.') }))

/** Lets it read on: the numbers of the messages up to an answer, and that answer. */
async function upTo(client: FrameClient, key: string): Promise<[number[], unknown]> {
  client.raw.socket.resume()
  const taken = await client.until(key)
  const numbers = taken.slice(0, -1).map(({ body }) => Number.parseInt(String(body), 10))
  return [numbers, taken.at(-1)]
}

const from = (first: number): number[] => Array.from({ length: COUNT - first }, (_, n) => first + n)

describe.each(PATHS)('a backfill over $path', ({ lean }) => {
  /** A client that has asked for a long history, and has begun to read it. */
  async function backfilling(): Promise<TestServer & { client: FrameClient }> {
    const server = await startServer('limits: { catchUpBytes: 65536 }', { lean })
    for (let n = 0; n < COUNT; n += 100) {
      await publishTogether(server.port, 'long', HISTORY.slice(n, n + 100))
    }
    const client = await FrameClient.open(server.port)
    client.send({ subscribe: ['long', 'other'], since: 'all', ref: 'long' })
    expect(await client.bodies(1)).toEqual([HISTORY[0]?.body])
    client.raw.socket.pause()
    return { ...server, client }
  }

  it('is given whole and in order, and then answered', async () => {
    const { port, client } = await backfilling()
    const live = await publish(port, 'long', `${COUNT}`)
    const [numbers, answer] = await upTo(client, 'subscribed')
    expect(numbers).toEqual([...from(1), COUNT].slice(0, numbers.length))
    expect(answer).toMatchObject({ subscribed: ['long', 'other'], ref: 'long' })
    // What came meanwhile is before or behind the answer, but once.
    if (numbers.length < COUNT) expect(await client.json()).toHaveProperty('id', live)
    await publish(port, 'other', 'end')
    expect(await client.bodies(1)).toEqual(['end'])
  })

  it('stops when its channel is given up, and its subscribe is answered all the same', async () => {
    const { port, client } = await backfilling()
    client.send({ unsubscribe: 'long', ref: 'no' })

    const [numbers, answer] = await upTo(client, 'unsubscribed')

    expect(answer).toEqual({ unsubscribed: ['long'], ref: 'no' })
    expect(numbers).toEqual(from(1).slice(0, numbers.length))
    expect(numbers.length).toBeLessThan(COUNT - 1)
    expect(await client.json()).toMatchObject({ subscribed: ['other'], ref: 'long' })
    await publish(port, 'long', 'unheard')
    await publish(port, 'other', 'heard')
    expect(await client.bodies(1)).toEqual(['heard'])
  })

  it('answers a subscribe of which nothing is left, with nothing', async () => {
    const { client } = await backfilling()
    client.send({ unsubscribe: ['other', 'long'], ref: 'no' })
    const [, answer] = await upTo(client, 'subscribed')
    expect(answer).toMatchObject({ subscribed: [], ref: 'long' })
    expect(await client.json()).toEqual({ unsubscribed: ['other', 'long'], ref: 'no' })
  })

  it('that was given up keeps nobody waiting who asked for something else as well', async () => {
    const { port, client } = await backfilling()
    client.send({ subscribe: ['long', 'new'], ref: 'both' })
    client.send({ unsubscribe: ['other', 'long'], ref: 'no' })
    const [, nothing] = await upTo(client, 'subscribed')
    expect(nothing).toMatchObject({ subscribed: [], ref: 'long' })
    const answers = [await client.json(), await client.json()]
    expect(answers).toContainEqual({ unsubscribed: ['other', 'long'], ref: 'no' })
    expect(answers).toContainEqual(expect.objectContaining({ subscribed: ['new'], ref: 'both' }))
    await publish(port, 'new', 'heard')
    expect(await client.bodies(1)).toEqual(['heard'])
  })

  it('is given once to one who asks twice, and both are answered behind it', async () => {
    const { client } = await backfilling()
    client.send({ subscribe: 'long', since: 'all', ref: 'again' })
    const [numbers, answer] = await upTo(client, 'subscribed')
    expect(numbers).toEqual(from(1))
    expect(answer).toMatchObject({ ref: 'long' })
    expect(await client.json()).toMatchObject({ subscribed: ['long'], ref: 'again' })
  })

  it('begins anew for a channel that was given up and is wanted again', async () => {
    const { client } = await backfilling()
    client.send({ unsubscribe: 'long' })
    client.send({ subscribe: 'long', since: 'all', ref: 'again' })
    const [before] = await upTo(client, 'unsubscribed')
    const [numbers, first] = await upTo(client, 'subscribed')
    const [others, second] = await upTo(client, 'subscribed')
    expect(before.length).toBeLessThan(COUNT - 1)
    expect([...numbers, ...others]).toEqual(from(0))
    expect(first).toMatchObject({ subscribed: ['other'], ref: 'long' })
    expect(second).toMatchObject({ subscribed: ['long'], ref: 'again' })
  })

  it('does not keep other frames waiting', async () => {
    const { port, client } = await backfilling()
    client.send({ publish: 'other', body: 'x', ref: 'pub' })
    const [numbers, answer] = await upTo(client, 'published')
    expect(answer).toMatchObject({ channel: 'other', ref: 'pub' })
    expect(numbers.length).toBeLessThan(COUNT - 1)
    await publish(port, 'other', 'y')
    const rest = (await client.until('subscribed')).filter(({ channel }) => channel === 'other')
    expect(rest).toMatchObject([{ body: 'x' }, { body: 'y' }].slice(0, rest.length))
  })

  it('keeps no more unanswered frames than the connection may have channels', async () => {
    const { client } = await backfilling()
    for (let n = 0; n < 1_100; n++) client.send({ subscribe: 'long', ref: n })
    const [, answer] = await upTo(client, 'error')
    expect(answer).toMatchObject({ error: { code: 'too_many' }, ref: 998 })
  })
})
