import { describe, expect, it } from 'vitest'
import { Clock } from '../../src/model/clock.ts'

function clock(...reads: number[]): Clock {
  return new Clock(() => reads.shift() ?? Number.NaN)
}

describe('Clock', () => {
  it('tells whole milliseconds', () => {
    expect(clock(1_234.9).now()).toBe(1_234)
  })

  it('stands still while the machine’s clock is behind', () => {
    const one = clock(5_000, 4_000, 4_999, 5_001)

    expect([one.now(), one.now(), one.now(), one.now()]).toEqual([5_000, 5_000, 5_000, 5_001])
  })

  it('is moved on and never back', () => {
    const one = clock(1_000, 1_000, 9_000)
    one.now()

    one.advance(8_000)
    one.advance(2_000)

    expect([one.now(), one.now()]).toEqual([8_000, 9_000])
  })

  it('is the machine’s unless another is given', () => {
    const before = Date.now()
    expect(new Clock().now()).toBeGreaterThanOrEqual(before)
  })
})
