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

/** How often the stalled ones come and go: from one interval to the next, saturated, a machine varies by more than they cost. */
const VISITS = 3

/** What came of the stalled ones in all their visits. */
interface Visits {
  readonly during: Interval[]
  readonly problems: string[]
  memory: number
  recovered: number
  ended: number
  told: number
}

/**
 * The healthy alone, and with the stalled ones, in turn: the harm is the difference between the means,
 * so that a machine that drifts is not taken for it.
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
  const open = (): Promise<SluggishReader> => SluggishReader.open(door, port, CHANNEL)
  crowd.saturate()
  const visits: Visits = { during: [], problems: [], memory: 0, recovered: 0, ended: 0, told: 0 }
  const alone = [await measure()]
  for (let visit = 0; visit < VISITS; visit++) {
    await visitOf(run, open, measure, visits)
    alone.push(await measure())
  }
  const problems = [...(await crowd.settle()), ...visits.problems]
  crowd.close()
  const together = mean(visits.during)
  return {
    metrics: {
      deliveries: together,
      slowed: (1 - together / mean(alone)) * 100,
      memory: visits.memory,
      recovered: visits.recovered / VISITS,
      ended: visits.ended / VISITS,
      told: visits.told / VISITS,
      ...loadOf(visits.during.at(-1) as Interval),
    },
    problems,
  }
}

/** They come, read nothing, come back to life while the traffic goes on, and go. */
async function visitOf(
  run: ShapeRun,
  open: () => Promise<SluggishReader>,
  measure: () => Promise<Interval>,
  visits: Visits,
): Promise<void> {
  const residentBefore = run.server.residentKiB()
  const stalled: SluggishReader[] = []
  for (let i = 0; i < STALLED; i++) stalled.push(await open())
  visits.during.push(await measure())
  // The first time: later ones find memory that was given back to nobody.
  if (visits.during.length === 1) {
    visits.memory = (run.server.residentKiB() - residentBefore) / stalled.length
  }
  const resumed = nowMicros()
  for (const reader of stalled) reader.hurry()
  const isBack = (reader: SluggishReader): boolean => reader.newest > resumed
  await until(() => stalled.every((reader) => isBack(reader) || reader.closed), DRAIN_MS)
  visits.recovered += stalled.filter(isBack).length
  visits.ended += stalled.filter((reader) => reader.closed).length
  visits.told += stalled.filter((reader) => reader.gaps > 0).length
  for (const reader of stalled) reader.close()
  const disordered = stalled.filter((reader) => reader.disordered > 0)
  if (disordered.length > 0) {
    visits.problems.push(`${disordered.length} stalled readers saw messages out of order or twice`)
  }
}

function mean(intervals: readonly Interval[]): number {
  const sum = intervals.reduce((all, { deliveriesPerSecond }) => all + deliveriesPerSecond, 0)
  return sum / intervals.length
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
  usually: 30,
  lasts: () => 90,
  run: withStalledReaders,
}
