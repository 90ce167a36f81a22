import { describe, expect, it } from 'vitest'
import { RawClient, request, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { EventsClient, publish } from './events-client.ts'

/** What Chromium's EventSource sends. */
const EVENTS = { Accept: 'text/event-stream', 'Cache-Control': 'no-cache' }

describe.each(PATHS)('events on a subscriber location over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it.each(['text/event-stream', 'text/html, TEXT/Event-Stream;q=0.5'])(
    'are for those who accept them: %s',
    async (accept) => {
      const { port } = await start()
      const stream = await EventsClient.follow(port, '/subscriber/a', { Accept: accept })
      await publish(port, 'a', 'hello')
      expect((await stream.block()).data).toBe('hello')
    },
  )

  it.each([undefined, '*/*', 'text/plain', 'text/event-stream-not'])(
    'leave polls alone: Accept %s',
    async (accept) => {
      const { port, server } = await start()
      await request(port, 'PUT', '/publisher/a')
      const poll = await RawClient.connect(port)
      const headers = accept === undefined ? {} : { Accept: accept }
      poll.send(requestBytes('GET', '/subscriber/a', headers))
      await until(() => server.hub().receivers('a' as never) === 1, 'the poll waits')
      await publish(port, 'a', 'hello')
      const reply = await poll.reply()
      expect(reply.headers['etag']).toBeDefined()
      expect(reply.body.toString()).toBe('hello')
    },
  )

  it('and polls hear the same message', async () => {
    const { port, server } = await start()
    await request(port, 'PUT', '/publisher/a')
    const stream = await EventsClient.follow(port, '/subscriber/a', EVENTS)
    const poll = await RawClient.connect(port)
    poll.send(requestBytes('GET', '/subscriber/a'))
    await until(() => server.hub().receivers('a' as never) === 2, 'both wait')

    const id = await publish(port, 'a', 'hello')

    expect(await stream.block()).toMatchObject({ id, data: 'hello' })
    expect((await poll.reply()).body.toString()).toBe('hello')
  })

  it('wait for an unknown channel, where a poll is told that there is none', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/subscriber/new', EVENTS)
    expect((await request(port, 'GET', '/subscriber/new')).status).toBe(404)
    await publish(port, 'new', 'x')
    expect((await stream.block()).data).toBe('x')
  })

  it('go on after the first message, and when their channel is deleted', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/subscriber/a', EVENTS)
    await publish(port, 'a', 'one')
    await request(port, 'DELETE', '/publisher/a')
    await publish(port, 'a', 'two')
    expect(await stream.data(2)).toEqual(['one', 'two'])
  })

  it('take the same parameters', async () => {
    const { port } = await start()
    await publish(port, 'a', 'one')
    await publish(port, 't/b', 'two')
    const path = '/subscriber/a?channel=t/&since=all&format=json'
    const stream = await EventsClient.follow(port, path, EVENTS)
    expect((await stream.data(2)).map((json = '') => JSON.parse(json) as object)).toMatchObject([
      { body: 'one' },
      { channel: 't/b', body: 'two' },
    ])
  })

  it('answer only GET and OPTIONS', async () => {
    const { port } = await start()
    const reply = await request(port, 'POST', '/subscriber/a', EVENTS, 'x')
    expect(reply.status).toBe(405)
    expect(reply.headers['allow']).toBe('GET, OPTIONS')
  })

  it('have the retry time of the location', async () => {
    const { port } = await start('locations: [{ type: subscriber, prefix: /s/, retry: 10s }]')
    const stream = await EventsClient.open(port, '/s/a', EVENTS)
    expect((await stream.block()).lines[0]).toBe('retry: 10000')
  })

  it('are not served by a publisher location', async () => {
    const { port } = await start()
    const reply = await request(port, 'GET', '/publisher/a', EVENTS)
    expect(reply.status).toBe(404)
  })
})
