import type { Measured } from '../driver/job.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { ReturningClients } from '../driver/returning.ts'
import { sleep, until } from '../driver/wait.ts'
import { loadOf } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LOAD, written } from './shape.ts'

const CHANNEL = 'bench'
const CLIENTS = 5000
const SMALL_CLIENTS = 500
const MISSED = 100
/** Handshakes under way at once: a crowd, and still within every server's backlog. */
const AT_ONCE = 500
/** For a server to notice that everybody is gone, in milliseconds. */
const GONE_MS = 1000
const PATIENCE_MS = 60_000

async function comeBackAtOnce(run: ShapeRun): Promise<Measured> {
  const { door } = run
  const publishPort = run.portOf(door.publishPort)
  await prepareChannel(publishPort, door.publish.prepare(CHANNEL))
  const count = run.small ? SMALL_CLIENTS : CLIENTS
  const clients = new ReturningClients({
    door,
    port: run.portOf(door.port),
    channel: CHANNEL,
    count,
    bodySize: BODY_BYTES,
    messages: MISSED + 1,
  })
  const form = { form: door.publish, port: publishPort, channel: CHANNEL, bodySize: BODY_BYTES }
  const publishers = await Publishers.open({ ...form, connections: 1 })
  await clients.connectAll(AT_ONCE)
  // Everybody has a cursor once it has a message.
  publishers.publishOne()
  await until(() => clients.total >= count, DRAIN_MS)
  for (const client of clients.all) clients.drop(client)
  await sleep(GONE_MS)
  for (let i = 0; i < MISSED; i++) publishers.publishOne()
  await publishers.drain(DRAIN_MS)

  const begun = clients.total
  const began = performance.now()
  const meter = new Meter(run.server, () => clients.total)
  await clients.connectAll(AT_ONCE)
  const opened = (performance.now() - began) / 1000
  await until(() => clients.total >= count * (MISSED + 1), PATIENCE_MS)
  const took = (performance.now() - began) / 1000
  const interval = meter.stop()
  const problems = [...publishers.problems, ...clients.problems]
  const lost = count * (MISSED + 1) - clients.total
  if (lost > 0) problems.push(`${lost} messages were lost on the way`)
  publishers.close()
  clients.close()
  return {
    metrics: {
      took,
      opened,
      deliveries: (clients.total - begun) / took,
      cpu: interval.serverMicrosPerDelivery,
      doubles: clients.doubles,
      ...loadOf(interval),
    },
    problems,
  }
}

export const storm: Shape = {
  name: 'storm',
  group: 'storm',
  title: `Reconnect storm: ${written(CLIENTS)} subscribers come back at once, each has missed ${MISSED} messages`,
  about: `A proxy was started again, or a train left its tunnel: everybody connects with the cursor of the last message it had. How long until all of them have everything?`,
  doors: ['sse', 'websocket', 'socketio', 'xread'],
  against: ['nchan', 'redis', 'socketio-recovery'],
  metrics: [
    { key: 'took', label: 'all caught up after', unit: 's', better: 'lower', plot: true },
    { key: 'opened', label: 'all connected after', unit: 's', better: 'neither', plot: false },
    { key: 'deliveries', label: 'deliveries/s', unit: '/s', better: 'neither', plot: false },
    { key: 'cpu', label: 'CPU/delivery', unit: 'µs', better: 'lower', plot: false },
    { key: 'doubles', label: 'came again', unit: '', better: 'neither', plot: false },
    ...LOAD,
  ],
  rounds: 1,
  usually: 8,
  lasts: () => 90,
  run: comeBackAtOnce,
}
