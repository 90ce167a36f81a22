import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ALL_KEPT,
  beforeSecond,
  type Cursor,
  cursorFrom,
  earlierOf,
  formatCursor,
  isWithin,
  laterOf,
  parseCursor,
  textAround,
  unknownPlace,
} from '../../src/model/cursor.ts'
import { BEFORE_ALL, IDS_PER_SECOND, makeId, type MessageId } from '../../src/model/id.ts'

const id = (second: number, n = 0): MessageId => makeId(second, n)

describe('the text of a cursor', () => {
  it.each<[Cursor, string]>([
    [id(17, 3), '17-3'],
    [[id(17, 3), id(18)], '17-3.18-0'],
    [[undefined, id(18), undefined], '.18-0.'],
    [[ALL_KEPT, id(1)], '*.1-0'],
    [[BEFORE_ALL, undefined], '0-0.'],
  ])('of %j is %j, and back', (cursor, text) => {
    expect(formatCursor(cursor)).toBe(text)
    const partitions = typeof cursor === 'number' ? 2 : cursor.length
    expect(parseCursor(text, partitions)).toEqual(cursor)
  })

  it.each<[string, number]>([
    ['1-0.2-0', 1],
    ['1-0.2-0', 3],
    ['1-0.2-0.3-0', 2],
    ['.', 2],
    ['..', 3],
    ['', 1],
    ['', 2],
    ['*', 1],
    ['*', 2],
    ['1-0.x', 2],
    ['1-0. 2-0', 2],
    ['1-0.2-2097152', 2],
    ['1700000000.5', 2],
    ['1-0.**', 2],
  ])('%j is none over %i', (text, partitions) => {
    expect(parseCursor(text, partitions)).toBeUndefined()
  })

  it('is read back whatever it is', () => {
    const place = fc.oneof(
      fc.constant(undefined),
      fc.constant(ALL_KEPT),
      fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(IDS_PER_SECOND - 1)).map(([s, n]) => id(s, n)),
    )
    const vectors = fc.array(place, { minLength: 2, maxLength: 20 })
    fc.assert(
      fc.property(vectors, (vector) => {
        const isKnown = vector.some((one) => one !== undefined)
        expect(parseCursor(formatCursor(vector), vector.length)).toEqual(
          isKnown ? vector : undefined,
        )
      }),
    )
  })

  it('comes in two parts, for whoever changes one place of it often', () => {
    expect(textAround([id(1), id(2), undefined], 1)).toEqual(['1-0.', '.'])
    expect(textAround([id(1), id(2), undefined], 2)).toEqual(['1-0.2-0.', ''])
  })
})

describe('cursors of several partitions', () => {
  it('are made of the lowest that is known of each', () => {
    const places = [
      [2, id(5)],
      [0, id(9)],
      [2, id(4)],
    ] as const
    expect(cursorFrom(3, places)).toEqual([id(9), undefined, id(4)])
    expect(
      cursorFrom(1, [
        [0, id(9)],
        [0, id(4)],
      ]),
    ).toBe(id(4))
  })

  it('compare by their places', () => {
    const here = [id(5), undefined, id(7)]
    const there = [id(6), id(1), id(2)]
    expect(laterOf(here, there)).toEqual([id(6), id(1), id(7)])
    expect(earlierOf(here, there)).toEqual([id(5), id(1), id(2)])
    expect(laterOf(here, id(6))).toEqual([id(6), id(6), id(7)])
    expect(laterOf(id(1), id(2))).toBe(id(2))
    expect(isWithin(here, there)).toBe(false)
    expect(isWithin([id(5), id(9), undefined], [id(5), undefined, id(1)])).toBe(true)
    expect(isWithin(id(2), id(1))).toBe(false)
    expect(isWithin(here, id(7))).toBe(true)
  })

  it('begin where nothing is known with the second that lies furthest back', () => {
    expect(unknownPlace([id(9, 4), undefined, id(7, 3)])).toBe(id(7) - 1)
    expect(unknownPlace([id(9), ALL_KEPT, undefined])).toBe(ALL_KEPT)
    expect(beforeSecond(id(0, 5))).toBe(BEFORE_ALL)
  })
})
