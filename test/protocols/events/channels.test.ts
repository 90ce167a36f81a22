import { describe, expect, it } from 'vitest'
import { request } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { EventsClient, publish } from './events-client.ts'

describe.each(PATHS)('the channels of an event stream over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('may be unknown: the stream waits for them', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/not/yet?since=all')
    await publish(port, 'not/yet', 'born')
    expect((await stream.block()).data).toBe('born')
  })

  it.each([
    ['a space', 'a%20b', 'a%20b'],
    ['a plus, which a path keeps', 'a+b', 'a%2Bb'],
    ['UTF-8', '%C3%A4', '%c3%a4'],
    ['a slash, escaped or not', 'a%2Fb', 'a/b'],
    ['one leading slash, which does not count', '/a/b', 'a/b'],
    ['every byte', '%00%ff%0a%25', '%00%FF%0A%25'],
    ['a question mark', 'a%3Fb', 'a%3fb'],
    ['512 bytes', 'x'.repeat(512), 'x'.repeat(512)],
  ])('are their bytes: %s', async (_, followed, published) => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, `/events/${followed}`)
    await publish(port, published, 'hello')
    expect((await stream.block()).data).toBe('hello')
  })

  it('are a subtree where the path ends in a slash, and not what it is below', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a/?format=json')
    for (const channel of ['a', 'ab', 'b', 'a/b', 'a/b/c', 'a/']) await publish(port, channel, '')
    const heard = (await stream.data(3)).map((json = '') => channelOf(json))
    expect(heard).toEqual(['a/b', 'a/b/c', 'a/'])
  })

  it('are everything with channel=/', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/?channel=/&format=json')
    for (const channel of ['a', 'b/c', 'd/']) await publish(port, channel, '')
    const heard = (await stream.data(3)).map((json = '') => channelOf(json))
    expect(heard).toEqual(['a', 'b/c', 'd/'])
  })

  it('are those of the path and of the query together', async () => {
    const { port } = await start()
    const path = '/events/a?channel=b+b&channel=c%2F&format=json'
    const stream = await EventsClient.follow(port, path)
    for (const channel of ['a', 'b', 'b%20b', 'c', 'c/d']) await publish(port, channel, '')
    const heard = (await stream.data(3)).map((json = '') => channelOf(json))
    expect(heard).toEqual(['a', 'b b', 'c/d'])
  })

  it('come merged in the order of their ids, from history into what is live', async () => {
    const { port } = await start()
    const sent: string[] = []
    const next = async (channel: string): Promise<void> => {
      sent.push(await publish(port, channel, ''))
    }
    for (let n = 0; n < 60; n++) await next(['a', 'b', 't/x', 't/y'][(n * 7) % 4] as string)
    const path = '/events/a?channel=b&channel=t/&since=all'
    const stream = await EventsClient.follow(port, path)
    for (let n = 0; n < 60; n++) await next(['a', 'b', 't/x', 't/y'][(n * 5) % 4] as string)

    const heard = []
    while (heard.length < sent.length) heard.push((await stream.block()).id)

    expect(heard).toEqual(sent)
  })

  it('that overlap give each message once', async () => {
    const { port } = await start()
    await publish(port, 'a/b', 'old')
    const path = '/events/a/b?channel=a/&channel=/&channel=a/b&since=all'
    const stream = await EventsClient.follow(port, path)
    await publish(port, 'a/b', 'new')
    await publish(port, 'other', 'end')
    expect(await stream.data(3)).toEqual(['old', 'new', 'end'])
  })

  it('are as many as limits.maxSubscriptions', async () => {
    const { port } = await start('limits: { maxSubscriptions: 3 }')
    const stream = await EventsClient.follow(port, '/events/a?channel=b&channel=c')
    const refusal = await request(port, 'GET', '/events/a?channel=b&channel=c&channel=d')
    await publish(port, 'c', 'x')
    expect(refusal.status).toBe(400)
    expect(refusal.body.toString()).toBe(
      '400 too_many: One connection follows at most 3 channels.\n',
    )
    expect((await stream.block()).data).toBe('x')
  })

  it('may be deleted: their followers stay, and hear no gap', async () => {
    const { port, server } = await start()
    const id = await publish(port, 'a', 'before')
    const stream = await EventsClient.follow(port, '/events/a')
    expect((await request(port, 'DELETE', '/publisher/a')).status).toBe(200)
    const back = await EventsClient.follow(port, '/events/a', { 'Last-Event-ID': id })

    await publish(port, 'a', 'after')

    expect((await stream.block()).data).toBe('after')
    expect(await back.block()).toMatchObject({ event: undefined, data: 'after' })
    expect(server.hub().receivers('a' as never)).toBe(2)
  })
})

function channelOf(json: string): string {
  return (JSON.parse(json) as { channel: string }).channel
}
