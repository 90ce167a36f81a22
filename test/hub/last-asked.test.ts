import { describe, expect, it } from 'vitest'
import { LastAsked } from '../../src/hub/last-asked.ts'
import { heapInUse } from '../http/support.ts'
import { name } from './rig.ts'

const MOST = 100_000

describe('LastAsked', () => {
  it('remembers the last time of each channel, until it is told to forget', () => {
    const asked = new LastAsked()
    asked.touch(name('a'), 1)
    asked.touch(name('b'), 2)
    asked.touch(name('a'), 3)
    asked.forget(name('b'))

    expect([asked.get(name('a')), asked.get(name('b'))]).toEqual([3, undefined])
  })

  it('remembers a bounded number, those that were asked for last', () => {
    const asked = new LastAsked()
    const kept = (number: number): boolean => asked.get(name(`c${number}`)) !== undefined
    for (let number = 0; number < MOST; number++) asked.touch(name(`c${number}`), number)
    asked.touch(name('c60000'), MOST)
    for (let number = 0; number < MOST / 2; number++) asked.touch(name(`new${number}`), number)

    expect(asked.get(name('c60000'))).toBe(MOST)
    expect([0, 49_999, 50_000, MOST - 1].map(kept)).toEqual([false, false, false, false])
    expect(asked.get(name('new0'))).toBe(0)
  })

  it('forgets what was asked for long ago as well', () => {
    const asked = new LastAsked()
    for (let number = 0; number < MOST / 2; number++) asked.touch(name(`c${number}`), number)

    asked.forget(name('c7'))

    expect([asked.get(name('c7')), asked.get(name('c8'))]).toEqual([undefined, 8])
  })

  it('grows no more, however often the same channels are asked for', () => {
    const asked = new LastAsked()
    const names = Array.from({ length: 1000 }, (_, number) => name(`c${number}`))
    const touchAll = (time: number): void => {
      for (const one of names) asked.touch(one, time)
    }
    touchAll(0)
    const before = heapInUse()
    for (let time = 1; time <= 1000; time++) touchAll(time)

    // A table of this many is some 50 KB, and there was a new one for each round.
    expect(heapInUse() - before).toBeLessThan(4 * 2 ** 20)
  })
})
