import { afterEach, describe, expect, it } from 'vitest'
import type { Facts } from '../../src/stores/facts.ts'
import { until } from '../support/wait.ts'

/** Facts under test, without any, on a clock that the test sets. */
export type OpenFacts = (now: () => number) => Promise<{ facts: Facts; close(): Promise<void> }>

/** What all facts must do, tested through the interface alone. */
export function factsContract(name: string, open: OpenFacts): void {
  describe(`${name} as facts`, () => {
    const opened: { close(): Promise<void> }[] = []
    const start = async (): Promise<{ facts: Facts; clock: { now: number } }> => {
      const clock = { now: 1_000 }
      const one = await open(() => clock.now)
      opened.push(one)
      return { facts: one.facts, clock }
    }
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close()
    })

    it('are a text under three names, any names and any text', async () => {
      const { facts } = await start()
      await facts.set('kind', 'owner', 'item', 'value')
      await facts.set('__proto__', 'constructor', '', '')
      await facts.set('ki', 'ndowner', 'ite"m\\', 'ä\n\0 1 2')

      expect(await facts.get('kind', 'owner', 'item')).toBe('value')
      expect(await facts.get('kind', 'owner', 'other')).toBeUndefined()
      expect(await facts.get('other', 'owner', 'item')).toBeUndefined()
      expect(await facts.list('__proto__', 'constructor')).toEqual(new Map([['', '']]))
      expect(await facts.get('ki', 'ndowner', 'ite"m\\')).toBe('ä\n\0 1 2')
      expect(await facts.size('kind', 'owner')).toBe(1)
    })

    it('are replaced and taken back', async () => {
      const { facts } = await start()
      await facts.set('k', 'o', 'i', 'one')
      await facts.set('k', 'o', 'i', 'two')
      expect(await facts.get('k', 'o', 'i')).toBe('two')
      await facts.set('k', 'o', 'i', undefined)
      expect(await facts.get('k', 'o', 'i')).toBeUndefined()
      expect(await facts.count('k')).toBe(0)
    })

    it('are listed by owner, as they were last stated', async () => {
      const { facts } = await start()
      for (const item of ['a', 'b', 'c', 'a']) await facts.set('k', 'o', item, item)
      expect([...(await facts.list('k', 'o')).keys()]).toEqual(['b', 'c', 'a'])
      expect((await facts.list('k', 'nobody')).size).toBe(0)
    })

    it('have owners, who are counted', async () => {
      const { facts } = await start()
      await facts.set('k', 'one', 'a', '')
      await facts.set('k', 'one', 'b', '')
      await facts.set('k', 'two', 'a', '')
      await facts.set('other', 'three', 'a', '')
      expect([...(await facts.owners('k'))].sort()).toEqual(['one', 'two'])
      expect([await facts.count('k'), await facts.size('k', 'one')]).toEqual([2, 2])
      await facts.set('k', 'two', 'a', undefined)
      expect(await facts.owners('k')).toEqual(['one'])
      expect([await facts.count('k'), await facts.size('k', 'two')]).toEqual([1, 0])
    })

    it('with a time are none afterwards, and have the time they were last given', async () => {
      const { facts, clock } = await start()
      await facts.set('k', 'o', 'i', 'v', 100)
      await facts.set('k', 'o', 'longer', 'v', 100)
      await facts.set('k', 'o', 'longer', 'v', 1_000)
      await facts.set('k', 'o', 'for good', 'v', 100)
      await facts.set('k', 'o', 'for good', 'v')
      clock.now += 99
      expect(await facts.get('k', 'o', 'i')).toBe('v')
      clock.now += 1
      expect(await facts.get('k', 'o', 'i')).toBeUndefined()
      expect([...(await facts.list('k', 'o')).keys()]).toEqual(['longer', 'for good'])
      await facts.set('k', 'p', 'i', 'v', 100)
      clock.now += 100
      expect(await facts.owners('k')).toEqual(['o'])
      expect(await facts.count('k')).toBe(1)
    })

    it('with a time are dropped even if nobody asks for them', async () => {
      const { facts, clock } = await start()
      for (let n = 0; n < 300; n++) {
        await facts.set('k', String(n), 'i', 'v', 50)
        clock.now++
      }
      // 50 are there at any time, and as many may not have been looked at yet.
      expect(await facts.count('k')).toBeLessThanOrEqual(100)
    })

    it('tell whoever watches of each change once it holds, in order', async () => {
      const { facts, clock } = await start()
      const heard: unknown[] = []
      facts.watch((...change) => heard.push(change))
      await facts.set('k', 'o', 'i', 'v', 100)
      clock.now += 200
      expect(await facts.get('k', 'o', 'i')).toBeUndefined()
      await facts.set('k', 'o', 'i', 'w')
      await facts.set('k', 'o', 'i', undefined)
      await until(() => heard.length >= 3, 'all were heard')
      expect(heard).toEqual([
        ['k', 'o', 'i', 'v'],
        ['k', 'o', 'i', 'w'],
        ['k', 'o', 'i', undefined],
      ])
    })
  })
}
