import { describe, expect, it } from 'vitest'
import { Backoff } from '../../src/client/backoff.ts'

const LEAST = (): number => 0
const MOST = (): number => 1

function waits(backoff: Backoff, count: number, asked = 0): number[] {
  return Array.from({ length: count }, () => backoff.next(asked))
}

describe('the wait before a reconnect', () => {
  it('doubles up to 30 s, with a random half', () => {
    expect(waits(new Backoff(500, MOST), 8)).toEqual([
      500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ])
    expect(waits(new Backoff(500, LEAST), 3)).toEqual([250, 500, 1000])
  })

  it('begins anew after an attempt that worked', () => {
    const backoff = new Backoff(500, MOST)
    waits(backoff, 5)
    backoff.reset()
    expect(backoff.next()).toBe(500)
  })

  it('is no less than the server asks for, and still differs from client to client', () => {
    expect(new Backoff(500, LEAST).next(3000)).toBe(3000)
    expect(new Backoff(500, MOST).next(3000)).toBe(4500)
  })

  it('is what a timer can wait, whatever the server asks for', () => {
    expect(new Backoff(500, MOST).next(Number.POSITIVE_INFINITY)).toBeLessThan(2 ** 31)
  })

  it('stays at the most after any number of attempts', () => {
    const backoff = new Backoff(500, MOST)
    waits(backoff, 2_000)
    expect(backoff.next()).toBe(30_000)
  })
})
