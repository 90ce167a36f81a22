import type { StreamDoor } from '../doors/door.ts'
import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { Link } from '../driver/link.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep } from '../driver/wait.ts'
import { loadOf } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LATENCY, LOAD } from './shape.ts'

const SUBSCRIBED = ['sse', 'websocket', 'feed', 'redis', 'socketio'] as const
const CHANNEL = 'soak'
/** Subscribers at each door. */
const EACH = 200
/** Messages a second to all of them. */
const RATE = 20
/** Messages a second to channels that nobody follows, and how many such channels. */
const ASIDE_RATE = 200
const ASIDE_CHANNELS = 5000
/** Between two connections that come and go at each door, in milliseconds. */
const CHURN_MS = 200
/** Part of the time after which memory is expected to grow no more. */
const SETTLED = 0.5
const SAMPLE_MS = 1000

async function mixed(run: ShapeRun): Promise<Measured> {
  const doors = SUBSCRIBED.map((name) => run.doorNamed(name) as StreamDoor)
  const publish = run.door.publish
  const publishPort = run.portOf(run.door.publishPort)
  await prepareChannel(publishPort, publish.prepare(CHANNEL))
  const latencies = new Latencies()
  const groups: Subscribers[] = []
  for (const door of doors) {
    groups.push(
      await Subscribers.open({
        door,
        port: run.portOf(door.port),
        count: EACH,
        channelOf: () => CHANNEL,
        bodySize: BODY_BYTES,
        latencies,
      }),
    )
  }
  const form = { form: publish, port: publishPort, bodySize: BODY_BYTES, connections: 1 }
  const publishers = await Publishers.open({ ...form, channel: CHANNEL })
  const names = Array.from({ length: ASIDE_CHANNELS }, (_, i) => `s${String(i).padStart(4, '0')}`)
  const aside = await Publishers.open({ ...form, channel: 'aside', channels: names })

  const seconds = run.small ? 20 : run.soakMinutes * 60
  const problems: string[] = []
  let running = true
  let came = 0
  const churning = doors.map(async (door) => {
    while (running) {
      const steps = door.subscribe(CHANNEL)
      const options = { port: run.portOf(door.port), steps, onBytes: () => {} }
      try {
        const link = await Link.open({ ...options, onBroken: () => {} })
        link.drop()
        came++
      } catch (error) {
        problems.push(`a connection that came and went: ${String(error)}`)
        return
      }
      await sleep(CHURN_MS)
    }
  })
  const resident: number[] = []
  const sampling = (async () => {
    while (running) {
      resident.push(run.server.residentKiB() / 1024)
      await sleep(SAMPLE_MS)
    }
  })()
  const meter = new Meter(run.server, () => groups.reduce((sum, one) => sum + one.counter.total, 0))
  await Promise.all([
    publishers.pace(seconds * RATE, RATE),
    aside.pace(seconds * ASIDE_RATE, ASIDE_RATE),
  ])
  running = false
  await Promise.all([...churning, sampling])
  const interval = meter.stop()
  await publishers.drain(DRAIN_MS)
  await aside.drain(DRAIN_MS)
  for (const group of groups) {
    await group.arrived(publishers.sent * EACH, DRAIN_MS)
    problems.push(...group.reconcile(() => publishers.sent))
    group.close()
  }
  problems.push(...publishers.problems, ...aside.problems)
  publishers.close()
  aside.close()
  const [p50 = Number.NaN, p99 = Number.NaN, max = Number.NaN] = latencies.millis([0.5, 0.99, 1])
  return {
    metrics: { ...memoryOf(resident), p50, p99, max, came, ...loadOf(interval) },
    problems: problems.slice(0, 20),
  }
}

function peakOf(values: readonly number[]): number {
  return Math.max(...values)
}

/** What memory did after the first half, by its peaks: a collector's saw teeth are not growth. */
function memoryOf(resident: readonly number[]): Record<string, number> {
  const later = resident.slice(Math.floor(resident.length * SETTLED))
  const half = Math.ceil(later.length / 2)
  const early = peakOf(later.slice(0, half))
  const late = peakOf(later.slice(half))
  return {
    start: resident[0] ?? Number.NaN,
    peak: peakOf(resident),
    end: resident.at(-1) ?? Number.NaN,
    growth: ((late - early) / early) * 100,
  }
}

export const soak: Shape = {
  name: 'soak',
  group: 'soak',
  title: 'Soak: ten minutes of everything at once',
  about: `${EACH} subscribers at each of ${SUBSCRIBED.length} doors, ${RATE} messages/s to all of them, ${ASIDE_RATE}/s to ${ASIDE_CHANNELS} other channels, and connections that come and go at each door all the time. The store is bounded low, so that it is full early. Does memory stay where it is?`,
  doors: ['relay'],
  against: [],
  metrics: [
    { key: 'start', label: 'RSS at first', unit: 'MiB', better: 'neither', plot: false },
    { key: 'peak', label: 'peak', unit: 'MiB', better: 'neither', plot: false },
    { key: 'end', label: 'at the end', unit: 'MiB', better: 'neither', plot: true },
    {
      key: 'growth',
      label: 'last quarter over the one before',
      unit: '%',
      better: 'neither',
      plot: false,
    },
    ...LATENCY,
    { key: 'came', label: 'came and went', unit: '', better: 'neither', plot: false },
    ...LOAD,
  ],
  rounds: 1,
  onlyNamed: true,
  settings: { FANFARE_STORE__MAX_MESSAGES: '1000', FANFARE_STORE__MAX_TOTAL_MESSAGES: '20000' },
  usually: 600,
  lasts: ({ soakMinutes, small }) => (small ? 20 : soakMinutes * 60),
  run: mixed,
}
