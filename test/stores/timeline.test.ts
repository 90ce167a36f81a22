import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeId, type MessageId } from '../../src/model/id.ts'
import { Message } from '../../src/model/message.ts'
import { Timeline } from '../../src/stores/timeline.ts'
import { draft } from './contract/harness.ts'

const message = (n: number): Message => new Message(makeId(1, n), 1000, draft('a', String(n)))

/** What a timeline holds, in order, found by its slots. */
function contents(timeline: Timeline): MessageId[] {
  const ids = []
  for (let slot = 0; slot < timeline.length; slot++) {
    const found = timeline.at(slot)
    if (found) {
      expect(timeline.idAt(slot)).toBe(found.id)
      ids.push(found.id)
    }
  }
  return ids
}

describe('Timeline', () => {
  it('is empty at first', () => {
    const timeline = new Timeline()

    timeline.shift()

    expect(timeline).toMatchObject({ length: 0, count: 0, first: undefined, last: undefined })
    expect(timeline.seek(makeId(1, 0))).toBe(0)
    expect(timeline.drop(makeId(1, 0))).toBeUndefined()
  })

  it('finds the first slot after an id, holes included', () => {
    const timeline = new Timeline()
    for (const n of [10, 20, 30, 40]) timeline.push(message(n))

    timeline.drop(makeId(1, 20))

    expect([5, 10, 15, 20, 30, 39, 40].map((n) => timeline.seek(makeId(1, n)))).toEqual([
      0, 1, 1, 2, 3, 3, 4,
    ])
    expect(timeline.at(1)).toBeUndefined()
    expect(timeline.has(makeId(1, 20))).toBe(false)
    expect(timeline.has(makeId(1, 30))).toBe(true)
  })

  it('begins and ends with messages, not with holes', () => {
    const timeline = new Timeline()
    for (const n of [1, 2, 3, 4, 5]) timeline.push(message(n))

    for (const n of [2, 4, 1, 5]) timeline.drop(makeId(1, n))

    expect(timeline.first?.id).toBe(makeId(1, 3))
    expect(timeline.last?.id).toBe(makeId(1, 3))
    expect(timeline).toMatchObject({ length: 1, count: 1 })
  })

  it('closes its holes when they become many', () => {
    const timeline = new Timeline()
    for (let n = 0; n < 1_000; n++) timeline.push(message(n))
    // All but the first and the last.
    for (let n = 1; n < 999; n++) timeline.drop(makeId(1, n))

    expect(timeline.count).toBe(2)
    expect(timeline.length).toBeLessThan(40)
  })

  it('does what a plain list does, through any pushes, shifts and drops', () => {
    // Long enough to close holes and to give back what was dropped in front.
    const steps = fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 20 }) }) },
        { weight: 2, arbitrary: fc.record({ shift: fc.integer({ min: 1, max: 8 }) }) },
        { weight: 3, arbitrary: fc.record({ drop: fc.array(fc.nat(200), { maxLength: 40 }) }) },
      ),
      { maxLength: 60, size: 'max' },
    )
    fc.assert(
      fc.property(steps, fc.nat(), (list, look) => {
        const timeline = new Timeline()
        let plain: MessageId[] = []
        let next = 0
        for (const step of list) {
          if ('push' in step) {
            for (let count = 0; count < step.push; count++) {
              const one = message(next++)
              timeline.push(one)
              plain.push(one.id)
            }
          } else if ('shift' in step) {
            for (let count = 0; count < step.shift; count++) timeline.shift()
            plain = plain.slice(step.shift)
          } else {
            for (const index of step.drop) {
              const id = plain[index]
              if (id === undefined) continue
              expect(timeline.drop(id)?.id).toBe(id)
              expect(timeline.drop(id)).toBeUndefined()
              plain.splice(index, 1)
            }
          }
          expect(contents(timeline)).toEqual(plain)
          expect(timeline.count).toBe(plain.length)
          expect(timeline.first?.id).toBe(plain[0])
          expect(timeline.last?.id).toBe(plain.at(-1))
          // A timeline may be half holes, and no more than some.
          expect(timeline.length).toBeLessThanOrEqual(plain.length * 2 + 34)
          const after = makeId(1, look % (next + 1))
          const found = timeline.at(timeline.seek(after))
          if (found) expect(found.id).toBeGreaterThan(after)
        }
      }),
      { numRuns: 200 },
    )
  })
})
