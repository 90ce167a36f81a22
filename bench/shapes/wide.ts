import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter } from '../driver/meter.ts'
import { Publishers } from '../driver/publisher.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep } from '../driver/wait.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DELIVERIES, DRAIN_MS, LOAD, SATURATED_LATENCY } from './shape.ts'
import { streamDoor, written } from './shape.ts'

const CHANNELS = 10_000
const QUICK_CHANNELS = 1_000
const UNDER_WAY = 64
const PUBLISHERS = 4
const WARM_UP_MS = 2000

const METRICS: readonly Metric[] = [
  DELIVERIES,
  { key: 'cpu', label: 'CPU/delivery', unit: 'µs', better: 'lower', plot: false },
  ...SATURATED_LATENCY,
  ...LOAD,
]

/** All names are equally long. */
function channelOf(index: number): string {
  return `bench${String(index).padStart(5, '0')}`
}

async function wideFanOut(run: ShapeRun): Promise<Measured> {
  const door = streamDoor(run)
  const count = run.quick ? QUICK_CHANNELS : CHANNELS
  const latencies = new Latencies()
  const subscribers = await Subscribers.open({
    door,
    port: run.portOf(door.port),
    count,
    channelOf,
    bodySize: BODY_BYTES,
    latencies,
  })
  const publishers = await Publishers.open({
    form: door.publish,
    port: run.portOf(door.publishPort),
    channel: channelOf(0),
    channels: Array.from({ length: count }, (_, index) => channelOf(index)),
    bodySize: BODY_BYTES,
    connections: PUBLISHERS,
  })
  publishers.saturate(UNDER_WAY)
  await sleep(WARM_UP_MS)
  latencies.clear()
  const meter = new Meter(run.server, () => subscribers.counter.total)
  await sleep(run.seconds * 1000)
  const interval = meter.stop()
  const [p50 = Number.NaN, p99 = Number.NaN] = latencies.millis([0.5, 0.99])
  await publishers.drain(DRAIN_MS)
  await subscribers.arrived(publishers.sent, DRAIN_MS)
  const sent = (index: number): number => publishers.sentTo(index)
  const problems = [...publishers.problems, ...subscribers.reconcile(sent)]
  publishers.close()
  subscribers.close()
  return {
    metrics: {
      deliveries: interval.deliveriesPerSecond,
      cpu: interval.serverMicrosPerDelivery,
      p50,
      p99,
      server: interval.serverPercent,
      driver: interval.driverPercent,
      others: interval.othersPercent,
    },
    problems,
  }
}

export const wide: Shape = {
  name: 'wide',
  group: 'wide',
  title: `Wide: ${written(CHANNELS)} channels × 1 subscriber, ${BODY_BYTES}-byte messages`,
  about: `Everybody has a channel of their own: ${UNDER_WAY} publishes are always under way, spread over all channels in turn. Nothing can be shared among subscribers.`,
  doors: ['redis'],
  metrics: METRICS,
  run: wideFanOut,
}
