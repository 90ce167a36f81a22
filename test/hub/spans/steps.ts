import * as fc from 'fast-check'
import { Selectors } from '../../../src/model/selector.ts'
import { name } from '../rig.ts'
import { type Move, moves } from '../world/moves.ts'

export const PARTITIONS = 3
/** First levels of each partition. */
export const CHANNELS = ['a', 'b', 'c', 'd', 'x/1', 'x/y/2', 'z/1']

const select = (channels: string[], prefixes: string[] = [], patterns: string[] = []): Selectors =>
  new Selectors(channels.map(name), prefixes, patterns)

/** What streams and polls follow: within a partition, in several, in all. */
export const SELECTIONS = [
  select(['a']),
  select(['a', 'b']),
  select(['a', 'b', 'c', 'd']),
  select(['c', 'z/1'], ['x/']),
  select([], ['x/', 'z/']),
  select([], ['']),
  select([], [], ['*1']),
  select(['x/1'], ['']),
]

/** What sockets add and drop, none within another. */
export const PARTS = [
  select(['a']),
  select(['b', 'c']),
  select(['d'], ['z/']),
  select(['x/1']),
  select([], ['x/y/']),
]

export type SinceKind = 'now' | 'all' | 'time' | 'id' | 'vector' | 'partial' | 'foreign'

export interface Start {
  since: SinceKind
  /** Which message of each partition. */
  picks: number[]
}

export type Step =
  | { kind: 'publish'; channel: string; size: number }
  | ({ kind: 'stream'; selectors: Selectors } & Start)
  | ({ kind: 'poll'; selectors: Selectors } & Start)
  | { kind: 'socket' }
  | ({ kind: 'add'; client: number; part: number } & Start)
  | { kind: 'drop'; client: number; part: number }
  | Move
  | { kind: 'remove'; channel: string }
  | { kind: 'pass'; ms: number }
  | { kind: 'turn' }
  | { kind: 'announce'; place: number; count: number }
  | { kind: 'answer'; place: number; index: number }

const client = fc.nat(7)
const channel = fc.constantFrom(...CHANNELS)
const place = fc.nat(PARTITIONS - 1)
const part = fc.nat(PARTS.length - 1)
const picks = fc.array(fc.nat(40), { minLength: PARTITIONS, maxLength: PARTITIONS })
const since = fc.constantFrom<SinceKind>(
  'now',
  'now',
  'all',
  'time',
  'id',
  'vector',
  'vector',
  'partial',
  'foreign',
)
const selectors = fc.constantFrom(...SELECTIONS)
const kind = <K extends string>(one: K) => fc.constant(one)

const shared: fc.WeightedArbitrary<Step>[] = [
  { weight: 12, arbitrary: fc.record({ kind: kind('publish'), channel, size: fc.nat(60) }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('stream'), selectors, since, picks }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('poll'), selectors, since, picks }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('socket') }) },
  { weight: 5, arbitrary: fc.record({ kind: kind('add'), client, part, since, picks }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('drop'), client, part }) },
  ...moves(2),
  { weight: 1, arbitrary: fc.record({ kind: kind('remove'), channel }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('pass'), ms: fc.nat(3_000) }) },
  { weight: 6, arbitrary: fc.record({ kind: kind('turn') }) },
]

const delayed: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 6,
    arbitrary: fc.record({
      kind: kind('announce'),
      place,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: kind('answer'), place, index: fc.nat(3) }) },
]

const many = { minLength: 1, maxLength: 70, size: 'max' } as const
export const spanSteps = fc.array(fc.oneof(...shared), many)
export const delayedSpanSteps = fc.array(fc.oneof(...shared, ...delayed), many)
