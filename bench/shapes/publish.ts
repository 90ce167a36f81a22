import type { Measured } from '../driver/job.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { sleep } from '../driver/wait.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LOAD, streamDoor } from './shape.ts'

const CHANNEL = 'bench'
/** Publishes under way on each connection, pipelined. */
const UNDER_WAY = 64
const WARM_UP_MS = 2000

const METRICS: readonly Metric[] = [
  { key: 'published', label: 'publishes/s', unit: '/s', better: 'higher', plot: true },
  { key: 'cpu', label: 'CPU/publish', unit: 'µs', better: 'lower', plot: false },
  ...LOAD,
]

async function publishOnly(run: ShapeRun, connections: number): Promise<Measured> {
  const door = streamDoor(run)
  const port = run.portOf(door.publishPort)
  await prepareChannel(port, door.publish.prepare(CHANNEL))
  const publishers = await Publishers.open({
    form: door.publish,
    port,
    channel: CHANNEL,
    bodySize: BODY_BYTES,
    connections,
  })
  publishers.saturate(UNDER_WAY * connections)
  await sleep(WARM_UP_MS)
  const meter = new Meter(run.server, () => publishers.acknowledged)
  await sleep(run.seconds * 1000)
  const interval = meter.stop()
  await publishers.drain(DRAIN_MS)
  publishers.close()
  return {
    metrics: {
      published: interval.deliveriesPerSecond,
      cpu: interval.serverMicrosPerDelivery,
      server: interval.serverPercent,
      driver: interval.driverPercent,
      others: interval.othersPercent,
    },
    problems: publishers.problems,
  }
}

function shape(connections: number): Shape {
  const plural = connections === 1 ? 'connection' : 'connections'
  return {
    name: `publish-${connections}`,
    group: 'publish',
    title: `Publishing to nobody: ${connections} ${plural} × ${UNDER_WAY} under way, ${BODY_BYTES}-byte messages`,
    about:
      'How many messages are taken each second when nobody listens? What is published here is kept, for whoever comes later; a server of plain Pub/Sub forgets it.',
    doors: ['redis'],
    metrics: METRICS,
    run: (run) => publishOnly(run, connections),
  }
}

export const publish1 = shape(1)
export const publish8 = shape(8)
