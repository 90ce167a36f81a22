import { nowMicros } from '../driver/body.ts'
import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { type Client, ReturningClients } from '../driver/returning.ts'
import { sleep, until } from '../driver/wait.ts'
import { loadOf } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LOAD, written } from './shape.ts'

const CHANNEL = 'bench'
const CLIENTS = 1000
const MESSAGES = 120
const SMALL_MESSAGES = 40
/** Messages a second. */
const RATE = 2
/** Each client loses its connection that often, and comes back after so long, in milliseconds. */
const EVERY_MS = 15_000
const AWAY_MS = 2000
/** After a refusal, in milliseconds. */
const AGAIN_MS = 500
const AT_ONCE = 128
/** For those who are away at the end, in milliseconds. */
const PATIENCE_MS = 10_000

/** Drops each client at its own moment of every 15 seconds, until it is told to end. */
class Shaking {
  readonly #clients: ReturningClients
  readonly #timers = new Set<NodeJS.Timeout>()
  /** When each client was dropped last, in microseconds of `nowMicros`. */
  readonly droppedAt: Float64Array
  drops = 0
  #on = true

  constructor(clients: ReturningClients) {
    this.#clients = clients
    this.droppedAt = new Float64Array(clients.all.length)
  }

  start(): void {
    for (const client of this.#clients.all) {
      this.#later((client.index / this.#clients.all.length) * EVERY_MS, () => this.#drop(client))
    }
  }

  /** No more drops; those who are away come back. */
  end(): void {
    this.#on = false
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #drop(client: Client): void {
    if (!this.#on) return
    this.#clients.drop(client)
    this.droppedAt[client.index] = nowMicros()
    this.drops++
    this.#later(AWAY_MS, () => this.comeBack(client))
    this.#later(EVERY_MS, () => this.#drop(client))
  }

  comeBack(client: Client): void {
    this.#clients.connect(client).catch(() => this.#later(AGAIN_MS, () => this.comeBack(client)))
  }

  #later(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, ms)
    this.#timers.add(timer)
  }
}

async function shake(run: ShapeRun): Promise<Measured> {
  const { door } = run
  const publishPort = run.portOf(door.publishPort)
  await prepareChannel(publishPort, door.publish.prepare(CHANNEL))
  const afterReturn = new Latencies()
  const live = new Latencies()
  const messages = run.small ? SMALL_MESSAGES : MESSAGES
  const clients: ReturningClients = new ReturningClients({
    door,
    port: run.portOf(door.port),
    channel: CHANNEL,
    count: CLIENTS,
    bodySize: BODY_BYTES,
    messages: messages + 1,
    onMessage(client, _sequence, sent) {
      const missed = sent < client.connecting && sent > (shaking.droppedAt[client.index] ?? 0)
      if (missed) afterReturn.add(nowMicros() - client.connecting)
      else live.add(nowMicros() - sent)
    },
    onLost: (client) => shaking.comeBack(client),
  })
  const shaking = new Shaking(clients)
  await clients.connectAll(AT_ONCE)
  const form = { form: door.publish, port: publishPort, channel: CHANNEL, bodySize: BODY_BYTES }
  const publishers = await Publishers.open({ ...form, connections: 1 })
  // Everybody has a cursor once it has a message; this one is not counted.
  publishers.publishOne()
  await until(() => clients.total >= CLIENTS, DRAIN_MS)
  const first = clients.total
  live.clear()

  const meter = new Meter(run.server, () => clients.total)
  shaking.start()
  await publishers.pace(messages, RATE)
  shaking.end()
  const interval = meter.stop()
  await until(() => clients.all.every((client) => client.isConnected), PATIENCE_MS)
  const all = CLIENTS * (messages + 1)
  await until(() => clients.total >= all, PATIENCE_MS)
  await sleep(AGAIN_MS)
  await publishers.drain(DRAIN_MS)
  shaking.close()
  publishers.close()
  clients.close()
  const [p50 = Number.NaN, p99 = Number.NaN, max = Number.NaN] = afterReturn.millis([0.5, 0.99, 1])
  const [liveP99 = Number.NaN] = live.millis([0.99])
  return {
    metrics: {
      delivered: ((clients.total - first) / (CLIENTS * messages)) * 100,
      missed: afterReturn.size,
      p50,
      p99,
      max,
      liveP99,
      doubles: clients.doubles,
      drops: shaking.drops,
      ...loadOf(interval),
    },
    problems: [...publishers.problems, ...clients.problems],
  }
}

export const jitter: Shape = {
  name: 'jitter',
  group: 'jitter',
  title: `Jitter: ${written(CLIENTS)} clients lose their connection every ${EVERY_MS / 1000} s for ${AWAY_MS / 1000} s, ${MESSAGES} messages at ${RATE}/s`,
  about: `Phones on the move: every client is cut off four times a minute and comes back. How many of the messages does it get, and how soon after its return those it missed? Feed clients come back with a time, so some come again. Several servers are looked at side by side here.`,
  doors: ['sse', 'websocket', 'feed', 'longpoll', 'socketio', 'xread'],
  against: ['nchan', 'redis', 'socketio', 'socketio-recovery'],
  metrics: [
    { key: 'delivered', label: 'delivered', unit: '%', better: 'neither', plot: true },
    { key: 'missed', label: 'caught up on', unit: '', better: 'neither', plot: false },
    { key: 'p50', label: 'p50 after return', unit: 'ms', better: 'neither', plot: false },
    { key: 'p99', label: 'p99 after return', unit: 'ms', better: 'lower', plot: true },
    { key: 'max', label: 'max', unit: 'ms', better: 'neither', plot: false },
    { key: 'liveP99', label: 'live p99', unit: 'ms', better: 'neither', plot: false },
    { key: 'doubles', label: 'came again', unit: '', better: 'neither', plot: false },
    { key: 'drops', label: 'drops', unit: '', better: 'neither', plot: false },
    ...LOAD.filter((metric) => metric.key !== 'others'),
  ],
  rounds: 1,
  atOnce: 6,
  usually: 66,
  lasts: ({ small }) => (small ? SMALL_MESSAGES : MESSAGES) / RATE + 30,
  run: shake,
}
