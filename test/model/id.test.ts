import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  before,
  BEFORE_ALL,
  formatId,
  idBeforeTime,
  idIndex,
  idSecond,
  IDS_PER_SECOND,
  makeId,
  parseId,
} from '../../src/model/id.ts'

const LAST_SECOND = 2 ** 32 - 1
const second = fc.nat(LAST_SECOND)
const index = fc.nat(IDS_PER_SECOND - 1)

describe('message ids', () => {
  it('hold a second and a number exactly, up to the last ones', () => {
    fc.assert(
      fc.property(second, index, (s, n) => {
        const id = makeId(s, n)
        expect([idSecond(id), idIndex(id)]).toEqual([s, n])
        expect(Number.isSafeInteger(id)).toBe(true)
      }),
    )
    expect(Number.isSafeInteger(makeId(LAST_SECOND, IDS_PER_SECOND - 1))).toBe(true)
  })

  it('are ordered as their pairs are', () => {
    fc.assert(
      fc.property(second, index, second, index, (s, n, t, m) => {
        const pairs = s === t ? n - m : s - t
        expect(Math.sign(makeId(s, n) - makeId(t, m))).toBe(Math.sign(pairs))
      }),
    )
  })

  it('have nothing between them and the cursor before them', () => {
    const id = makeId(1_700_000_000, 5)
    expect(formatId(before(id))).toBe('1700000000-4')
    expect(formatId(before(makeId(1_700_000_000, 0)))).toBe(`1699999999-${IDS_PER_SECOND - 1}`)
    expect(makeId(1_700_000_000, -1)).toBe(before(makeId(1_700_000_000, 0)))
  })

  it('come back from their text', () => {
    fc.assert(
      fc.property(second, index, (s, n) => {
        expect(formatId(makeId(s, n))).toBe(`${s}-${n}`)
        expect(parseId(`${s}-${n}`)).toBe(makeId(s, n))
      }),
    )
    expect(parseId('0-0')).toBe(BEFORE_ALL)
  })

  it.each([
    '',
    '-',
    '1',
    '1-',
    '-1',
    '1--1',
    '1-1-1',
    ' 1-1',
    '1-1 ',
    '1-1\n',
    '1.5-1',
    '1e3-1',
    '0x1-1',
    '+1-1',
    '١-1',
    `${2 ** 32}-0`,
    '99999999999-0',
    `1-${IDS_PER_SECOND}`,
    '1-99999999',
    '*',
    '$',
  ])('are not read from %j', (text) => {
    expect(parseId(text)).toBeUndefined()
  })
})

describe('the cursor of a time', () => {
  it('lies just before the first id of its second', () => {
    expect(idBeforeTime(1_700_000_000)).toBe(before(makeId(1_700_000_000, 0)))
    expect(idBeforeTime(1_700_000_000.999)).toBe(before(makeId(1_700_000_000, 0)))
    expect(idBeforeTime(1_700_000_000)).toBeGreaterThan(makeId(1_699_999_999, IDS_PER_SECOND - 2))
  })

  it('is that of everything at or before the beginning, and the last one beyond the end', () => {
    expect(idBeforeTime(0)).toBe(BEFORE_ALL)
    expect(idBeforeTime(0.9)).toBe(BEFORE_ALL)
    expect(idBeforeTime(-5)).toBe(BEFORE_ALL)
    expect(idBeforeTime(1e20)).toBe(before(makeId(LAST_SECOND, 0)))
    expect(idBeforeTime(Infinity)).toBe(before(makeId(LAST_SECOND, 0)))
  })
})
