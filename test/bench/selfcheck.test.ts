import { expect, it } from 'vitest'
import { selfCheck } from '../../bench/driver/selfcheck.ts'

it.each([1, 2, 3])(
  'the load generator counts exactly, however streams are cut (seed %i)',
  (seed) => {
    expect(selfCheck(seed)).toEqual([])
  },
)
