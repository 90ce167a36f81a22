/** What fails on a connection is told with the address at its other end, whatever door it came by. */
import { expect, it, onTestFinished, vi } from 'vitest'
import type { About } from '../../src/model/events.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { SECRET, token } from '../protocols/socketio/token.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { DOORS, portOf, UPGRADE } from './live-clients.ts'

const USERS = `users: { publish: ['/'], jwt: { secret: "${SECRET}" } }\n`

const METHODS: readonly ('publish' | 'publishAll' | 'follow')[] = [
  'publish',
  'publishAll',
  'follow',
]

function broken(): never {
  throw new TypeError('broken on purpose')
}

/** A server that stores nothing and lets nobody follow anything, and what it reports. */
async function startBroken(lean = true, methods = METHODS) {
  const told: { text: string; about: About | undefined }[] = []
  const started = await startServer(`${DOORS}\n${USERS}`, {
    lean,
    onError: (error, about) => told.push({ text: String(error), about }),
  })
  const hub = started.server.hub()
  for (const method of methods) {
    const spy = vi.spyOn(hub, method).mockImplementation(broken)
    onTestFinished(() => spy.mockRestore())
  }
  return { ...started, told }
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const PUBLISHES: Readonly<Record<string, string | Buffer>> = {
  relay: requestBytes('POST', '/publisher/a', {}, 'x'),
  events: requestBytes('GET', '/events/a'),
  webhooks: requestBytes('POST', '/', FORM, 'channel=a&message=x'),
  feed: requestBytes('POST', '/a', {}, '{"a":1}\n'),
  redis: 'PUBLISH a x\r\n',
  fanout: 'announce a x\n',
  sparkleshare: '{"repo": "a", "command": "new_version", "revision": "1"}',
}
const FOLLOWS: Readonly<Record<string, string | Buffer>> = {
  websocket: requestBytes('GET', '/ws/a', UPGRADE),
  feed: requestBytes('GET', '/a'),
  redis: 'SUBSCRIBE a\r\n',
  fanout: 'subscribe a\n',
  sparkleshare: '{"repo": "a", "command": "register"}',
}
const CASES = PATHS.flatMap(({ path, lean }) =>
  [PUBLISHES, FOLLOWS].flatMap((kind) =>
    Object.entries(kind).map(([door, bytes]) => ({ path, lean, door, bytes })),
  ),
)
const OWN = new Set(['feed', 'redis', 'fanout', 'sparkleshare'])

it.each(CASES)('$door, $bytes, over $path', async ({ lean, door, bytes }) => {
  const started = await startBroken(lean)
  const isOwn = OWN.has(door)
  const client = await RawClient.connect(isOwn ? portOf(started, door) : started.port)

  client.send(bytes)

  await until(() => started.told.length > 0, 'it is reported')
  const [first] = started.told
  expect(first).toEqual({
    text: 'TypeError: broken on purpose',
    about: expect.objectContaining({ peer: '127.0.0.1', ...(isOwn ? { door } : {}) }),
  })
})

const BROKEN = {
  text: 'TypeError: broken on purpose',
  about: expect.objectContaining({ peer: '127.0.0.1' }),
}

it('a command on a WebSocket', async () => {
  const { told, port } = await startBroken(true, ['publish'])
  const client = await FrameClient.open(port)
  const answer = await client.ask({ publish: 'a', body: 'x', ref: 1 })
  expect(answer).toMatchObject({ error: { code: 'internal' }, ref: 1 })
  expect(told).toEqual([BROKEN])
})

it('a command at Socket.IO', async () => {
  const { told, port } = await startBroken(true, ['publish'])
  const client = new IoClient(port, { auth: { token: token({ sub: 'mona' }) } })
  await client.said('connect')
  const answer = await client.ask('publish', 'a', 'x')
  expect(answer).toMatchObject({ error: { code: 'internal' } })
  expect(told).toEqual([BROKEN])
})
