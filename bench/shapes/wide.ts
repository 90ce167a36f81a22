import type { Measured } from '../driver/job.ts'
import { Crowd, saturatedRun, UNDER_WAY } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DELIVERIES, LOAD, written } from './shape.ts'

const CHANNELS = 10_000
const SMALL_CHANNELS = 1_000

/** All names are equally long. */
function channelOf(index: number): string {
  return `bench${String(index).padStart(5, '0')}`
}

async function wideFanOut(run: ShapeRun): Promise<Measured> {
  const count = run.small ? SMALL_CHANNELS : CHANNELS
  const channels = Array.from({ length: count }, (_, index) => channelOf(index))
  const crowd = await Crowd.gather(run, { count, channelOf, channels, each: 1 })
  return saturatedRun(crowd, (index) => crowd.publishers.sentTo(index))
}

export const wide: Shape = {
  name: 'wide',
  group: 'wide',
  title: `Wide: ${written(CHANNELS)} channels × 1 subscriber, ${BODY_BYTES}-byte messages`,
  about: `Everybody has a channel of their own: ${UNDER_WAY} publishes are always under way, spread over all channels in turn. Nothing can be shared among subscribers.`,
  doors: ['sse', 'redis', 'socketio'],
  metrics: [
    DELIVERIES,
    { key: 'cpu', label: 'CPU/delivery', unit: 'µs', better: 'lower', plot: false },
    ...LOAD,
  ],
  rounds: 2,
  usually: 7,
  lasts: () => 20,
  run: wideFanOut,
}
