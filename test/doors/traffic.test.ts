/** What goes through each door is counted there, and nowhere else. */
import { expect, it } from 'vitest'
import { ConsoleClient } from '../console/client.ts'
import { connected } from '../protocols/fanout/fanout-client.ts'
import { startFeed } from '../protocols/feed/feed-client.ts'
import { RespClient } from '../protocols/redis/resp-client.ts'
import { SECRET } from '../protocols/socketio/token.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { RawClient, request } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import type { DoorTraffic, Snapshot } from '../../src/protocols/management/console/data.ts'
import { IN } from './in.ts'

const DOORS = `
fanout: { port: 0 }
redis: { port: 0 }
sparkleshare: { port: 0, zeromq: { broadcast: 0, command: 0 } }
management: { port: 0 }
users: { publish: [octocat/], jwt: { secret: ${SECRET} } }
`

async function start() {
  const { port, feedPort, server } = await startFeed('stillalive: 0', DOORS)
  const place = (what: string): string =>
    server.places.find((found) => found.what === what)?.where ?? ''
  const of = (what: string): number => Number(new URL(place(what)).port)
  const ports = {
    main: port,
    feed: feedPort,
    fanout: of('fanout'),
    redis: of('redis'),
    sparkleshare: of('sparkleshare'),
    broadcast: of('zmq notify'),
    command: of('zmq command'),
  }
  const console = await ConsoleClient.open(`${place('management')}console/overview`)
  /** Each door's counter of a name, once it is what the test says. */
  const counted = async (
    counter: keyof DoorTraffic,
    wanted: Readonly<Record<string, number>>,
  ): Promise<void> => {
    let found = {}
    try {
      await until(() => {
        const { doors } = console.all<Snapshot>('snapshot').at(-1) ?? { doors: [] }
        const some = doors.filter((door) => door[counter] !== 0)
        found = Object.fromEntries(some.map((door) => [door.name, door[counter]]))
        return JSON.stringify(sorted(found)) === JSON.stringify(sorted(wanted))
      }, 'it is counted')
    } catch {
      expect(found).toEqual(wanted)
    }
  }
  return { ports, server, counted }
}

function sorted(record: object): unknown[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Sends a GET, and leaves the connection open. */
async function http(port: number, path: string, accept = '*/*'): Promise<RawClient> {
  const client = await RawClient.connect(port)
  client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`)
  return client
}

/** The door that a way in belongs to. */
function doorOf(name: string): string {
  return name === 'sparkleshare: ZeroMQ' ? 'zeromq' : (name.split(':')[0] ?? '')
}

it('counts what is published, by every way in', async () => {
  const { ports, counted } = await start()
  const wanted: Record<string, number> = {}
  for (const publisher of IN) {
    await publisher.publish(ports)
    const door = doorOf(publisher.name)
    wanted[door] = (wanted[door] ?? 0) + 1
  }
  expect(Object.keys(wanted).length).toBeGreaterThanOrEqual(8)
  await counted('published', wanted)
})

it('counts connections while they are open, and polls while they wait', async () => {
  const { ports, counted, server } = await start()
  await server.hub().stat('a' as never, true)
  const clients = [
    await http(ports.main, '/events/a'),
    await http(ports.main, '/subscriber/a', 'text/event-stream'),
    await http(ports.main, '/subscriber/a'),
    await http(ports.feed, '/a'),
    await connected(ports.fanout),
    await RawClient.connect(ports.sparkleshare),
    await RawClient.connect(ports.redis),
    await FrameClient.open(ports.main),
  ]
  const one = { relay: 1, feed: 1, fanout: 1, sparkleshare: 1, redis: 1, websocket: 1 }
  await counted('connections', { ...one, events: 2 })
  for (const client of clients) client.close()
  await counted('connections', {})
  await counted('accepted', { ...one, events: 2 })
})

it('counts what is refused', async () => {
  const { ports, counted } = await start()
  await request(ports.main, 'DELETE', '/publisher/none')
  await request(ports.main, 'GET', '/subscriber/none')
  await request(ports.main, 'GET', '/events/')
  await request(ports.main, 'PUT', '/github')
  await request(ports.feed, 'DELETE', '/a').catch(() => {})
  const redis = await RespClient.connect(ports.redis)
  await redis.ask('NONSENSE')
  const frames = await FrameClient.open(ports.main)
  await frames.ask({ subscribe: '' })
  await counted('refused', { relay: 2, events: 1, webhooks: 1, feed: 1, redis: 1, websocket: 1 })
})
