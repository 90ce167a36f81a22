import { nowMicros } from '../driver/body.ts'
import type { Measured } from '../driver/job.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import type { Interval } from '../driver/meter.ts'
import { SluggishReader } from '../driver/sluggish.ts'
import { sleep, until } from '../driver/wait.ts'
import { Crowd, loadOf, PUBLISHERS, UNDER_WAY } from './crowd.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DELIVERIES, DRAIN_MS, LOAD, streamDoor } from './shape.ts'

const CHANNEL = 'bench'
const HEALTHY = 950
const STALLED = 50
/** Nobody listens while the log fills, so that later growth is the stalled readers'. */
const FILL_MS = 2000
const WARM_UP_MS = 1000

const METRICS: readonly Metric[] = [
  { ...DELIVERIES, label: 'deliveries/s to the healthy' },
  { key: 'slowed', label: 'slowed by', unit: '%', better: 'neither', plot: true },
  { key: 'memory', label: 'memory/stalled reader', unit: 'KiB', better: 'lower', plot: false },
  { key: 'recovered', label: 'stalled that caught up', unit: '', better: 'neither', plot: false },
  { key: 'ended', label: 'disconnected', unit: '', better: 'neither', plot: false },
  { key: 'told', label: 'told of a gap', unit: '', better: 'neither', plot: false },
  ...LOAD,
]

/**
 * The healthy alone, then with the stalled ones, then alone again: the harm is the difference to the
 * mean of the two, so that a machine that drifts is not taken for it.
 */
async function withStalledReaders(run: ShapeRun): Promise<Measured> {
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

  const crowd = await Crowd.gather(run, { count: HEALTHY, channelOf: () => CHANNEL, each: HEALTHY })
  const measure = async (): Promise<Interval> => {
    await sleep(WARM_UP_MS)
    const meter = crowd.begin()
    await sleep(run.seconds * 1000)
    return meter.stop()
  }
  crowd.saturate()
  const before = await measure()
  const residentBefore = run.server.residentKiB()
  const stalled: SluggishReader[] = []
  for (let i = 0; i < STALLED; i++) stalled.push(await SluggishReader.open(door, port, CHANNEL))
  const during = await measure()
  const residentDuring = run.server.residentKiB()

  // They come back to life while the traffic goes on.
  const resumed = nowMicros()
  for (const reader of stalled) reader.hurry()
  const isBack = (reader: SluggishReader): boolean => reader.newest > resumed
  await until(() => stalled.every((reader) => isBack(reader) || reader.closed), DRAIN_MS)
  const back = stalled.filter(isBack)
  const ended = stalled.filter((reader) => reader.closed)
  for (const reader of stalled) reader.close()
  const after = await measure()

  const problems = await crowd.settle()
  const disordered = stalled.filter((reader) => reader.disordered > 0)
  if (disordered.length > 0) {
    problems.push(`${disordered.length} stalled readers saw messages out of order or twice`)
  }
  crowd.close()
  const alone = (before.deliveriesPerSecond + after.deliveriesPerSecond) / 2
  return {
    metrics: {
      deliveries: during.deliveriesPerSecond,
      slowed: (1 - during.deliveriesPerSecond / alone) * 100,
      memory: (residentDuring - residentBefore) / stalled.length,
      recovered: back.length,
      ended: ended.length,
      told: stalled.filter((reader) => reader.gaps > 0).length,
      ...loadOf(during),
    },
    problems,
  }
}

export const slow: Shape = {
  name: 'slow',
  group: 'slow',
  title: `Slow readers: ${HEALTHY} healthy subscribers, ${STALLED} that read nothing`,
  about:
    'Saturated, on one channel. What do those who read nothing cost the others, and the server? When they read again, do they catch up, and are they told what is no longer kept?',
  doors: ['sse', 'websocket', 'feed', 'redis', 'socketio'],
  metrics: METRICS,
  rounds: 1,
  usually: 14,
  lasts: () => 60,
  run: withStalledReaders,
}
