/** What is thrown where all connections have their turn, or in Socket.IO, is one client's affair. */
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { PacedWriter } from '../../src/net/paced.ts'
import { Wheel, type WheelItem } from '../../src/net/wheel.ts'
import { Link } from '../../src/protocols/socketio/link.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { CHANNEL, everyDoor, portOf, tellAll, UPGRADE } from './live-clients.ts'

/** Every door, and a wheel that comes round soon. */
const OFTEN = `
limits: { heartbeat: 150ms }
feed: { port: 0, stillalive: 150ms }
redis: { port: 0 }
fanout: { port: 0 }
sparkleshare: { port: 0, zeromq: false }
management: { port: 0 }
`

const BROKEN = 'TypeError: broken on purpose'

function broken(): never {
  throw new TypeError('broken on purpose')
}

/** Closed, counted, logged: once, and the others are there. */
async function isAlone(
  started: TestServer,
  ended: () => boolean,
  others: Awaited<ReturnType<typeof everyDoor>>,
): Promise<void> {
  await until(() => started.errors.length > 0, 'it is reported')
  await until(ended, 'it is closed')
  await tellAll(started, others, 'still there')
  expect(started.errors.splice(0).map(String)).toEqual([BROKEN])
  const metrics = await request(portOf(started, 'management'), 'GET', '/metrics')
  expect(metrics.body.toString()).toMatch(/^fanfare_errors_total 1$/m)
}

/** What makes a client of each door stay. */
const STAYS: Readonly<Record<string, string | Buffer>> = {
  'a request': 'GET /events/x HTTP/1.1\r\n',
  events: requestBytes('GET', `/events/${CHANNEL}`),
  websocket: requestBytes('GET', `/ws/${CHANNEL}`, UPGRADE),
  relay: requestBytes('GET', `/subscriber/${CHANNEL}`),
  feed: requestBytes('GET', `/${CHANNEL}`),
  redis: `SUBSCRIBE ${CHANNEL}\r\n`,
  fanout: `subscribe ${CHANNEL}\n`,
  sparkleshare: `{"repo": "${CHANNEL}", "command": "register"}`,
}
const OWN_PORT = new Set(['feed', 'redis', 'fanout', 'sparkleshare'])

async function connectBy(started: TestServer, door: string): Promise<RawClient> {
  const port = OWN_PORT.has(door) ? portOf(started, door) : started.port
  const client = await RawClient.connect(port)
  client.socket.on('end', () => client.socket.end())
  client.send(STAYS[door] ?? '')
  return client
}

/** All that is put on wheels from now on. */
function itemsFromNow(): Set<WheelItem> {
  const found = new Set<WheelItem>()
  const add = Reflect.get<Wheel, 'add'>(Wheel.prototype, 'add')
  const spy = vi.spyOn(Wheel.prototype, 'add').mockImplementation(function (this: Wheel, item) {
    found.add(item)
    add.call(this, item)
  })
  onTestFinished(() => spy.mockRestore())
  return found
}

describe('a tick of the wheel', () => {
  const cases = PATHS.flatMap(({ path, lean }) =>
    Object.keys(STAYS).map((door) => ({ path, lean, door })),
  )

  it.each(cases)('that throws for a client of $door: $path', async ({ lean, door }) => {
    const started = await startServer(OFTEN, { lean })
    const others = await everyDoor(started)
    const followers = started.server.hub().receivers(CHANNEL as never)
    const items = itemsFromNow()
    const victim = await connectBy(started, door)
    await until(() => items.size > 0, 'it is on a wheel')
    if (door !== 'a request') {
      const all = (): number => started.server.hub().receivers(CHANNEL as never)
      await until(() => all() === followers + 1, 'it follows')
    }

    // Of several (a request that became a stream) only the last is still visited.
    for (const item of items) item.tick = broken

    await isAlone(started, () => victim.ended, others)
    const left = started.server.hub().receivers(CHANNEL as never)
    // The poll among the others was answered.
    expect(left).toBe(followers - 1)
  })
})

describe('a turn of the pacer', () => {
  it.each(['fanout', 'sparkleshare'])('that throws for a client of %s', async (door) => {
    const started = await startServer(OFTEN)
    const hub = started.server.hub()
    const others = await everyDoor(started)
    // Alone on a channel of its own, so that it alone has a turn.
    const victim = await RawClient.connect(portOf(started, door))
    victim.send(door === 'fanout' ? 'subscribe own\n' : '{"repo": "own", "command": "register"}')
    await until(() => hub.receivers('own' as never) === 1, 'it follows')
    const turn = vi.spyOn(PacedWriter.prototype, 'turn').mockImplementationOnce(broken)
    onTestFinished(() => turn.mockRestore())

    await hub.publish({ channel: 'own' as never, body: Buffer.from('one') })

    await isAlone(started, () => victim.ended, others)
    expect(hub.receivers('own' as never)).toBe(0)
  })
})

describe('a handler of Socket.IO that throws', () => {
  const session = 'session-of-eve'

  /** Eve, whose client does not come back by itself, and everybody else. */
  async function withEve(): Promise<{
    started: TestServer
    others: Awaited<ReturnType<typeof everyDoor>>
    connect: () => IoClient
  }> {
    const started = await startServer(OFTEN)
    const others = await everyDoor(started)
    await started.server.users.sessions.set('eve', session)
    const options = { reconnection: false, auth: { session } }
    return { started, others, connect: () => new IoClient(started.port, options) }
  }

  it('when a client connects', async () => {
    const { started, others, connect } = await withEve()
    const traffic = started.server.traffic.of('socketio')
    vi.spyOn(traffic, 'opened').mockImplementationOnce(broken)
    const client = connect()
    await isAlone(started, () => !client.socket.connected, others)
  })

  it('when a client asks for something', async () => {
    const { started, others, connect } = await withEve()
    const client = connect()
    await client.said('connect')
    vi.spyOn(Link.prototype, 'send').mockImplementationOnce(broken)
    client.socket.emit('subscribe', 1, 2, 3)
    await isAlone(started, () => !client.socket.connected, others)
  })

  it('when a client goes', async () => {
    const { started, others, connect } = await withEve()
    const { users } = started.server
    const enter = users.connect.bind(users)
    vi.spyOn(users, 'connect').mockImplementationOnce(async (...who) => {
      const login = await enter(...who)
      return {
        ...login,
        left: () => {
          login.left()
          broken()
        },
      }
    })
    const client = connect()
    await client.said('connect')
    client.socket.io.engine.close()
    await isAlone(started, () => !client.socket.connected, others)
    expect(await users.connected()).toEqual(['ada'])
  })
})
