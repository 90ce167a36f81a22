/** WebSockets over a store of several partitions. */
import { describe, expect, it, vi } from 'vitest'
import { publish } from '../protocols/events/events-client.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { comeBack } from '../protocols/websocket/resumer.ts'
import { channelIn, sorted } from '../support/partitioned.ts'
import { startServer } from '../support/server.ts'

vi.mock('../../src/stores/open.ts', () => import('../support/partitioned.ts'))

const [ONE, TWO, THREE] = [channelIn(0), channelIn(1), channelIn(2)] as const

describe('a WebSocket over several partitions', () => {
  it('gives each message its id, and the cursor behind it', async () => {
    const { port } = await startServer()
    const client = await FrameClient.open(port, `/ws/${ONE}?channel=${TWO}`)
    const { position } = await client.json()
    const id = await publish(port, TWO, 'hello')
    const [one] = String(position).split('.')
    expect(await client.json()).toMatchObject({ id, cursor: `${one}.${id}.` })
  })

  it('has ids alone as long as all that it follows lies in one', async () => {
    const { port } = await startServer()
    const client = await FrameClient.open(port)
    expect((await client.ask({ subscribe: ONE }))['position']).toMatch(/^\d+-\d+$/)
    await publish(port, ONE, 'first')
    expect(await client.json()).not.toHaveProperty('cursor')

    expect((await client.ask({ subscribe: TWO }))['position']).toMatch(/^\d+-\d+\.\d+-\d+\.$/)
    const second = await publish(port, ONE, 'second')
    expect((await client.json())['cursor']).toMatch(new RegExp(`^${second}\\.\\d+-\\d+\\.$`))

    await client.ask({ unsubscribe: TWO })
    await publish(port, ONE, 'third')
    expect(await client.json()).not.toHaveProperty('cursor')
  })

  it('subscribes to channels of several, each from one cursor, and comes back', async () => {
    const { port } = await startServer()
    const names = [ONE, TWO, THREE]
    for (const name of names) await publish(port, name, `kept ${name}`)
    const client = await FrameClient.open(port)
    client.send({ subscribe: names, since: 'all', ref: 1 })
    const frames = await client.until('subscribed')
    expect(frames.slice(0, -1).map(({ body }) => body)).toEqual(names.map((name) => `kept ${name}`))
    const { position } = frames.at(-1) ?? {}
    await publish(port, TWO, 'live')
    expect(await client.bodies(1)).toEqual(['live'])
    client.close()
    await publish(port, THREE, 'missed')

    const later = await FrameClient.open(port)
    later.send({ subscribe: names, since: position })
    const bodies = (await later.until('subscribed')).slice(0, -1).map(({ body }) => body)
    expect(sorted(bodies)).toEqual(['live', 'missed'])
  })

  it('answers a subscription of which one partition’s part was given up again', async () => {
    const { port } = await startServer()
    for (let n = 0; n < 3; n++) await publish(port, ONE, 'x'.repeat(100_000))
    const client = await FrameClient.open(port)
    client.send({ subscribe: [ONE, TWO], since: 'all', ref: 'both' })
    client.send({ unsubscribe: ONE, ref: 'less' })
    const frames = [...(await client.until('unsubscribed'))]
    if (!frames.some((frame) => 'subscribed' in frame))
      frames.push(...(await client.until('subscribed')))
    const answer = frames.find((frame) => 'subscribed' in frame)
    expect(answer).toMatchObject({ ref: 'both' })
    await publish(port, TWO, 'goes on')
    expect(await client.bodies(1)).toEqual(['goes on'])
  })

  it.each([1, 2, 3])('comes back as its rule says, round %i', async (seed) => {
    const { port } = await startServer('limits: { catchUpBytes: 200 }')
    await comeBack(port, seed, 'all')
  })

  it('says with a pong where the whole store stands', async () => {
    const { port } = await startServer()
    const id = await publish(port, TWO, 'x')
    const client = await FrameClient.open(port)
    const { pong } = await client.ask({ ping: 1 })
    expect(String(pong).split('.')[1]).toBe(id)
    expect(await client.ask({ subscribe: '/', since: pong })).toMatchObject({ subscribed: ['/'] })
  })
})
