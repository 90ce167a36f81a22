import { nowMicros } from '../driver/body.ts'
import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { SluggishReader } from '../driver/sluggish.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep, until } from '../driver/wait.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DELIVERIES, DRAIN_MS, LOAD, streamDoor } from './shape.ts'

const CHANNEL = 'bench'
const HEALTHY = 980
const STALLED = 10
const SIPPING = 10
const UNDER_WAY = 64
const PUBLISHERS = 4
/** Nobody listens while the log fills up to its bound, so that later growth is the slow readers'. */
const FILL_MS = 5000
const WARM_UP_MS = 2000

const METRICS: readonly Metric[] = [
  { ...DELIVERIES, label: 'deliveries/s to the healthy' },
  { key: 'slowed', label: 'slowed by', unit: '%', better: 'lower', plot: true },
  { key: 'memory', label: 'memory/slow reader', unit: 'KiB', better: 'lower', plot: false },
  { key: 'recovered', label: 'slow ones that caught up', unit: '', better: 'neither', plot: false },
  { key: 'told', label: 'told of a gap', unit: '', better: 'neither', plot: false },
  ...LOAD,
]

/**
 * The healthy alone, then with the slow ones, then alone again: the slow ones' harm is the difference
 * to the mean of the two, so that a machine that drifts is not taken for it.
 */
async function withSlowReaders(run: ShapeRun): Promise<Measured> {
  const door = streamDoor(run)
  const port = run.portOf(door.port)
  const publishPort = run.portOf(door.publishPort)
  await prepareChannel(publishPort, door.publish.prepare(CHANNEL))
  const form = { form: door.publish, port: publishPort, channel: CHANNEL, bodySize: BODY_BYTES }
  const filling = await Publishers.open({ ...form, connections: PUBLISHERS })
  filling.saturate(UNDER_WAY)
  await sleep(FILL_MS)
  await filling.drain(DRAIN_MS)
  filling.close()

  const subscribers = await Subscribers.open({
    door,
    port,
    count: HEALTHY,
    channelOf: () => CHANNEL,
    bodySize: BODY_BYTES,
    latencies: new Latencies(),
  })
  const measure = async (): Promise<ReturnType<Meter['stop']>> => {
    await sleep(WARM_UP_MS)
    const meter = new Meter(run.server, () => subscribers.counter.total)
    await sleep(run.seconds * 1000)
    return meter.stop()
  }
  const publishers = await Publishers.open({ ...form, connections: PUBLISHERS })
  publishers.saturate(UNDER_WAY)
  const before = await measure()
  const residentBefore = run.server.residentKiB()
  const slow: SluggishReader[] = []
  for (let i = 0; i < STALLED + SIPPING; i++) {
    slow.push(await SluggishReader.open(door, port, CHANNEL))
  }
  for (const reader of slow.slice(STALLED)) reader.sip()
  const during = await measure()
  const residentDuring = run.server.residentKiB()

  // They come back to life while the traffic goes on.
  const resumed = nowMicros()
  for (const reader of slow) reader.hurry()
  const isBack = (reader: SluggishReader): boolean => reader.newest > resumed
  await until(() => slow.every((reader) => isBack(reader) || reader.closed), DRAIN_MS)
  const back = slow.filter(isBack)
  const after = await measure()

  await publishers.drain(DRAIN_MS)
  const expected = publishers.sent
  await subscribers.arrived(expected * HEALTHY, DRAIN_MS)
  const problems = [...publishers.problems, ...subscribers.reconcile(() => expected)]
  for (const reader of slow) {
    if (reader.disordered > 0) problems.push(`a slow reader saw ${reader.disordered} out of order`)
  }
  for (const reader of slow) reader.close()
  publishers.close()
  subscribers.close()
  const alone = (before.deliveriesPerSecond + after.deliveriesPerSecond) / 2
  return {
    metrics: {
      deliveries: during.deliveriesPerSecond,
      slowed: (1 - during.deliveriesPerSecond / alone) * 100,
      memory: (residentDuring - residentBefore) / slow.length,
      recovered: back.length,
      told: slow.filter((reader) => reader.gaps > 0).length,
      server: during.serverPercent,
      driver: during.driverPercent,
      others: during.othersPercent,
    },
    problems,
  }
}

export const slow: Shape = {
  name: 'slow',
  group: 'slow',
  title: `Slow readers: ${HEALTHY} healthy subscribers, ${STALLED} that never read, ${SIPPING} that read 1 KB/s`,
  about:
    'Saturated, on one channel. What do the slow ones cost the others, and the server? When they read again, do they catch up, and are they told what is no longer kept?',
  doors: ['sse'],
  metrics: METRICS,
  run: withSlowReaders,
}
