import { expect } from 'vitest'
import { formatId } from '../../src/model/id.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import type { TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'

/** The channel that all of them follow. */
export const CHANNEL = 'live'

/** Every door that connections are kept open by, on free ports. */
export const DOORS = `
feed: { port: 0 }
redis: { port: 0 }
fanout: { port: 0 }
sparkleshare: { port: 0, zeromq: false }
`

/** A client that follows `live` by some door, as bytes: nothing in it would come back by itself. */
export interface LiveClient {
  readonly door: string
  /** Waits until it was told this. */
  hears(text: string): Promise<void>
  /** How often it was told this. */
  times(text: string): number
  readonly ended: boolean
}

/** The port of a door's own place. */
export function portOf({ server }: TestServer, what: string): number {
  const where = server.places.find((place) => place.what === what)?.where
  if (where === undefined) throw new Error(`${what} listens nowhere`)
  return Number(new URL(where).port)
}

class Wire implements LiveClient {
  readonly door: string
  readonly raw: RawClient

  constructor(door: string, raw: RawClient) {
    this.door = door
    this.raw = raw
  }

  async hears(text: string): Promise<void> {
    const has = (): boolean => this.raw.received.includes(text)
    await until(() => has() || this.ended, `${this.door} is told ${text}`)
    if (!has()) throw new Error(`${this.door} was closed: ${this.raw.received.toString('latin1')}`)
  }

  times(text: string): number {
    return this.raw.received.toString('latin1').split(text).length - 1
  }

  get ended(): boolean {
    return this.raw.ended
  }
}

export const UPGRADE = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

async function wire(door: string, port: number, bytes: string | Buffer): Promise<Wire> {
  const raw = await RawClient.connect(port)
  // As any program does that was not made for looking at bytes.
  raw.socket.on('end', () => raw.socket.end())
  raw.send(bytes)
  return new Wire(door, raw)
}

/** A stream of events. */
export async function sse(started: TestServer, path = `/events/${CHANNEL}`): Promise<LiveClient> {
  return wire('events', started.port, requestBytes('GET', path, { Accept: 'text/event-stream' }))
}

export async function webSocket(started: TestServer, path = `/ws/${CHANNEL}`): Promise<Wire> {
  return wire('websocket', started.port, requestBytes('GET', path, UPGRADE))
}

export async function redis(started: TestServer): Promise<Wire> {
  return wire('redis', portOf(started, 'redis'), `SUBSCRIBE ${CHANNEL}\r\n`)
}

export async function feed(started: TestServer): Promise<Wire> {
  return wire('feed', portOf(started, 'feed'), requestBytes('GET', `/${CHANNEL}`))
}

export async function fanout(started: TestServer): Promise<Wire> {
  return wire('fanout', portOf(started, 'fanout'), `subscribe ${CHANNEL}\n`)
}

export async function sparkleshare(started: TestServer): Promise<Wire> {
  const hello = `{"repo": "${CHANNEL}", "command": "register"}`
  return wire('sparkleshare', portOf(started, 'sparkleshare'), hello)
}

export async function longPoll(started: TestServer): Promise<Wire> {
  return wire('relay', started.port, requestBytes('GET', `/subscriber/${CHANNEL}`))
}

/** A user that is subscribed to the channel; the client would come back, and is told not to. */
export async function socketIo({ server, port }: TestServer): Promise<LiveClient> {
  await server.users.sessions.set('ada', 'session-of-ada')
  await server.users.subscribe('ada', CHANNEL as never)
  const client = await IoClient.in(port, 'session-of-ada', { reconnection: false })
  const times = (text: string): number =>
    client.events.filter((event) => JSON.stringify(event).includes(text)).length
  return {
    door: 'socketio',
    hears: (text) => until(() => times(text) > 0, `socket.io is told ${text}`),
    times,
    get ended() {
      return !client.socket.connected
    },
  }
}

/** One by each door that holds connections open, following. */
export async function everyDoor(started: TestServer): Promise<LiveClient[]> {
  const { server } = started
  const before = server.hub().receivers(CHANNEL as never)
  // Nobody waits for a channel that is not there.
  await server.hub().stat(CHANNEL as never, true)
  const open = [sse, webSocket, redis, feed, fanout, sparkleshare, longPoll, socketIo]
  const clients: LiveClient[] = []
  for (const connect of open) clients.push(await connect(started))
  await until(
    () => server.hub().receivers(CHANNEL as never) === before + open.length,
    `all ${open.length} follow`,
  )
  return clients
}

/** Publishes a text to the channel, and waits until all have it: once each, and not closed. */
export async function tellAll(
  { server }: TestServer,
  clients: readonly LiveClient[],
  text: string,
): Promise<void> {
  const { id } = await server.hub().publish({ channel: CHANNEL as never, body: Buffer.from(text) })
  for (const client of clients) {
    // Old clients of SparkleShare hear of a revision, and of no text.
    const sign = client.door === 'sparkleshare' ? formatId(id) : text
    await client.hears(sign)
    expect(client.times(sign), `${client.door} heard ${sign}`).toBe(1)
    // A poll that was answered may be kept alive or not.
    if (client.door !== 'relay') expect(client.ended, `${client.door} is closed`).toBe(false)
  }
}
