import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter } from '../driver/meter.ts'
import { Pollers } from '../driver/pollers.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { sleep, until } from '../driver/wait.ts'
import { loadOf } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DELIVERIES, DRAIN_MS, LOAD } from './shape.ts'
import { pollDoor, written } from './shape.ts'

const CHANNEL = 'bench'
const WARM_UP_MS = 1500
/** Between the first requests and the first message, in milliseconds. */
const SETTLE_MS = 300

async function pollInRounds(run: ShapeRun, clients: number): Promise<Measured> {
  const door = pollDoor(run)
  const publishPort = run.portOf(door.publishPort)
  await prepareChannel(publishPort, door.publish.prepare(CHANNEL))
  const publishers = await Publishers.open({
    form: door.publish,
    port: publishPort,
    channel: CHANNEL,
    bodySize: BODY_BYTES,
    connections: 1,
  })
  const latencies = new Latencies()
  let running = true
  const pollers = await Pollers.open({
    door,
    port: run.portOf(door.port),
    channel: CHANNEL,
    count: clients,
    latencies,
    onRound: () => {
      if (running) publishers.publishOne()
    },
  })
  pollers.start()
  await sleep(SETTLE_MS)
  publishers.publishOne()
  await sleep(WARM_UP_MS)
  latencies.clear()
  const meter = new Meter(run.server, () => pollers.delivered)
  await sleep(run.seconds * 1000)
  const interval = meter.stop()
  running = false
  const done = (): boolean => pollers.round >= publishers.sent || pollers.problems.length > 0
  await until(done, DRAIN_MS)
  await publishers.drain(DRAIN_MS)
  const problems = [...publishers.problems, ...pollers.problems]
  const expected = publishers.sent * clients
  if (pollers.delivered !== expected) {
    problems.push(`expected ${expected} answers, got ${pollers.delivered}`)
  }
  pollers.close()
  publishers.close()
  return {
    metrics: {
      deliveries: interval.deliveriesPerSecond,
      cpu: interval.serverMicrosPerDelivery,
      ...loadOf(interval),
    },
    problems,
  }
}

function longpoll(clients: number): Shape {
  return {
    name: `longpoll-${clients}`,
    group: 'longpoll',
    title: `Long poll: ${written(clients)} clients wait, ${BODY_BYTES}-byte messages`,
    about: `Old browsers, scripts and strict proxies: ${written(clients)} clients hold a request each, get the message, and ask again; the next one is published as soon as all have asked.`,
    doors: ['longpoll'],
    metrics: [
      DELIVERIES,
      { key: 'cpu', label: 'CPU/poll', unit: 'µs', better: 'lower', plot: true },
      ...LOAD,
    ],
    rounds: 2,
    run: (run) => pollInRounds(run, clients),
  }
}

export const longpoll100 = longpoll(100)
export const longpoll1000 = longpoll(1000)
