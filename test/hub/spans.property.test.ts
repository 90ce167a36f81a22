import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { delayedSpanSteps, spanSteps } from './spans/steps.ts'
import { SpanWorld } from './spans/world.ts'
import { bounds } from './world/steps.ts'

/**
 * As property.test.ts, over several partitions: within each, every subscriber gets every message that is kept,
 * once, in order, from its cursor on, or is told of a gap, whether it comes back with a vector that it was
 * shown, with an id, or with a place left out.
 *
 * FANFARE_TEST_RUNS raises the number of runs. A failure prints its seed and the smallest steps.
 */
const RUNS = Number(process.env['FANFARE_TEST_RUNS'] ?? 2_000)
const timeout = 60_000 + RUNS * 40

describe('over several partitions, every subscriber gets everything once, or hears of a gap', () => {
  for (const [title, isDelayed, list] of [
    ['with stores that answer at once', false, spanSteps],
    ['with stores that answer later', true, delayedSpanSteps],
  ] as const) {
    it(title, { timeout }, async () => {
      await fc.assert(
        fc.asyncProperty(bounds, list, async (limits, steps) => {
          const world = new SpanWorld(limits, isDelayed)
          for (const step of steps) {
            await world.play(step)
            world.check()
          }
          await world.finish()
          world.checkAtRest()
        }),
        { numRuns: RUNS },
      )
    })
  }
})
