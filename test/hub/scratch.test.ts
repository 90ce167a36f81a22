import { describe, expect, it } from 'vitest'
import { giveBack, scratchBytes } from '../../src/hub/scratch.ts'

describe('bytes for a batch', () => {
  it('are the same again once they were given back', () => {
    const first = scratchBytes(100)
    giveBack(first)

    expect(scratchBytes(100)).toBe(first)
    giveBack(first)
  })

  it('are nobody else’s while a socket still has them to send', () => {
    const held = scratchBytes(100).fill('a')

    // More than it takes to give the held ones up for good.
    for (let index = 0; index < 1000; index++) scratchBytes(100).fill('b')

    expect(held.toString()).toBe('a'.repeat(100))
  })

  it('may be returned late: what was taken in the meantime stays', () => {
    const slow = scratchBytes(10)
    const other = scratchBytes(10).fill('x')
    giveBack(slow)

    scratchBytes(10).fill('y')

    expect(other.toString()).toBe('x'.repeat(10))
  })

  it('are of any length', () => {
    const large = scratchBytes(2 ** 20)
    expect(large).toHaveLength(2 ** 20)
    giveBack(large)
    expect(scratchBytes(1)).toHaveLength(1)
  })
})
