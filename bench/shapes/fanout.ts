import type { Measured } from '../driver/job.ts'
import { Crowd, loadOf, PUBLISHERS, saturatedRun, UNDER_WAY } from './crowd.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DELIVERIES, LATENCY, LOAD, written } from './shape.ts'

const CHANNEL = 'bench'
const SUBSCRIBERS = 1000
/** Messages a second when paced. */
const RATE = 20
/** Few messages need a longer look, by this many seconds. */
const PACED_EXTRA = 2

const DOORS = ['sse', 'websocket', 'feed', 'redis', 'zeromq', 'socketio'] as const

const CPU: Metric = {
  key: 'cpu',
  label: 'CPU/delivery',
  unit: 'µs',
  better: 'lower',
  plot: false,
}

const JOINED: Metric = {
  key: 'joined',
  label: 'messages/read',
  unit: '',
  better: 'neither',
  plot: false,
}

function gather(run: ShapeRun, connections: number): Promise<Crowd> {
  const count = SUBSCRIBERS
  return Crowd.gather(run, { count, channelOf: () => CHANNEL, each: count, connections })
}

async function saturated(run: ShapeRun): Promise<Measured> {
  const crowd = await gather(run, PUBLISHERS)
  return saturatedRun(crowd)
}

async function paced(run: ShapeRun): Promise<Measured> {
  const crowd = await gather(run, 1)
  const interval = await crowd.paced(RATE, run.seconds + PACED_EXTRA)
  const [p50 = Number.NaN, p99 = Number.NaN, max = Number.NaN] = crowd.latencies.millis([
    0.5, 0.99, 1,
  ])
  const problems = await crowd.settle()
  crowd.close()
  return {
    metrics: {
      cpu: interval.serverMicrosPerDelivery,
      p50,
      p99,
      max,
      late: crowd.publishers.latestMs,
      ...loadOf(interval),
    },
    problems,
  }
}

export const fanout: Shape = {
  name: 'fanout',
  group: 'fanout',
  title: `Fan-out, saturated: 1 channel × ${written(SUBSCRIBERS)} subscribers, ${BODY_BYTES}-byte messages`,
  about: `A busy channel with a crowd: ${UNDER_WAY} publishes are always under way, on ${PUBLISHERS} keep-alive connections. How many messages reach somebody each second? \`floor\` is a C program that only sends the same bytes, \`control\` the same in a few lines for Node.`,
  doors: DOORS,
  metrics: [DELIVERIES, CPU, JOINED, ...LOAD],
  run: saturated,
}

export const pacedFanout: Shape = {
  name: 'paced',
  group: 'paced',
  title: `Fan-out, paced: 1 channel × ${written(SUBSCRIBERS)} subscribers, ${RATE} messages/s of ${BODY_BYTES} bytes`,
  about: `The same crowd on an ordinary day: ${RATE} messages a second, sent by the clock whatever the server does. What does a delivery cost, and how soon is it there? Latency includes the load generator's own reading of ${written(SUBSCRIBERS)} sockets on one core.`,
  doors: DOORS,
  metrics: [
    { ...CPU, plot: true },
    ...LATENCY,
    { key: 'late', label: 'sent late', unit: 'ms', better: 'neither', plot: false },
    ...LOAD,
  ],
  rounds: 2,
  usually: PACED_EXTRA,
  run: paced,
}
