import { describe, expect, it } from 'vitest'
import { attempt, settle } from '../../src/model/maybe.ts'

/** Notes what is called with what. */
function notes() {
  const list: string[] = []
  return {
    list,
    ok: (value: unknown) => void list.push(`ok ${String(value)}`),
    fail: (error: unknown) => void list.push(`fail ${String(error)}`),
  }
}

function broken(): never {
  throw new Error('mine')
}

describe('settle', () => {
  it('goes on at once with a value that is there', () => {
    const { list, ok, fail } = notes()
    settle(1, ok, fail)
    expect(list).toEqual(['ok 1'])
  })

  it('goes on later with one that is to come, or with its error', async () => {
    const { list, ok, fail } = notes()
    settle(Promise.resolve(1), ok, fail)
    settle(Promise.reject(new Error('no')), ok, fail)
    expect(list).toEqual([])

    await new Promise(setImmediate)

    expect(list).toEqual(['ok 1', 'fail Error: no'])
  })
})

describe('attempt', () => {
  it('settles what the work answers, and an error that it throws', async () => {
    const { list, ok, fail } = notes()
    attempt(() => 1, ok, fail)
    attempt(
      () => {
        throw new Error('now')
      },
      ok,
      fail,
    )
    attempt(() => Promise.reject(new Error('later')), ok, fail)

    await new Promise(setImmediate)

    expect(list).toEqual(['ok 1', 'fail Error: now', 'fail Error: later'])
  })

  it('does not take an error of what goes on for one of the work', () => {
    const { list, fail } = notes()
    expect(() => attempt(() => 1, broken, fail)).toThrow('mine')
    expect(list).toEqual([])
  })
})
