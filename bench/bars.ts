import { OURS } from './peers/index.ts'

/** What must be reached, by an issue of the project. */
export interface Bar {
  readonly title: string
  readonly shape: string
  readonly door: string
  readonly metric: string
  /** Compared to this peer's figure, … */
  readonly against?: string
  /** … or to our own at another door; absolute without either. */
  readonly againstDoor?: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** Each issue raises them or adds its own. */
export const BARS: readonly Bar[] = [
  {
    title: 'SSE saturated, deliveries/s',
    shape: 'fanout',
    door: 'sse',
    metric: 'deliveries',
    against: 'nchan',
    atLeast: 12,
  },
  {
    title: 'SSE paced, CPU per delivery',
    shape: 'paced',
    door: 'sse',
    metric: 'cpu',
    against: 'nchan',
    atMost: 1,
  },
  {
    title: 'long poll × 1,000, deliveries/s',
    shape: 'longpoll-1000',
    door: 'longpoll',
    metric: 'deliveries',
    against: 'nchan',
    atLeast: 0.5,
  },
  {
    title: 'idle SSE connection, KiB',
    shape: 'idle',
    door: 'sse',
    metric: 'memory',
    atMost: 12,
  },
  {
    title: 'healthy SSE beside slow ones, slowed by %',
    shape: 'slow',
    door: 'sse',
    metric: 'slowed',
    atMost: 10,
  },
  {
    title: 'feed paced, CPU per delivery to that of SSE',
    shape: 'paced',
    door: 'feed',
    metric: 'cpu',
    againstDoor: 'sse',
    atMost: 1.2,
  },
  {
    title: 'feed saturated, CPU per delivery to that of SSE',
    shape: 'fanout',
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
  {
    title: 'Redis saturated, deliveries/s',
    shape: 'fanout',
    door: 'redis',
    metric: 'deliveries',
    against: 'redis',
    atLeast: 1.4,
  },
  {
    title: 'Redis paced, CPU per delivery',
    shape: 'paced',
    door: 'redis',
    metric: 'cpu',
    against: 'redis',
    atMost: 1.2,
  },
  {
    title: 'PUBLISH to nobody on 1 connection, publishes/s',
    shape: 'publish-1',
    door: 'redis',
    metric: 'published',
    against: 'redis',
    atLeast: 0.3,
  },
  {
    title: 'PUBLISH to nobody on 8 connections, publishes/s',
    shape: 'publish-8',
    door: 'redis',
    metric: 'published',
    against: 'redis',
    atLeast: 0.3,
  },
  {
    title: '10,000 channels × 1 subscriber, deliveries/s',
    shape: 'wide',
    door: 'redis',
    metric: 'deliveries',
    against: 'redis',
    atLeast: 0.6,
  },
  {
    title: 'Socket.IO saturated, deliveries/s',
    shape: 'fanout',
    door: 'socketio',
    metric: 'deliveries',
    against: 'socketio',
    atLeast: 10,
  },
  {
    title: 'Socket.IO paced, CPU per delivery',
    shape: 'paced',
    door: 'socketio',
    metric: 'cpu',
    against: 'socketio',
    atMost: 0.75,
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
    const absolute = bar.against === undefined && bar.againstDoor === undefined
    const theirs = absolute
      ? 1
      : medianOf(bar.shape, bar.againstDoor ?? bar.door, bar.against ?? OURS, bar.metric)
    const value = ours / theirs
    if (failedAt(bar.shape, bar.door)) return { bar, value: undefined, state: 'MISSED' }
    if (Number.isNaN(value)) return { bar, value: undefined, state: 'not measured' }
    const met = value >= (bar.atLeast ?? -Infinity) && value <= (bar.atMost ?? Infinity)
    return { bar, value, state: met ? 'met' : 'MISSED' }
  })
}
