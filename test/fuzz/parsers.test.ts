/** Every parser and every door, for a moment: `npm run fuzz` does the same for as long as it is told. */
import { describe, expect, it } from 'vitest'
import { fuzz } from './engine.ts'
import { PARSERS } from './targets.ts'
import { DOORS } from './targets/doors.ts'

const PARSER_INPUTS = 1_000
const DOOR_INPUTS = 60
/** ms: a machine may do much else. */
const PATIENCE = 120_000

describe('a parser keeps its word, whatever it is given', () => {
  it.each(PARSERS)(
    '$name: $holds',
    async (target) => {
      const inputs = Math.ceil((PARSER_INPUTS * (target.perThousand ?? 1_000)) / 1_000)

      const outcome = await fuzz(target, { inputs, seed: 1 })

      expect(outcome.inputs).toBe(inputs)
    },
    PATIENCE,
  )
})

describe('a door goes on, whatever comes in', () => {
  it.each(DOORS)(
    '$name: $reads',
    async (target) => {
      const outcome = await fuzz(target, { inputs: DOOR_INPUTS, seed: 1 })

      expect(outcome.inputs).toBe(DOOR_INPUTS)
    },
    PATIENCE,
  )
})
