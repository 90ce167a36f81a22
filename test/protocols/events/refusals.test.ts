import { describe, expect, it } from 'vitest'
import { RawClient, request, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { EventsClient, publish } from './events-client.ts'

describe.each(PATHS)('what an event stream refuses over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it.each([
    ['no channel', '/events/', 'bad_channel'],
    ['an empty channel', '/events/?channel=', 'bad_channel'],
    ['an empty one among others', '/events/a?channel=b&channel=', 'bad_channel'],
    ['a channel of 513 bytes', `/events/${'x'.repeat(513)}`, 'bad_channel'],
    ['a malformed escape in the path', '/events/a%2', 'bad_channel'],
    ['an escape that is none', '/events/%zz', 'bad_channel'],
    ['a malformed escape in the query', '/events/a?channel=%', 'bad_request'],
    ['an unknown format', '/events/a?format=xml', 'bad_request'],
    ['a last that is no number', '/events/a?last=x', 'bad_request'],
    ['a negative last', '/events/a?last=-1', 'bad_request'],
    ['an empty last', '/events/a?last=', 'bad_request'],
    ['a last beyond 1000', '/events/a?last=1001', 'bad_request'],
    ['a word as cursor', '/events/a?since=yesterday', 'bad_cursor'],
    ['half an id', '/events/a?since=1700000000-', 'bad_cursor'],
    ['an id that counts too far', '/events/a?since=1700000000-2097152', 'bad_cursor'],
    ['an id beyond all time', '/events/a?since=4294967296-0', 'bad_cursor'],
    ['a negative time', '/events/a?since=-5', 'bad_cursor'],
    ['a time in exponents', '/events/a?since=1e9', 'bad_cursor'],
    ['a date', '/events/a?since=2026-11-21', 'bad_cursor'],
    ['spaces around an id', '/events/a?since=+1700000000-0', 'bad_cursor'],
  ])('%s', async (_, path, code) => {
    const { port } = await start()
    const reply = await request(port, 'GET', path)
    expect(reply.status).toBe(400)
    expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(reply.body.toString()).toMatch(new RegExp(`^400 ${code}: .*\n$`))
  })

  it.each([
    ['nonsense', 'nonsense'],
    ['the ids of two', '1700000000-0, 1700000000-1'],
    ["an id of Redis's kind", '1700000000000-0'],
  ])('a malformed Last-Event-ID: %s', async (_, lastEventId) => {
    const { port } = await start()
    const headers = { 'Last-Event-ID': lastEventId }
    const reply = await request(port, 'GET', '/events/a?since=all', headers)
    expect(reply.status).toBe(400)
    expect(reply.body.toString()).toContain('bad_cursor')
  })

  it('with a reason as JSON for programs that ask for it', async () => {
    const { port } = await start()
    const headers = { Accept: 'application/json, text/event-stream' }
    const reply = await request(port, 'GET', '/events/a?since=x', headers)
    expect(reply.headers['content-type']).toBe('application/json')
    expect(JSON.parse(reply.body.toString())).toEqual({
      error: {
        code: 'bad_cursor',
        message: 'A cursor is an id such as 1700000000-0, a unix time in seconds, or all; not "x".',
      },
    })
  })

  it('and goes on to the next request of the connection', async () => {
    const { port } = await start()
    const client = await RawClient.connect(port)
    client.send(requestBytes('GET', '/events/a?since=x'))
    expect((await client.reply()).status).toBe(400)
    client.send(requestBytes('GET', '/events/a'))
    expect(await client.takeUntil('\r\n')).toBe('HTTP/1.1 200 OK\r\n')
  })

  it('nothing that it does not know: other parameters are for others', async () => {
    const { port } = await start()
    const stream = await EventsClient.follow(port, '/events/a?utm_source=x&y&=z&&')
    await publish(port, 'a', 'x')
    expect((await stream.block()).data).toBe('x')
  })
})
