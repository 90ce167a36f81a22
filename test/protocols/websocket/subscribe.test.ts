import { describe, expect, it } from 'vitest'
import { request } from '../../support/raw.ts'
import { PATHS, startServer, type TestServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { neighbour, publish, publishTogether } from '../events/events-client.ts'
import { FrameClient } from './frame-client.ts'

const FOUR = ['one', 'two', 'three', 'four'].map((body) => ({ body }))

describe.each(PATHS)('subscribing by frames over $path', ({ lean }) => {
  const start = (yaml = ''): Promise<TestServer> => startServer(yaml, { lean })

  it('is answered with what is followed, from where, and the frame’s ref', async () => {
    const { port } = await start()
    const last = await publish(port, 'elsewhere', 'x')
    const client = await FrameClient.open(port)

    expect(await client.ask({ subscribe: 'a', ref: 7 })).toEqual({
      subscribed: ['a'],
      position: last,
      ref: 7,
    })
    const id = await publish(port, 'a', 'hello', { 'Content-Type': 'text/plain' })
    const message = await client.json()
    expect(message).toEqual({
      id,
      channel: 'a',
      time: message['time'],
      type: 'text/plain',
      body: 'hello',
    })
  })

  it('takes a list, subtrees and everything, and gives names back as they were spelled', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    const names = ['/a', 'ä', 't/', 'a']
    expect(await client.ask({ subscribe: names })).toMatchObject({ subscribed: names })
    for (const channel of ['a', '%C3%A4', 't', 't/x', 'b']) await publish(port, channel, channel)
    expect(await client.bodies(3)).toEqual(['a', '%C3%A4', 't/x'])
    expect(await client.ask({ subscribe: '/' })).toMatchObject({ subscribed: ['/'] })
    await publish(port, 'b', 'now')
    expect(await client.bodies(1)).toEqual(['now'])
  })

  it('gives what is kept before its answer, and all that follows behind it', async () => {
    const { port } = await start()
    const last = await publishTogether(port, 'a', FOUR)
    const client = await FrameClient.open(port)

    client.send({ subscribe: 'a', since: 'all' })

    expect(await client.bodies(4)).toEqual(['one', 'two', 'three', 'four'])
    expect(await client.json()).toEqual({ subscribed: ['a'], position: last })
    await publish(port, 'a', 'five')
    expect(await client.bodies(1)).toEqual(['five'])
  })

  it.each([
    ['an id', (last: string) => neighbour(last, -2)],
    ['a unix time', (last: string) => Number(last.split('-')[0])],
    ['a unix time as text, with a fraction', (last: string) => `${last.split('-')[0]}.5`],
  ])('starts at %s', async (form, sinceOf) => {
    const { port } = await start()
    const last = await publishTogether(port, 'a', FOUR)
    const client = await FrameClient.open(port)
    client.send({ subscribe: 'a', since: sinceOf(last) })
    const bodies = (await client.until('subscribed')).slice(0, -1).map(({ body }) => body)
    expect(bodies).toEqual(FOUR.map(({ body }) => body).slice(form === 'an id' ? 2 : 0))
  })

  it('tells a gap, once, before what is kept', async () => {
    const { port } = await start('store: { type: memory, max_messages: 2 }')
    const last = await publishTogether(port, 'a', FOUR)
    const first = neighbour(last, -3)
    const client = await FrameClient.open(port)

    client.send({ subscribe: 'a', since: first })

    expect(await client.json()).toEqual({ gap: { from: first, to: neighbour(last, -2) } })
    expect(await client.bodies(2)).toEqual(['three', 'four'])
    expect(await client.json()).toEqual({ subscribed: ['a'], position: last })
  })

  it('tells a client of a former server, also when nothing is kept', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port)
    client.send({ subscribe: 'a', since: '1700000000-5' })
    const gap = (await client.json())['gap'] as { from: string; to: string }
    expect(gap.from).toBe('1700000000-5')
    // What it comes back with is told nothing again.
    const { position } = await client.json()
    const again = await FrameClient.open(port)
    expect(await again.ask({ subscribe: 'a', since: position })).toHaveProperty('subscribed')
  })

  it('merges channels in the order of their ids', async () => {
    const { port } = await start()
    const sent = []
    for (let n = 0; n < 40; n++) sent.push(await publish(port, n % 3 === 0 ? 'a' : 't/x', ''))
    const client = await FrameClient.open(port)
    client.send({ subscribe: ['a', 't/'], since: 'all' })
    for (let n = 0; n < 40; n++) sent.push(await publish(port, n % 2 === 0 ? 'a' : 't/y', ''))
    const heard = []
    while (heard.length < sent.length) {
      const { id } = await client.json()
      if (id !== undefined) heard.push(id)
    }
    expect(heard).toEqual(sent)
  })

  it('brings a further channel up to the others, and goes on in one order', async () => {
    const { port } = await start()
    await publishTogether(port, 'b', FOUR)
    const client = await FrameClient.open(port, '/ws/a?since=all')
    await client.json()
    await publish(port, 'a', 'of a')
    expect(await client.bodies(1)).toEqual(['of a'])

    client.send({ subscribe: 'b', since: 'all' })

    expect(await client.bodies(4)).toEqual(['one', 'two', 'three', 'four'])
    expect(await client.json()).toHaveProperty('subscribed', ['b'])
    for (const channel of ['b', 'a', 'b']) await publish(port, channel, `now ${channel}`)
    expect(await client.bodies(3)).toEqual(['now b', 'now a', 'now b'])
  })

  it('twice gives everything once, the history too, and answers both', async () => {
    const { port } = await start()
    await publishTogether(port, 'a', FOUR)
    const client = await FrameClient.open(port)
    client.send({ subscribe: 'a', since: 'all', ref: 1 })
    client.send({ subscribe: ['a', '/a'], since: 'all', ref: 2 })

    expect(await client.bodies(4)).toEqual(['one', 'two', 'three', 'four'])
    expect(await client.json()).toMatchObject({ subscribed: ['a'], ref: 1 })
    expect(await client.json()).toMatchObject({ subscribed: ['a', '/a'], ref: 2 })
    const third = await client.ask({ subscribe: 'a', since: 'all', ref: 3 })
    expect(third).toMatchObject({ subscribed: ['a'], ref: 3 })
    await publish(port, 'a', 'five')
    expect(await client.bodies(1)).toEqual(['five'])
    expect(await client.ask({ ping: 1 })).toHaveProperty('pong')
  })

  it('to one more among others reads the history of that one only', async () => {
    const { port } = await start()
    await publishTogether(port, 'a', FOUR)
    await publish(port, 'b', 'of b')
    const client = await FrameClient.open(port, '/ws/a?since=all')
    await client.json()
    expect(await client.bodies(4)).toEqual(['one', 'two', 'three', 'four'])
    client.send({ subscribe: ['a', 'b'], since: 'all' })
    expect(await client.bodies(1)).toEqual(['of b'])
    expect(await client.json()).toHaveProperty('subscribed', ['a', 'b'])
  })

  it('to a channel and the subtree it lies in gives what is live once', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/t/')
    await client.json()
    await client.ask({ subscribe: 't/x' })
    await publish(port, 't/x', 'once')
    expect(await client.bodies(1)).toEqual(['once'])
    // And leaving the one leaves the other.
    expect(await client.ask({ unsubscribe: 't/' })).toEqual({ unsubscribed: ['t/'] })
    await publish(port, 't/x', 'still')
    expect(await client.bodies(1)).toEqual(['still'])
  })

  it('can be taken back, of the URL’s channels too', async () => {
    const { port, server } = await start()
    const client = await FrameClient.open(port, '/ws/a?channel=b')
    await client.json()
    expect(await client.ask({ unsubscribe: ['a', 'never'], ref: 'x' })).toEqual({
      unsubscribed: ['a', 'never'],
      ref: 'x',
    })
    await publish(port, 'a', 'unheard')
    await publish(port, 'b', 'heard')
    expect(await client.bodies(1)).toEqual(['heard'])
    await client.ask({ unsubscribe: 'b' })
    expect(server.hub().receivers('b' as never)).toBe(0)
  })

  it('can be taken back and given again', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    const { position } = await client.json()
    await client.ask({ unsubscribe: 'a' })
    await publish(port, 'a', 'meanwhile')
    client.send({ subscribe: 'a', since: position })
    expect(await client.bodies(1)).toEqual(['meanwhile'])
    expect(await client.json()).toHaveProperty('subscribed')
  })

  it('is bounded by limits.maxSubscriptions, those of the URL included', async () => {
    const { port } = await start('limits: { maxSubscriptions: 3 }')
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    await client.ask({ subscribe: ['b', 'c'] })
    const tooMany = { error: { code: 'too_many' }, ref: 9 }
    expect(await client.ask({ subscribe: 'd', ref: 9 })).toMatchObject(tooMany)
    expect(await client.ask({ subscribe: ['a', 'b', 'c'] })).toHaveProperty('subscribed')
    await client.ask({ unsubscribe: 'a' })
    expect(await client.ask({ subscribe: 'd' })).toHaveProperty('subscribed')
    await publish(port, 'd', 'x')
    expect(await client.bodies(1)).toEqual(['x'])
  })

  it('outlives the channel', async () => {
    const { port } = await start()
    await publish(port, 'a', 'old')
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    await request(port, 'DELETE', '/publisher/a')
    await publish(port, 'a', 'new')
    expect(await client.bodies(1)).toEqual(['new'])
  })

  it('ends with the connection', async () => {
    const { port, server } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    client.close()
    await until(() => server.hub().receivers('a' as never) === 0, 'it is forgotten')
    await until(() => server.connections === 0, 'the connection is closed')
  })
})
