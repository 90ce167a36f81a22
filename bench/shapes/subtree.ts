import type { Measured } from '../driver/job.ts'
import { Crowd, saturatedRun, UNDER_WAY } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { DELIVERIES, LOAD, streamDoor, written } from './shape.ts'

const SUBSCRIBERS = 1000
const CHANNELS = 10_000
const PREFIX = 'bench/'

async function followAll(run: ShapeRun): Promise<Measured> {
  const door = streamDoor(run)
  if (door.subtree === undefined) throw new Error('this shape needs a door that follows subtrees')
  const crowd = await Crowd.gather(run, {
    count: SUBSCRIBERS,
    channelOf: () => PREFIX,
    stepsOf: () => door.subtree?.(PREFIX) ?? [],
    channels: Array.from({ length: CHANNELS }, (_, i) => PREFIX + String(i).padStart(5, '0')),
    oneSequence: true,
    each: SUBSCRIBERS,
  })
  return saturatedRun(crowd)
}

export const subtree: Shape = {
  name: 'subtree',
  group: 'subtree',
  title: `Subtree: ${written(SUBSCRIBERS)} subscribers of a prefix, ${written(CHANNELS)} channels below it`,
  about: `Everybody follows an organization, messages go to its projects in turn: ${UNDER_WAY} publishes are always under way, over ${written(CHANNELS)} channels, each to all ${written(SUBSCRIBERS)} subscribers. Redis has patterns for that, NATS and MQTT wildcards.`,
  doors: ['sse', 'feed', 'redis'],
  against: ['redis', 'nats', 'mosquitto'],
  metrics: [
    DELIVERIES,
    { key: 'cpu', label: 'CPU/delivery', unit: 'µs', better: 'lower', plot: false },
    ...LOAD,
  ],
  rounds: 2,
  usually: 1,
  run: followAll,
}
