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
      expect(await facts.sizes('kind', ['owner', 'other'])).toEqual([1, 0])
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
      expect(await facts.count('k')).toBe(2)
      expect(await facts.sizes('k', ['one', 'two', 'three'])).toEqual([2, 1, 0])
      await facts.set('k', 'two', 'a', undefined)
      expect(await facts.owners('k')).toEqual(['one'])
      expect(await facts.count('k')).toBe(1)
      expect(await facts.sizes('k', ['two'])).toEqual([0])
    })

    it('with a time are none afterwards, and have the time they were last given', async () => {
      const { facts, clock } = await start()
      await facts.set('k', 'o', 'i', 'v', { ttl: 100 })
      await facts.set('k', 'o', 'longer', 'v', { ttl: 100 })
      await facts.set('k', 'o', 'longer', 'v', { ttl: 1_000 })
      await facts.set('k', 'o', 'for good', 'v', { ttl: 100 })
      await facts.set('k', 'o', 'for good', 'v')
      clock.now += 99
      expect(await facts.get('k', 'o', 'i')).toBe('v')
      clock.now += 1
      expect(await facts.get('k', 'o', 'i')).toBeUndefined()
      expect(await facts.sizes('k', ['o'])).toEqual([2])
      expect([...(await facts.list('k', 'o')).keys()]).toEqual(['longer', 'for good'])
      await facts.set('k', 'p', 'i', 'v', { ttl: 100 })
      clock.now += 100
      expect(await facts.owners('k')).toEqual(['o'])
      expect(await facts.count('k')).toBe(1)
    })

    it('with a time are dropped even if nobody asks for them', async () => {
      const { facts, clock } = await start()
      for (let n = 0; n < 300; n++) {
        await facts.set('k', String(n), 'i', 'v', { ttl: 50 })
        clock.now++
      }
      // 50 are there at any time, and as many may not have been looked at yet.
      expect(await facts.count('k')).toBeLessThanOrEqual(100)
    })

    it('are stated on terms: as the first, as a known one, in the place of one', async () => {
      const { facts, clock } = await start()
      const heard: unknown[] = []
      facts.watch((...change) => heard.push(change.slice(2)))
      const refused = { done: false, size: 0, former: undefined }
      expect(await facts.set('k', 'o', 'i', undefined, { when: 'known' })).toEqual(refused)
      expect(await facts.set('k', 'o', 'i', 'a', { when: { is: '' } })).toEqual(refused)
      expect(await facts.set('k', 'o', 'i', 'a', { when: 'new', ttl: 100 })).toEqual({
        done: true,
        size: 1,
        former: undefined,
      })
      const known = { done: false, size: 1, former: 'a' }
      expect(await facts.set('k', 'o', 'i', 'b', { when: 'new' })).toEqual(known)
      expect(await facts.set('k', 'o', 'i', 'b', { when: { is: 'b' } })).toEqual(known)
      expect(await facts.get('k', 'o', 'i')).toBe('a')
      expect(await facts.set('k', 'o', 'i', 'b', { when: { is: 'a' }, ttl: 100 })).toMatchObject({
        done: true,
      })
      clock.now += 100
      // One whose time is over is none.
      expect(await facts.set('k', 'o', 'i', 'c', { when: 'new' })).toMatchObject({ done: true })
      expect(await facts.set('k', 'o', 'i', undefined, { when: 'known' })).toEqual({
        done: true,
        size: 0,
        former: 'c',
      })
      await until(() => heard.length >= 4, 'all were heard')
      expect(heard).toEqual([
        ['i', 'a'],
        ['i', 'b'],
        ['i', 'c'],
        ['i', undefined],
      ])
    })

    it('are bounded by items and by owners; what is there already may always be stated', async () => {
      const { facts } = await start()
      const two = { maxItems: 2, maxOwners: 2 }
      for (const item of ['a', 'b', 'a']) {
        expect(await facts.set('k', 'o', item, 'v', two)).toMatchObject({ done: true })
      }
      expect(await facts.set('k', 'o', 'c', 'v', two)).toEqual({
        done: false,
        size: 2,
        former: undefined,
      })
      expect(await facts.set('k', 'p', 'a', 'v', two)).toMatchObject({ done: true, size: 1 })
      expect(await facts.set('k', 'q', 'a', 'v', two)).toMatchObject({ done: false, size: 0 })
      expect(await facts.set('other', 'q', 'a', 'v', two)).toMatchObject({ done: true })
      expect(await facts.set('k', 'p', 'b', 'v', two)).toMatchObject({ done: true, size: 2 })
      await facts.set('k', 'p', 'a', undefined)
      await facts.set('k', 'p', 'b', undefined)
      expect(await facts.set('k', 'q', 'a', 'v', two)).toMatchObject({ done: true })
    })

    it('stated by many at once: of those that want to be the first, one is', async () => {
      const { facts } = await start()
      const first = { when: 'new', maxItems: 3 } as const
      const same = Array.from({ length: 20 }, async (_, n) =>
        facts.set('k', 'o', 'i', String(n), first),
      )
      const done = (await Promise.all(same)).filter((one) => one.done)
      expect(done).toHaveLength(1)
      const more = Array.from({ length: 20 }, async (_, n) =>
        facts.set('k', 'o', String(n), '', first),
      )
      expect((await Promise.all(more)).filter((one) => one.done)).toHaveLength(2)
      expect(await facts.sizes('k', ['o'])).toEqual([3])
    })

    it('of many owners are counted at once', async () => {
      const { facts } = await start()
      const owners = Array.from({ length: 1_200 }, (_, n) => String(n))
      for (const owner of owners) await facts.set('k', owner, 'a', '')
      await facts.set('k', '700', 'b', '')
      const sizes = await facts.sizes('k', [...owners, 'nobody'])
      expect(sizes).toEqual([...owners.map((owner) => (owner === '700' ? 2 : 1)), 0])
      expect(await facts.sizes('k', [])).toEqual([])
    })

    it('tell whoever watches of each change once it holds, in order', async () => {
      const { facts, clock } = await start()
      const heard: unknown[] = []
      facts.watch((...change) => heard.push(change))
      await facts.set('k', 'o', 'i', 'v', { ttl: 100 })
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
