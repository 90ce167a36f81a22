import { OURS } from './peers/index.ts'

/** What must be reached. */
export interface Bar {
  readonly title: string
  readonly shape: string
  readonly door: string
  readonly metric: string
  /** Compared to this peer's figure, … */
  readonly against?: string
  /** … at another door, or to our own there; absolute without either. */
  readonly againstDoor?: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** The doors whose bytes the C program sends as well. */
const FLOORED = ['sse', 'websocket', 'redis', 'socketio'] as const

function saturated(door: string, against: string, atLeast: number): Bar {
  const title = `${nameOf(door)} saturated, deliveries/s`
  return { title, shape: 'fanout', door, metric: 'deliveries', against, atLeast }
}

function paced(door: string, against: string, atMost: number): Bar {
  const title = `${nameOf(door)} paced, CPU per delivery`
  return { title, shape: 'paced', door, metric: 'cpu', against, atMost }
}

function throughput(shape: string, door: string, against: string, atLeast: number): Bar {
  const title = `${nameOf(door)} ${shape}, deliveries/s`
  return { title, shape, door, metric: 'deliveries', against, atLeast }
}

function publishing(shape: string, door: string, against: string): Bar {
  const title = `${nameOf(door)} ${shape}, publishes/s`
  return { title, shape, door, metric: 'published', against, atLeast: 0.7 }
}

/** No slower than nchan, which has no such door everywhere: then than its streams of events. */
function storm(door: string, againstDoor: string): Bar {
  const title = `${nameOf(door)} reconnect storm, seconds until all have caught up`
  const bar = { title, shape: 'storm', door, metric: 'took', atMost: 1 }
  return { ...bar, against: 'nchan', againstDoor }
}

function absolute(title: string, shape: string, door: string, metric: string, atMost: number): Bar {
  return { title: `${nameOf(door)} ${title}`, shape, door, metric, atMost }
}

const NAMES: Readonly<Record<string, string>> = {
  sse: 'SSE',
  websocket: 'WebSocket',
  redis: 'Redis',
  xread: 'Redis XREAD',
  zeromq: 'ZeroMQ',
  socketio: 'Socket.IO',
  longpoll: 'long poll',
  relay: 'HTTP',
  'relay-close': 'HTTP, Connection: close,',
}

function nameOf(door: string): string {
  return NAMES[door] ?? door
}

const RESUMING = ['sse', 'websocket', 'feed', 'longpoll', 'socketio', 'xread'] as const
const STREAMS = ['sse', 'websocket', 'feed', 'redis', 'socketio'] as const

export const BARS: readonly Bar[] = [
  saturated('sse', 'nchan', 20),
  saturated('redis', 'redis', 1.7),
  saturated('redis', 'nats', 3),
  saturated('websocket', 'nchan', 20),
  saturated('socketio', 'socketio', 20),
  ...FLOORED.map((door) => saturated(door, 'floor', 0.75)),
  paced('sse', 'nchan', 0.85),
  paced('redis', 'redis', 1),
  paced('websocket', 'nchan', 0.75),
  paced('socketio', 'socketio', 0.6),
  ...FLOORED.map((door) => paced(door, 'floor', 1.5)),
  throughput('wide', 'redis', 'redis', 0.8),
  throughput('wide', 'redis', 'nats', 1.5),
  throughput('wide', 'sse', 'nchan', 1.5),
  throughput('subtree', 'redis', 'redis', 1.7),
  throughput('subtree', 'redis', 'nats', 3),
  throughput('subtree', 'redis', 'mosquitto', 3),
  throughput('longpoll-100', 'longpoll', 'nchan', 1),
  throughput('longpoll-1000', 'longpoll', 'nchan', 1),
  ...['publish-1', 'publish-8', 'publish-64'].flatMap((shape) => [
    publishing(shape, 'relay', 'nchan'),
    publishing(shape, 'redis', 'redis'),
  ]),
  publishing('publish-once', 'relay-close', 'nchan'),
  storm('sse', 'sse'),
  storm('websocket', 'websocket'),
  storm('socketio', 'sse'),
  storm('xread', 'sse'),
  ...RESUMING.flatMap((door): Bar[] => [
    {
      title: `${nameOf(door)} jitter, % delivered`,
      shape: 'jitter',
      door,
      metric: 'delivered',
      atLeast: 100,
    },
    absolute('jitter, p99 after coming back, ms', 'jitter', door, 'p99', 2000),
  ]),
  ...['sse', 'websocket', 'socketio', 'redis'].flatMap((door) => [
    absolute('avalanche, % never back', 'avalanche', door, 'never', 0),
    absolute('avalanche, p95 to be back, s', 'avalanche', door, 'p95', 3),
  ]),
  absolute('idle connection, KiB', 'idle', 'sse', 'memory', 8),
  absolute('idle connection, KiB', 'idle', 'redis', 'memory', 6),
  ...STREAMS.map((door) => absolute('healthy beside slow, slowed by %', 'slow', door, 'slowed', 5)),
  ...[...STREAMS, 'zeromq'].map((door) =>
    absolute('paced, event-loop delay p99, ms', 'paced', door, 'delay', 20),
  ),
  ...RESUMING.map((door) =>
    absolute('jitter, event-loop delay p99, ms', 'jitter', door, 'delay', 20),
  ),
  ...[...STREAMS, 'longpoll'].map((door) =>
    absolute('idle, event-loop delay p99, ms', 'idle', door, 'delay', 20),
  ),
  absolute('soak, event-loop delay p99, ms', 'soak', 'relay', 'delay', 20),
  ...['sse', 'redis'].flatMap((door) => [
    absolute('growth to 10,000 subscribers, saturated', 'growth-subscribers', door, 'ratio', 1.2),
    absolute('growth to 10,000 subscribers', 'growth-subscribers-paced', door, 'ratio', 1.2),
  ]),
  absolute('growth to 100,000 channels', 'growth-channels', 'redis', 'ratio', 1.2),
  {
    title: 'feed paced, CPU per delivery to that of SSE',
    shape: 'paced',
    door: 'feed',
    metric: 'cpu',
    againstDoor: 'sse',
    atMost: 1.2,
  },
  {
    title: '100,000 kept events replayed, events/s',
    shape: 'replay',
    door: 'feed',
    metric: 'replayed',
    atLeast: 100_000,
  },
]

/** How a bar came out; `not measured` when a side of it is missing. */
export interface Verdict {
  readonly bar: Bar
  readonly value: number | undefined
  readonly state: 'met' | 'MISSED' | 'not measured'
}

/** Gives our median of a metric, or a peer's. */
export type MedianOf = (shape: string, door: string, peer: string, metric: string) => number
/** Whether a run of ours failed there. */
export type FailedAt = (shape: string, door: string) => boolean

/** Judges all bars. Where one of our runs failed, the others cannot meet one. */
export function judge(medianOf: MedianOf, failedAt: FailedAt): Verdict[] {
  return BARS.map((bar) => {
    const ours = medianOf(bar.shape, bar.door, OURS, bar.metric)
    const isAbsolute = bar.against === undefined && bar.againstDoor === undefined
    const theirs = isAbsolute
      ? 1
      : medianOf(bar.shape, bar.againstDoor ?? bar.door, bar.against ?? OURS, bar.metric)
    const value = ours / theirs
    if (failedAt(bar.shape, bar.door)) return { bar, value: undefined, state: 'MISSED' }
    if (Number.isNaN(value)) return { bar, value: undefined, state: 'not measured' }
    const met = value >= (bar.atLeast ?? -Infinity) && value <= (bar.atMost ?? Infinity)
    return { bar, value, state: met ? 'met' : 'MISSED' }
  })
}
