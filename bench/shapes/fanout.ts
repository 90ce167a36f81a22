import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter, type Interval } from '../driver/meter.ts'
import { Publishers, prepareChannel } from '../driver/publisher.ts'
import { restBetweenReads } from '../driver/rest.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep } from '../driver/wait.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DELIVERIES, DRAIN_MS, LATENCY, LOAD, SATURATED_LATENCY } from './shape.ts'
import { streamDoor, written } from './shape.ts'

const CHANNEL = 'bench'
const SUBSCRIBERS = 1000
/** Publishes under way at once when saturated, and the connections they share, pipelined. */
const UNDER_WAY = 64
const PUBLISHERS = 4
/** Messages a second when paced. */
const RATE = 20
/** Few messages need a longer look, by this many seconds. */
const PACED_EXTRA = 2
/** Long enough for a JIT to settle and buffers to find their size, in milliseconds. */
const WARM_UP_MS = 2000
/** Between the last handshake and the first message, in milliseconds. */
const SETTLE_MS = 200

const CPU: Metric = {
  key: 'cpu',
  label: 'CPU/delivery',
  unit: 'µs',
  better: 'lower',
  plot: false,
}

interface Loading {
  readonly run: ShapeRun
  readonly publishers: Publishers
  readonly subscribers: Subscribers
  /** Begins to measure. */
  readonly begin: () => Meter
}

const JOINED: Metric = {
  key: 'joined',
  label: 'messages/read',
  unit: '',
  better: 'neither',
  plot: false,
}

/** What the two shapes differ in: how messages are published while the meter runs. */
type Load = (given: Loading) => Promise<Interval>

const saturated: Load = async ({ run, publishers, subscribers, begin }) => {
  const endRests = restBetweenReads(subscribers.counter, run.restMs)
  publishers.saturate(UNDER_WAY)
  await sleep(WARM_UP_MS)
  const meter = begin()
  await sleep(run.seconds * 1000)
  const interval = meter.stop()
  endRests()
  return interval
}

const paced: Load = async ({ run, publishers, begin }) => {
  await publishers.pace((RATE * WARM_UP_MS) / 1000, RATE)
  // The meter begins and ends in the quiet between two messages.
  await sleep(500 / RATE)
  const meter = begin()
  await publishers.pace(RATE * (run.seconds + PACED_EXTRA), RATE)
  await sleep(500 / RATE)
  return meter.stop()
}

async function fanOut(run: ShapeRun, connections: number, load: Load): Promise<Measured> {
  const door = streamDoor(run)
  const publishPort = run.portOf(door.publishPort)
  await prepareChannel(publishPort, door.publish.prepare(CHANNEL))
  const latencies = new Latencies()
  const subscribers = await Subscribers.open({
    door,
    port: run.portOf(door.port),
    count: SUBSCRIBERS,
    channelOf: () => CHANNEL,
    bodySize: BODY_BYTES,
    latencies,
  })
  const publishers = await Publishers.open({
    form: door.publish,
    port: publishPort,
    channel: CHANNEL,
    bodySize: BODY_BYTES,
    connections,
  })
  await sleep(SETTLE_MS)
  let reads = 0
  let messages = 0
  const begin = (): Meter => {
    latencies.clear()
    reads = subscribers.counter.reads
    messages = subscribers.counter.total
    return new Meter(run.server, () => subscribers.counter.total)
  }
  const interval = await load({ run, publishers, subscribers, begin })
  const joined = (subscribers.counter.total - messages) / (subscribers.counter.reads - reads)
  const [p50 = Number.NaN, p99 = Number.NaN, max = Number.NaN] = latencies.millis([0.5, 0.99, 1])
  await publishers.drain(DRAIN_MS)
  await subscribers.arrived(publishers.sent * SUBSCRIBERS, DRAIN_MS)
  const problems = [...publishers.problems, ...subscribers.reconcile(() => publishers.sent)]
  publishers.close()
  subscribers.close()
  return {
    metrics: {
      deliveries: interval.deliveriesPerSecond,
      cpu: interval.serverMicrosPerDelivery,
      server: interval.serverPercent,
      driver: interval.driverPercent,
      others: interval.othersPercent,
      joined,
      late: publishers.latestMs,
      p50,
      p99,
      max,
    },
    problems,
  }
}

export const fanout: Shape = {
  name: 'fanout',
  group: 'fanout',
  title: `Fan-out, saturated: 1 channel × ${written(SUBSCRIBERS)} subscribers, ${BODY_BYTES}-byte messages`,
  about: `A busy channel with a crowd: ${UNDER_WAY} publishes are always under way, on ${PUBLISHERS} keep-alive connections. How many messages reach somebody each second?`,
  doors: ['sse', 'websocket', 'feed', 'redis', 'socketio'],
  metrics: [DELIVERIES, CPU, ...SATURATED_LATENCY, JOINED, ...LOAD],
  run: (run) => fanOut(run, PUBLISHERS, saturated),
}

export const pacedFanout: Shape = {
  name: 'paced',
  group: 'paced',
  title: `Fan-out, paced: 1 channel × ${written(SUBSCRIBERS)} subscribers, ${RATE} messages/s of ${BODY_BYTES} bytes`,
  about: `The same crowd on an ordinary day: ${RATE} messages a second, sent by the clock whatever the server does. What does a delivery cost, and how soon is it there? Latency includes the load generator's own reading of ${written(SUBSCRIBERS)} sockets on one core.`,
  doors: ['sse', 'websocket', 'feed', 'redis', 'socketio'],
  metrics: [
    { ...CPU, plot: true },
    ...LATENCY,
    { key: 'late', label: 'sent late', unit: 'ms', better: 'neither', plot: false },
    ...LOAD,
  ],
  run: (run) => fanOut(run, 1, paced),
}
