import type { Measured } from '../driver/job.ts'
import { MarkerCounter } from '../driver/counter.ts'
import { Latencies } from '../driver/latency.ts'
import { Link } from '../driver/link.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep, until } from '../driver/wait.ts'
import { loadOf } from './crowd.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LOAD, streamDoor, written } from './shape.ts'

const KEPT = 100_000
const LISTENING = 100
/** Live messages a second, to everyone. */
const RATE = 200
const UNDER_WAY = 64
const PUBLISHERS = 4
const FILL_MS = 30_000
const SETTLE_MS = 500
/** Between two returns, in milliseconds: the live traffic of the others must not be all catch-up. */
const BETWEEN_MS = 100
/** Long before the first message: all that is kept. */
const SINCE = 1

const METRICS: readonly Metric[] = [
  { key: 'replayed', label: 'events/s', unit: '/s', better: 'higher', plot: true },
  { key: 'before', label: "others' p99 before", unit: 'ms', better: 'neither', plot: false },
  { key: 'p50', label: "others' p50", unit: 'ms', better: 'neither', plot: false },
  { key: 'p99', label: "others' p99", unit: 'ms', better: 'lower', plot: false },
  { key: 'max', label: "others' max", unit: 'ms', better: 'neither', plot: false },
  { key: 'returns', label: 'returns', unit: '', better: 'neither', plot: false },
  ...LOAD,
]

/** One subscriber comes back, again and again, while others listen to what is live. */
async function returning(run: ShapeRun): Promise<Measured> {
  const door = streamDoor(run)
  const port = run.portOf(door.port)
  const publishPort = run.portOf(door.publishPort)
  const form = { form: door.publish, port: publishPort, bodySize: BODY_BYTES }
  for (const channel of ['bench/kept', 'bench/live']) {
    await prepareChannel(publishPort, door.publish.prepare(channel))
  }
  const filling = await Publishers.open({
    ...form,
    channel: 'bench/kept',
    connections: PUBLISHERS,
  })
  filling.saturate(UNDER_WAY)
  await until(() => filling.sent >= KEPT, FILL_MS)
  await filling.drain(DRAIN_MS)
  filling.close()
  // The log keeps the newest 100,000 of a channel: a few more were under way, and are gone again.
  const kept = Math.min(filling.sent, KEPT)

  const latencies = new Latencies()
  const subscribers = await Subscribers.open({
    door,
    port,
    count: LISTENING,
    channelOf: () => 'bench',
    bodySize: BODY_BYTES,
    latencies,
  })
  const live = await Publishers.open({ ...form, channel: 'bench/live', connections: 1 })
  await sleep(SETTLE_MS)
  await live.pace(RATE * 2, RATE)
  const [before = Number.NaN] = latencies.millis([0.99])
  latencies.clear()

  const meter = new Meter(run.server, () => subscribers.counter.total)
  const seconds = Math.max(2, run.seconds)
  const pacing = live.pace(RATE * seconds, RATE)
  const rates: number[] = []
  const problems: string[] = []
  const end = performance.now() + seconds * 1000 - 1_000
  while (performance.now() < end && problems.length === 0) {
    const took = await comeBack(run, port, kept, problems)
    rates.push(kept / took)
    await sleep(BETWEEN_MS)
  }
  await pacing
  const interval = meter.stop()
  const [p50 = Number.NaN, p99 = Number.NaN, max = Number.NaN] = latencies.millis([0.5, 0.99, 1])
  await live.drain(DRAIN_MS)
  await subscribers.arrived(live.sent * LISTENING, DRAIN_MS)
  problems.push(...filling.problems, ...live.problems, ...subscribers.reconcile(() => live.sent))
  live.close()
  subscribers.close()
  rates.sort((a, b) => a - b)
  return {
    metrics: {
      replayed: rates[rates.length >> 1] ?? Number.NaN,
      before,
      p50,
      p99,
      max,
      returns: rates.length,
      ...loadOf(interval),
    },
    problems,
  }
}

/** @returns seconds until all that was kept has come */
async function comeBack(
  run: ShapeRun,
  port: number,
  kept: number,
  problems: string[],
): Promise<number> {
  const door = streamDoor(run)
  const steps = door.resume?.('bench', SINCE)
  if (!steps) throw new Error('this shape needs a door that resumes')
  const counter = new MarkerCounter(1, BODY_BYTES)
  const begin = performance.now()
  let done = 0
  const link = await Link.open({
    port,
    steps,
    onBytes: (bytes, from, to) => {
      counter.take(0, bytes, from, to)
      if (done === 0 && counter.total >= kept) done = performance.now()
    },
    onBroken: (reason) => problems.push(`the returning subscriber: ${reason}`),
  })
  await until(() => done > 0 || problems.length > 0, DRAIN_MS)
  link.drop()
  if (done === 0) problems.push(`${counter.total} of ${kept} kept events came back`)
  return (done - begin) / 1000
}

export const replay: Shape = {
  name: 'replay',
  group: 'replay',
  title: `Replay: a subscriber comes back to ${written(KEPT)} kept events, ${LISTENING} others listen`,
  about: `Somebody was away for long and asks for everything since, while ${RATE} events a second go to everyone. How fast is the log given, and do the others notice?`,
  doors: ['feed'],
  metrics: METRICS,
  rounds: 2,
  usually: 7,
  lasts: () => 30,
  run: returning,
}
