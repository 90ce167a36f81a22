import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { requestBytes } from '../support/raw.ts'
import { startServer, testConfig, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { CHANNEL, portOf, UPGRADE } from './live-clients.ts'

const CONNECTIONS = 5_000
/** That many are opened at once. */
const BURST = 250

/** A subscriber that reads the numbers of messages, in order, and nothing else. */
class Counter {
  readonly socket: Socket
  /** The last number heard, from 1; nothing between was missed, nothing came twice. */
  heard = 0
  wrong: string | undefined
  #rest = ''

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => this.#read(bytes.toString('latin1')))
    socket.on('close', () => (this.wrong ??= 'it was closed'))
    socket.on('error', (error) => (this.wrong ??= error.message))
  }

  #read(text: string): void {
    const parts = (this.#rest + text).split(';')
    this.#rest = (parts.pop() ?? '').slice(-200)
    for (const part of parts) {
      const number = Number(/#(\d+)$/.exec(part)?.[1])
      if (!number) continue
      if (number !== this.heard + 1) this.wrong ??= `${number} after ${this.heard}`
      this.heard = number
    }
  }
}

/** What opens a subscription by each of the doors that hold most connections. */
function openings(started: TestServer): { readonly port: number; readonly bytes: Buffer }[] {
  const { port } = started
  return [
    { port, bytes: requestBytes('GET', `/events/${CHANNEL}`, { Accept: 'text/event-stream' }) },
    { port, bytes: requestBytes('GET', `/ws/${CHANNEL}`, UPGRADE) },
    { port: portOf(started, 'redis'), bytes: Buffer.from(`SUBSCRIBE ${CHANNEL}\r\n`) },
  ]
}

async function crowd(started: TestServer): Promise<Counter[]> {
  const ways = openings(started)
  const counters: Counter[] = []
  onTestFinished(() => {
    for (const { socket } of counters) socket.destroy()
  })
  const receivers = (): number => started.server.hub().receivers(CHANNEL as never)
  while (counters.length < CONNECTIONS) {
    const from = counters.length
    const opened = Array.from({ length: BURST }, async (_, n) => {
      const way = ways[(from + n) % ways.length]
      if (!way) throw new Error('no way')
      const socket = connect(way.port, '127.0.0.1')
      await once(socket, 'connect')
      counters.push(new Counter(socket))
      socket.write(way.bytes)
    })
    await Promise.all(opened)
    await until(() => receivers() === counters.length, `all ${counters.length} follow`)
  }
  return counters
}

it(`a reload under ${CONNECTIONS} connections drops none, and loses no message`, async () => {
  const common = 'redis: { port: 0 }\nstore: { default: { type: memory }, other: { type: memory } }'
  const started = await startServer(common)
  const { server } = started
  const counters = await crowd(started)
  let published = 0
  let publishing = true
  // A message now and then, before, between and after.
  const publisher = (async () => {
    while (publishing) {
      const body = Buffer.from(`#${++published};`)
      await server.hub().publish({ channel: CHANNEL as never, body })
      const slowest = published - 5
      await until(
        () => counters.every(({ heard, wrong }) => wrong || heard >= slowest),
        'they hear',
      )
    }
  })()
  const after = async (count: number): Promise<void> => {
    const from = published
    await until(() => published >= from + count, `${count} more were published`)
  }

  await after(2)
  const limits = 'limits: { maxBodyBytes: 1KiB, heartbeat: 1s, maxUnsentBytes: 64KiB }'
  await server.apply(testConfig(`${common}\n${limits}`))
  await after(2)
  const locations = 'locations: [{ type: publisher, prefix: /only/ }]'
  const doors = common.replace('redis: { port: 0 }', 'redis: { port: 0, store: other }')
  const applied = await server.apply(testConfig(`${doors}\n${locations}\nfeed: { port: 0 }`))
  expect(applied.restarted).toEqual(['redis'])
  await after(2)
  await server.apply(testConfig(`${common}\ntrustedPeers: [10.0.0.1]`))
  await after(2)

  publishing = false
  await publisher
  await until(() => counters.every(({ heard, wrong }) => wrong || heard === published), 'all hear')
  expect(counters.filter(({ wrong }) => wrong).map(({ wrong }) => wrong)).toEqual([])
  expect(server.hub().receivers(CHANNEL as never)).toBe(CONNECTIONS)
})
