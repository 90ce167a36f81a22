import { describe, expect, it } from 'vitest'
import { traceIn } from '../../src/model/trace.ts'
import { startManaged } from '../protocols/management/support.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const OTHER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01'

describe('traceparent', () => {
  it.each([
    [TRACE, TRACE],
    // What a later version brings is not handed on.
    [`cc${TRACE.slice(2)}-what-the-future-has`, TRACE],
  ])('is read: %s', (header, read) => {
    expect(traceIn(header)).toBe(read)
  })

  it.each([
    '',
    `${TRACE}-more`,
    `ff${TRACE.slice(2)}`,
    TRACE.toUpperCase(),
    TRACE.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    TRACE.replace('00f067aa0ba902b7', '0'.repeat(16)),
    TRACE.slice(0, -1),
    `01${TRACE.slice(2)}-${'x'.repeat(1_000)}`,
    `${TRACE}\u00e9`,
  ])('is left out when it is none: %s', (header) => {
    expect(traceIn(header)).toBeUndefined()
  })
})

describe.each(PATHS)('a message over $path', ({ lean }) => {
  it('keeps the context it was published in, and shows it by doors that can', async () => {
    const { port } = await startServer('', { lean })
    const stream = await RawClient.connect(port)
    stream.send(requestBytes('GET', '/events/a?format=json', { Accept: 'text/event-stream' }))
    await stream.takeUntil('\r\n\r\n')
    const posted = await request(port, 'POST', '/publisher/a', { Traceparent: TRACE }, 'hi')
    expect(posted.status).toBe(201)

    await stream.until(() => stream.received.includes(`"attributes":{"traceparent":"${TRACE}"}`))
    const poll = await request(port, 'GET', '/subscriber/a', { 'If-None-Match': '0' })
    expect(poll.headers['traceparent']).toBe(TRACE)
  })

  it('has none where none came, or something else did', async () => {
    const { port } = await startServer('', { lean })
    await request(port, 'POST', '/publisher/a', { Traceparent: 'x"\\evil' }, 'hi')
    const poll = await request(port, 'GET', '/subscriber/a', { 'If-None-Match': '0' })
    expect(poll.status).toBe(200)
    expect(poll.headers['traceparent']).toBeUndefined()
  })

  it('is the same message when it is sent again in another context', async () => {
    const { port } = await startServer('', { lean })
    const key = { 'Idempotency-Key': 'k' }
    const first = await request(port, 'POST', '/publisher/a', { ...key, Traceparent: TRACE }, 'x')
    const again = await request(port, 'POST', '/publisher/a', { ...key, Traceparent: OTHER }, 'x')
    const bare = await request(port, 'POST', '/publisher/a', key, 'x')
    expect([again, bare].map(({ headers }) => headers['fanfare-id'])).toEqual([
      first.headers['fanfare-id'],
      first.headers['fanfare-id'],
    ])
  })
})

it('comes with messages of the services, of hooks, and of lines of JSON', async () => {
  const { port, post } = await startManaged()
  const headers = { Traceparent: TRACE }
  await post('/channel/publish', { channelId: 'a', message: 1 }, headers)
  await request(
    port,
    'POST',
    '/publisher/a',
    { ...headers, 'Content-Type': 'application/x-ndjson' },
    `{"body":"two"}\n{"body":"three","attributes":{"traceparent":"${OTHER}"}}\n`,
  )
  const form = { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' }
  await request(port, 'POST', '/', form, 'channel=a&message=four')

  const reply = await post('/channel/history', { channelId: 'a' })
  const { messages } = JSON.parse(reply.body.toString()) as {
    messages: { body: string; attributes?: Record<string, string> }[]
  }
  expect(messages.map(({ body, attributes }) => [body, attributes?.['traceparent']])).toEqual([
    ['1', TRACE],
    ['two', TRACE],
    ['three', OTHER],
    ['four', TRACE],
  ])
})
