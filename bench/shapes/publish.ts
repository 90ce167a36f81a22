import type { Measured } from '../driver/job.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { sleep } from '../driver/wait.ts'
import { loadOf, WARM_UP_MS } from './crowd.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LOAD } from './shape.ts'

const CHANNEL = 'bench'
/** Publishes under way on each connection when they are pipelined. */
const PIPELINED = 64

const METRICS: readonly Metric[] = [
  { key: 'published', label: 'publishes/s', unit: '/s', better: 'higher', plot: true },
  { key: 'cpu', label: 'CPU/publish', unit: 'µs', better: 'lower', plot: false },
  ...LOAD,
]

const KEPT =
  'What is published here is kept, for whoever comes later; a server of plain Pub/Sub forgets it.'

async function publishOnly(run: ShapeRun, connections: number, each: number): Promise<Measured> {
  const { publish, publishPort } = run.door
  const port = run.portOf(publishPort)
  await prepareChannel(port, publish.prepare(CHANNEL))
  const publishers = await Publishers.open({
    form: publish,
    port,
    channel: CHANNEL,
    bodySize: BODY_BYTES,
    connections,
  })
  publishers.saturate(each * connections)
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
      ...loadOf(interval),
    },
    problems: publishers.problems,
  }
}

function plural(connections: number): string {
  return `${connections} connection${connections === 1 ? '' : 's'}`
}

/** Each connection waits for its answer before it publishes again. */
function oneByOne(connections: number): Shape {
  return {
    name: `publish-${connections}`,
    group: 'publish',
    title: `Publishing to nobody, one by one on ${plural(connections)}, ${BODY_BYTES}-byte messages`,
    about: `How many messages are taken each second when every publisher waits for its answer? ${KEPT}`,
    doors: ['relay', 'redis', 'service', 'socketio-publish'],
    against: ['nchan', 'redis', 'socketio'],
    metrics: METRICS,
    rounds: 2,
    run: (run) => publishOnly(run, connections, 1),
  }
}

/** Many wait on each connection. */
function pipelined(connections: number): Shape {
  return {
    name: `pipelined-${connections}`,
    group: 'pipelined',
    title: `Publishing to nobody, pipelined: ${plural(connections)} × ${PIPELINED} under way, ${BODY_BYTES}-byte messages`,
    about: `The same where nobody waits for one answer before the next publish. ${KEPT}`,
    doors: ['relay', 'redis'],
    against: ['nchan', 'redis'],
    metrics: METRICS,
    rounds: 1,
    run: (run) => publishOnly(run, connections, PIPELINED),
  }
}

export const publish1 = oneByOne(1)
export const publish8 = oneByOne(8)
export const publish64 = oneByOne(64)
export const pipelined1 = pipelined(1)
export const pipelined8 = pipelined(8)

export const publishOnce: Shape = {
  name: 'publish-once',
  group: 'publish',
  title: `Publishing to nobody, a connection for each of 8 publishers' messages, ${BODY_BYTES} bytes`,
  about: `Scripts and hooks, such as curl, connect for each message (Connection: close). ${KEPT}`,
  doors: ['relay-close'],
  metrics: METRICS,
  rounds: 2,
  run: (run) => publishOnly(run, 8, 1),
}
