import { describe, expect, it } from 'vitest'
import { LastAsked } from '../../src/hub/last-asked.ts'
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
    asked.touch(name('c0'), MOST)

    for (let number = 0; number < 10; number++) asked.touch(name(`new${number}`), number)

    expect(kept(0)).toBe(true)
    expect([1, 10].map(kept)).toEqual([false, false])
    expect([11, MOST - 1].map(kept)).toEqual([true, true])
    // And round again, as what is touched goes to the end.
    for (let number = 0; number < MOST; number++) asked.touch(name(`d${number}`), number)
    expect([0, 11, MOST - 1].map(kept)).toEqual([false, false, false])
    expect(asked.get(name('d0'))).toBe(0)
  })
})
