import { nowMicros } from '../driver/body.ts'
import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { type Client, ReturningClients } from '../driver/returning.ts'
import { until } from '../driver/wait.ts'
import { loadOf } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LOAD, written } from './shape.ts'

const CHANNEL = 'bench'
const CLIENTS = 5000
const SMALL_CLIENTS = 500
const AT_ONCE = 128
/** Who is not back by then never will be, in milliseconds. */
const NEVER_MS = 40_000

async function restartUnder(run: ShapeRun): Promise<Measured> {
  const { door } = run
  const { returning } = door
  if (returning === undefined) throw new Error('this shape needs a door whose clients come back')
  const publishPort = run.portOf(door.publishPort)
  await prepareChannel(publishPort, door.publish.prepare(CHANNEL))
  const count = run.small ? SMALL_CLIENTS : CLIENTS
  const timers = new Set<NodeJS.Timeout>()
  const attempts = new Uint32Array(count)
  let over = false
  const later = (client: Client): void => {
    const wait = client.session.told?.() ?? returning.backoff(attempts[client.index] ?? 0)
    attempts[client.index] = (attempts[client.index] ?? 0) + 1
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (!over) clients.connect(client).catch(() => later(client))
    }, wait)
    timers.add(timer)
  }
  const clients: ReturningClients = new ReturningClients({
    door,
    port: run.portOf(door.port),
    channel: CHANNEL,
    count,
    bodySize: BODY_BYTES,
    messages: 1,
    onLost: later,
  })
  await clients.connectAll(AT_ONCE)

  const stopped = nowMicros()
  await run.restart()
  const up = nowMicros()
  const meter = new Meter(run.server, () => clients.all.length)
  const isBack = (client: Client): boolean => client.isConnected && client.connected > stopped
  await until(() => clients.all.every(isBack), NEVER_MS)
  const interval = meter.stop()
  over = true
  for (const timer of timers) clearTimeout(timer)

  const sinceUp = new Latencies()
  const sinceLost = new Latencies()
  const back = clients.all.filter(isBack)
  for (const client of back) {
    sinceUp.add(Math.max(0, client.connected - up))
    sinceLost.add(client.connected - stopped)
  }
  // Whoever is back hears of what is published now.
  const form = { form: door.publish, port: publishPort, channel: CHANNEL, bodySize: BODY_BYTES }
  await prepareChannel(publishPort, door.publish.prepare(CHANNEL))
  const publishers = await Publishers.open({ ...form, connections: 1 })
  publishers.publishOne()
  await publishers.drain(DRAIN_MS)
  await until(() => clients.total >= back.length, DRAIN_MS)
  const problems = [...publishers.problems, ...clients.problems]
  if (clients.total < back.length) {
    problems.push(`${back.length - clients.total} of those who are back did not get the message`)
  }
  publishers.close()
  clients.close()
  const [p50 = Number.NaN, p95 = Number.NaN, max = Number.NaN] = sinceUp.millis([0.5, 0.95, 1])
  const [lostP95 = Number.NaN] = sinceLost.millis([0.95])
  return {
    metrics: {
      p50: p50 / 1000,
      p95: p95 / 1000,
      max: max / 1000,
      lostP95: lostP95 / 1000,
      outage: (up - stopped) / 1e6,
      never: ((count - back.length) / count) * 100,
      ...loadOf(interval),
    },
    problems,
  }
}

export const avalanche: Shape = {
  name: 'avalanche',
  group: 'avalanche',
  title: `Avalanche: the server is started again under ${written(CLIENTS)} clients`,
  about: `A new version is deployed: everybody loses the connection at once, and comes back as the clients of its protocol do (EventSource after 3 s or what it was told, Socket.IO after 0.5 to 5 s, WebSocket clients after 0.25 s doubling to 30 s, Redis clients after 0.05 s doubling to 2 s). Times are from the moment when the new server accepts connections.`,
  doors: ['sse', 'websocket', 'socketio', 'redis'],
  against: ['socketio'],
  metrics: [
    { key: 'p50', label: 'p50 back', unit: 's', better: 'neither', plot: false },
    { key: 'p95', label: 'p95 back', unit: 's', better: 'lower', plot: true },
    { key: 'max', label: 'max', unit: 's', better: 'neither', plot: false },
    { key: 'lostP95', label: 'p95 from the stop on', unit: 's', better: 'neither', plot: false },
    { key: 'outage', label: 'outage', unit: 's', better: 'neither', plot: false },
    { key: 'never', label: 'never', unit: '%', better: 'neither', plot: false },
    ...LOAD,
  ],
  rounds: 1,
  usually: 10,
  lasts: () => 60,
  run: restartUnder,
}
