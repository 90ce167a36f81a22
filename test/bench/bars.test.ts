import { expect, it } from 'vitest'
import { BARS, judge } from '../../bench/bars.ts'
import { OURS, peerNamed, PEERS } from '../../bench/peers/index.ts'
import { plan } from '../../bench/run/plan.ts'
import { SHAPES, shapeNamed } from '../../bench/shapes/index.ts'

/** What is measured when every peer is there, as `shape door peer`. */
const MEASURED = new Set(
  plan(SHAPES, PEERS, () => 1).map(({ shape, door, peer }) => `${shape.name} ${door} ${peer.name}`),
)

it.each(BARS)('$title: $shape at $door is measured', (bar) => {
  const keys = shapeNamed(bar.shape).metrics.map((metric) => metric.key)
  expect(keys).toContain(bar.metric)
  expect(MEASURED).toContain(`${bar.shape} ${bar.door} ${OURS}`)
  if (bar.against === undefined && bar.againstDoor === undefined) return
  const peer = peerNamed(bar.against ?? OURS).name
  expect(MEASURED).toContain(`${bar.shape} ${bar.againstDoor ?? bar.door} ${peer}`)
})

function figures(_shape: string, _door: string, peer: string): number {
  return peer === OURS ? 50 : 2
}

/** How the bar of 20 times nchan comes out, which is met by these figures. */
function stateOf(failed: boolean): string | undefined {
  const verdicts = judge(figures, () => failed)
  return verdicts.find(({ bar }) => bar.against === 'nchan' && bar.atLeast === 20)?.state
}

it('a bar is met by the ratio to a peer, and missed where one of our runs failed', () => {
  expect(stateOf(false)).toBe('met')
  expect(stateOf(true)).toBe('MISSED')
})

it('a bar that lacks one side is not measured', () => {
  const verdicts = judge(
    () => Number.NaN,
    () => false,
  )
  expect(new Set(verdicts.map(({ state }) => state))).toEqual(new Set(['not measured']))
})
