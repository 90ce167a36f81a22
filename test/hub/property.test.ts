import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { bounds, delayedSteps, steps } from './world/steps.ts'
import { World } from './world/world.ts'

/**
 * The promises of docs/invariants.md under random interleavings: whatever is published, removed and
 * dropped, whoever connects, lags, changes its mind, disconnects and comes back, each subscriber gets
 * every message that is kept, once, in order, from its cursor on, or is told of a gap that covers
 * what it did not get.
 *
 * FANFARE_TEST_RUNS raises the number of runs. A failure prints its seed and the smallest steps.
 */
const RUNS = Number(process.env['FANFARE_TEST_RUNS'] ?? 4_000)
const timeout = 60_000 + RUNS * 20

describe('every subscriber gets everything once, in order, or hears of a gap', () => {
  it('with a store that answers at once', { timeout }, () => {
    fc.assert(
      fc.property(bounds, steps, (limits, list) => {
        const world = new World(limits, false)
        for (const step of list) {
          void world.play(step)
          world.check()
        }
        world.finishNow()
        world.checkAtRest()
      }),
      { numRuns: RUNS },
    )
  })

  it('with a store that answers later', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(bounds, delayedSteps, async (limits, list) => {
        const world = new World(limits, true)
        for (const step of list) {
          await world.play(step)
          world.check()
        }
        await world.finish()
        world.checkAtRest()
      }),
      { numRuns: RUNS },
    )
  })
})
