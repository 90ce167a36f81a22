import type { Measured } from '../driver/job.ts'
import { sleep, until } from '../driver/wait.ts'
import { Crowd, loadOf } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { LOAD, written } from './shape.ts'

const MESSAGES = 100
/** Bytes published that have not reached everybody: far less than any log or queue holds. */
const UNDER_WAY_BYTES = 2 * 1024 * 1024
const MIB = 1024 * 1024
const PATIENCE_MS = 60_000

async function sendLarge(run: ShapeRun, size: number, count: number): Promise<Measured> {
  const crowd = await Crowd.gather(run, {
    count,
    channelOf: () => 'bench',
    bodySize: size,
    connections: 1,
    each: count,
  })
  const { publishers, subscribers } = crowd
  const window = Math.max(2, Math.floor(UNDER_WAY_BYTES / size))
  const everybodyHas = (): number => Math.floor(subscribers.counter.total / count)
  const meter = crowd.begin()
  for (let i = 0; i < MESSAGES; i++) {
    publishers.publishOne()
    await until(() => publishers.sent - everybodyHas() < window, PATIENCE_MS)
    if (i % 10 === 0) await sleep(0)
  }
  await until(() => subscribers.counter.total >= MESSAGES * count, PATIENCE_MS)
  // A body's marker comes before the rest of it: the last bytes are under way still.
  const interval = meter.stop()
  const problems = await crowd.settle()
  crowd.close()
  const mebibytes = (MESSAGES * count * size) / MIB
  return {
    metrics: {
      throughput: mebibytes / interval.seconds,
      cpu: (interval.serverPercent * interval.seconds * 1e4) / mebibytes,
      took: interval.seconds,
      resident: run.server.residentKiB() / 1024,
      ...loadOf(interval),
    },
    problems,
  }
}

function shape(name: string, words: string, size: number, count: number): Shape {
  return {
    name: `large-${name}`,
    group: 'large',
    title: `Large: ${MESSAGES} messages of ${words} to ${written(count)} subscribers`,
    about: `Documents and pictures instead of notifications: how fast does everybody have all of them, with ${UNDER_WAY_BYTES / MIB} MiB of messages under way, and what does a MiB cost?`,
    doors: ['sse', 'websocket', 'feed', 'redis', 'socketio'],
    metrics: [
      { key: 'throughput', label: 'MiB/s', unit: '', better: 'higher', plot: true },
      { key: 'cpu', label: 'CPU/MiB', unit: 'µs', better: 'lower', plot: false },
      { key: 'took', label: 'took', unit: 's', better: 'neither', plot: false },
      { key: 'resident', label: 'RSS after', unit: 'MiB', better: 'neither', plot: false },
      ...LOAD,
    ],
    rounds: 1,
    usually: 2,
    lasts: () => 60,
    run: (run) => sendLarge(run, size, count),
  }
}

export const large64 = shape('64k', '64 KiB', 64 * 1024, 100)
export const large1024 = shape('1m', '1 MiB', MIB, 20)
