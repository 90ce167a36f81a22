import { describe, expect, it } from 'vitest'
import { IDS_PER_SECOND, makeId } from '../../../src/model/id.ts'
import { cursorOf, endOf, startOf } from '../../../src/protocols/redis/ranges.ts'

const LAST = makeId(2 ** 32 - 1, IDS_PER_SECOND - 1)

describe('the bounds of a range', () => {
  it('lie within all ids, also for times that no id can have', () => {
    for (const text of ['9999999999999', '(9999999999999', '9700000000123']) {
      expect(endOf(text).upTo, text).toBe(LAST)
      expect(startOf(text).after, text).toBeLessThanOrEqual(LAST)
    }
    expect(cursorOf('9999999999999', makeId(0, 0)).after).toBeLessThanOrEqual(LAST)
  })

  it('take a time in ms for all messages of that time', () => {
    expect(endOf('1700000000123')).toEqual({
      upTo: makeId(1_700_000_000, IDS_PER_SECOND - 1),
      until: 1_700_000_000_123,
    })
  })
})
