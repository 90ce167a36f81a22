import type { Measured } from '../driver/job.ts'
import { Crowd } from './crowd.ts'
import type { Metric, Shape, ShapeRun } from './shape.ts'
import { streamDoor, written } from './shape.ts'

const FEW_SUBSCRIBERS = 1000
const MANY_SUBSCRIBERS = 10_000
/** The same number of deliveries a second for both. */
const PACED_DELIVERIES = 40_000

/** Connections that follow many channels each. */
const CONNECTIONS = 100
const FEW_CHANNELS = 1000
const MANY_CHANNELS = 100_000

function cost(key: string, label: string): Metric {
  return { key, label, unit: 'µs', better: 'neither', plot: false }
}

function costs(few: string, many: string): Metric[] {
  return [
    cost('fewCost', `CPU/delivery at ${few}`),
    cost('manyCost', `at ${many}`),
    { key: 'ratio', label: 'growth', unit: '×', better: 'lower', plot: true },
    { key: 'driver', label: 'driver CPU', unit: '%', better: 'neither', plot: false },
  ]
}

interface Cost {
  readonly micros: number
  readonly problems: readonly string[]
  readonly driver: number
}

async function costOf(run: ShapeRun, count: number, rate?: number): Promise<Cost> {
  const crowd = await Crowd.gather(run, {
    count,
    // Of one name: a peer that only imitates knows no other.
    channelOf: () => 'bench',
    connections: rate === undefined ? 4 : 1,
    each: count,
  })
  const interval =
    rate === undefined ? await crowd.saturated() : await crowd.paced(rate, run.seconds)
  const problems = await crowd.settle()
  crowd.close()
  return { micros: interval.serverMicrosPerDelivery, problems, driver: interval.driverPercent }
}

function grown(few: Cost, many: Cost): Measured {
  return {
    metrics: {
      fewCost: few.micros,
      manyCost: many.micros,
      ratio: many.micros / few.micros,
      driver: many.driver,
    },
    problems: [...few.problems, ...many.problems],
  }
}

async function bySubscribers(run: ShapeRun, paced: boolean): Promise<Measured> {
  const rate = (count: number): number | undefined => (paced ? PACED_DELIVERIES / count : undefined)
  const few = await costOf(run, FEW_SUBSCRIBERS, rate(FEW_SUBSCRIBERS))
  const many = await costOf(run, MANY_SUBSCRIBERS, rate(MANY_SUBSCRIBERS))
  return grown(few, many)
}

/** The few are among the many: of more than 100,000 our server would begin to forget some, as its defaults are. */
function channelName(i: number): string {
  return `b${String(i).padStart(6, '0')}`
}

/** Each of the connections follows its share of the channels; a message reaches one of them. */
async function channelCost(run: ShapeRun, channels: number): Promise<Cost> {
  const door = streamDoor(run)
  if (door.several === undefined)
    throw new Error('this shape needs a door that follows several channels')
  const share = channels / CONNECTIONS
  // Of each connection in turn, so that both sizes spread a loop turn over equally many.
  const names = (index: number): string[] =>
    Array.from({ length: share }, (_, i) => channelName(index + i * CONNECTIONS))
  const crowd = await Crowd.gather(run, {
    count: CONNECTIONS,
    channelOf: (index) => `connection ${index}`,
    stepsOf: (index) => door.several?.(names(index)) ?? [],
    numberingOf: (index) => ({ first: index, step: CONNECTIONS }),
    channels: Array.from({ length: channels }, (_, i) => channelName(i)),
    oneSequence: true,
    connections: 1,
    each: 1,
  })
  const interval = await crowd.saturated()
  const sent = (index: number): number => Math.ceil((crowd.publishers.sent - index) / CONNECTIONS)
  const problems = await crowd.settle(sent)
  crowd.close()
  return { micros: interval.serverMicrosPerDelivery, problems, driver: interval.driverPercent }
}

function subscribersShape(paced: boolean): Shape {
  const how = paced ? `${written(PACED_DELIVERIES)} deliveries/s` : 'saturated'
  return {
    name: paced ? 'growth-subscribers-paced' : 'growth-subscribers',
    group: 'growth',
    title: `Growth: ${written(FEW_SUBSCRIBERS)} and ${written(MANY_SUBSCRIBERS)} subscribers of one channel, ${how}`,
    about:
      'Does a delivery cost the same in a crowd of ten times the size? Memory that no longer fits the caches counts, for everyone.',
    doors: ['sse', 'redis'],
    against: ['redis', 'floor'],
    metrics: costs(written(FEW_SUBSCRIBERS), written(MANY_SUBSCRIBERS)),
    rounds: 1,
    usually: 8,
    lasts: () => 30,
    run: (run) => bySubscribers(run, paced),
  }
}

export const growthSubscribers = subscribersShape(false)
export const growthPaced = subscribersShape(true)

export const growthChannels: Shape = {
  name: 'growth-channels',
  group: 'growth',
  title: `Growth: ${written(FEW_CHANNELS)} and ${written(MANY_CHANNELS)} channels, ${CONNECTIONS} connections that follow their share of them`,
  about: `Does a delivery cost the same with ${written(MANY_CHANNELS)} channels as with ${written(FEW_CHANNELS)}? Messages go to all channels in turn, so that no cache helps.`,
  doors: ['redis'],
  against: ['redis'],
  metrics: costs(written(FEW_CHANNELS), written(MANY_CHANNELS)),
  rounds: 1,
  usually: 8,
  lasts: () => 30,
  async run(run) {
    const few = await channelCost(run, FEW_CHANNELS)
    return grown(few, await channelCost(run, MANY_CHANNELS))
  },
}
