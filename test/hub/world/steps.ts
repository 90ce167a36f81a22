import * as fc from 'fast-check'
import { Selectors } from '../../../src/model/selector.ts'
import type { SinceKind } from './clients.ts'
import { name } from '../rig.ts'
import { type Move, moves } from './moves.ts'

export const CHANNELS = ['a', 'b', 'x/1', 'x/2', 'x/y/3', 'x/']

const select = (channels: string[], prefixes: string[] = []): Selectors =>
  new Selectors(channels.map(name), prefixes)

/** What streams and polls follow: one channel, several, subtrees, everything, and some twice. */
export const SELECTIONS = [
  select(['a']),
  select(['a', 'b']),
  select(['x/1', 'b', 'x/y/3']),
  select([], ['x/']),
  select([], ['']),
  select(['b', 'x/1'], ['x/', 'x/y/']),
]

/** What sockets add and drop, none within another. */
export const PARTS = [
  select(['a']),
  select(['b']),
  select(['x/1']),
  select(['x/2', 'x/']),
  select([], ['x/y/']),
]

export type Step =
  | { kind: 'publish'; channel: string; size: number; ttl: number | undefined }
  | { kind: 'stream'; selectors: Selectors; since: SinceKind; pick: number; encoder: number }
  | {
      kind: 'poll'
      selectors: Selectors
      since: SinceKind
      pick: number
      eager: boolean
      answers: number
    }
  | { kind: 'socket' }
  | { kind: 'add'; client: number; part: Selectors; since: SinceKind; pick: number }
  | { kind: 'drop'; client: number; part: Selectors }
  | Move
  | { kind: 'remove'; channel: string }
  | { kind: 'pass'; ms: number }
  | { kind: 'turn' }
  | { kind: 'announce'; count: number }
  | { kind: 'answer'; index: number }

/** The bounds that a run is played under: so small that each of them is met. */
export interface Bounds {
  readonly maxUnsentBytes: number
  readonly catchUpBytes: number
  readonly maxBatchBytes: number
  readonly maxTurn: number
  readonly store: {
    readonly maxMessages: number
    readonly maxTotalMessages: number
    readonly minMessages: number
    readonly maxAge: number
    readonly maxChannels: number
  }
  readonly readsLate: boolean
}

const client = fc.nat(7)
const pick = fc.nat(40)
const channel = fc.constantFrom(...CHANNELS)
const since = fc.constantFrom<SinceKind>('now', 'now', 'all', 'id', 'id', 'time', 'foreign')
const kind = <K extends string>(one: K) => fc.constant(one)

const shared: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 12,
    arbitrary: fc.record({
      kind: kind('publish'),
      channel,
      size: fc.nat(60),
      ttl: fc.option(fc.nat(4), { nil: undefined, freq: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kind('stream'),
      selectors: fc.constantFrom(...SELECTIONS),
      since,
      pick,
      encoder: fc.nat(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('poll'),
      selectors: fc.constantFrom(...SELECTIONS),
      since,
      pick,
      eager: fc.boolean(),
      answers: fc.nat(1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('socket') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kind('add'),
      client,
      part: fc.constantFrom(...PARTS),
      since,
      pick,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('drop'), client, part: fc.constantFrom(...PARTS) }),
  },
  ...moves(1),
  { weight: 1, arbitrary: fc.record({ kind: kind('remove'), channel }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('pass'), ms: fc.nat(3_000) }) },
  { weight: 6, arbitrary: fc.record({ kind: kind('turn') }) },
]

const delayed: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 6,
    arbitrary: fc.record({ kind: kind('announce'), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: kind('answer'), index: fc.nat(3) }) },
]

const many = { minLength: 1, maxLength: 70, size: 'max' } as const
export const steps = fc.array(fc.oneof(...shared), many)
export const delayedSteps = fc.array(fc.oneof(...shared, ...delayed), many)

export const bounds: fc.Arbitrary<Bounds> = fc.record({
  maxUnsentBytes: fc.integer({ min: 1, max: 300 }),
  catchUpBytes: fc.integer({ min: 1, max: 150 }),
  maxBatchBytes: fc.integer({ min: 1, max: 300 }),
  maxTurn: fc.constantFrom(0, 8),
  store: fc.record({
    maxMessages: fc.constantFrom(0, 0, 1, 2, 5),
    maxTotalMessages: fc.constantFrom(1_000, 1_000, 12),
    minMessages: fc.constantFrom(0, 1),
    maxAge: fc.constantFrom(0, 0, 5_000),
    maxChannels: fc.constantFrom(100, 100, 3),
  }),
  readsLate: fc.boolean(),
})
