import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeId, type MessageId } from '../../src/model/id.ts'
import { KeyWindow } from '../../src/stores/keys.ts'
import { draft } from './contract/harness.ts'

const keyed = (key: string) => draft('a', 'x', { key })

describe('KeyWindow', () => {
  it('remembers nothing of messages without a key', () => {
    const keys = new KeyWindow(1_000, 10)
    keys.remember(draft('a'), makeId(1, 0), 0)

    expect(keys.find(draft('a'), 0)).toBeUndefined()
    expect(keys.size).toBe(0)
  })

  it('holds no more than its number', () => {
    const keys = new KeyWindow(1_000, 3)
    for (let n = 0; n < 100; n++) {
      keys.remember(keyed(String(n)), makeId(1, n), 0)
      expect(keys.size).toBeLessThanOrEqual(3)
    }

    expect(keys.find(keyed('97'), 0)).toBe(makeId(1, 97))
    expect(keys.find(keyed('96'), 0)).toBeUndefined()
  })

  it('lets go of what is too old when the next key comes', () => {
    const keys = new KeyWindow(1_000, 100)
    for (let n = 0; n < 50; n++) keys.remember(keyed(String(n)), makeId(1, n), n)

    keys.remember(keyed('last'), makeId(9, 0), 1_030)

    expect(keys.size).toBe(20)
  })

  it('remembers none with a window of 0', () => {
    const keys = new KeyWindow(0, 100)
    keys.remember(keyed('k'), makeId(1, 0), 5)

    expect(keys.find(keyed('k'), 5)).toBeUndefined()
    expect(keys.size).toBe(0)
  })

  it('does what a plain list does', () => {
    const steps = fc.array(fc.record({ key: fc.nat(6), pass: fc.nat(4) }), { maxLength: 80 })
    fc.assert(
      fc.property(steps, (list) => {
        const keys = new KeyWindow(10, 4)
        let plain: { key: number; id: MessageId; at: number }[] = []
        let now = 0
        for (const [n, { key, pass }] of list.entries()) {
          now += pass
          const known = plain.find((one) => one.key === key && one.at + 10 > now)
          expect(keys.find(keyed(String(key)), now)).toBe(known?.id)
          if (known) continue
          const id = makeId(1, n)
          keys.remember(keyed(String(key)), id, now)
          plain = plain.filter((one) => one.key !== key)
          plain = [...plain, { key, id, at: now }].filter(({ at }) => at + 10 > now).slice(-4)
          expect(keys.size).toBe(plain.length)
        }
      }),
    )
  })
})
