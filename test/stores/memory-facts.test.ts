import { describe, expect, it } from 'vitest'
import { MemoryFacts } from '../../src/stores/memory-facts.ts'

/** Facts, and their clock. */
function start(): { facts: MemoryFacts; clock: { now: number } } {
  const clock = { now: 1_000 }
  return { facts: new MemoryFacts(() => clock.now), clock }
}

describe('facts', () => {
  it('are a text under three names', () => {
    const { facts } = start()
    facts.set('kind', 'owner', 'item', 'value')
    expect(facts.get('kind', 'owner', 'item')).toBe('value')
    expect(facts.get('kind', 'owner', 'other')).toBeUndefined()
    expect(facts.get('kind', 'other', 'item')).toBeUndefined()
    expect(facts.get('other', 'owner', 'item')).toBeUndefined()
  })

  it('may be empty texts and have any names', () => {
    const { facts } = start()
    facts.set('__proto__', 'constructor', '', '')
    expect(facts.get('__proto__', 'constructor', '')).toBe('')
    expect(facts.list('__proto__', 'constructor')).toEqual(new Map([['', '']]))
  })

  it('are replaced and taken back', () => {
    const { facts } = start()
    facts.set('k', 'o', 'i', 'one')
    facts.set('k', 'o', 'i', 'two')
    expect(facts.get('k', 'o', 'i')).toBe('two')
    facts.set('k', 'o', 'i', undefined)
    expect(facts.get('k', 'o', 'i')).toBeUndefined()
    expect(facts.total).toBe(0)
  })

  it('are listed by owner, as they were last stated', () => {
    const { facts } = start()
    for (const item of ['a', 'b', 'c', 'a']) facts.set('k', 'o', item, item)
    expect([...facts.list('k', 'o').keys()]).toEqual(['b', 'c', 'a'])
    expect(facts.list('k', 'nobody').size).toBe(0)
  })

  it('have owners, who are counted', () => {
    const { facts } = start()
    facts.set('k', 'one', 'a', '')
    facts.set('k', 'one', 'b', '')
    facts.set('k', 'two', 'a', '')
    facts.set('other', 'three', 'a', '')
    expect(facts.owners('k')).toEqual(['one', 'two'])
    expect(facts.count('k')).toBe(2)
    expect(facts.itemsOf('k', 'one')).toBe(2)
    expect(facts.itemsOf('k', 'nobody')).toBe(0)
    facts.set('k', 'two', 'a', undefined)
    expect(facts.owners('k')).toEqual(['one'])
    expect(facts.count('k')).toBe(1)
  })
})

describe('a fact with a time', () => {
  it('is none afterwards', () => {
    const { facts, clock } = start()
    facts.set('k', 'o', 'i', 'v', { ttl: 100 })
    clock.now += 99
    expect(facts.get('k', 'o', 'i')).toBe('v')
    expect(facts.owners('k')).toEqual(['o'])
    clock.now += 1
    expect(facts.owners('k')).toEqual([])
    expect(facts.list('k', 'o').size).toBe(0)
    expect(facts.get('k', 'o', 'i')).toBeUndefined()
  })

  it('has the time, or none, that it was last given', () => {
    const { facts, clock } = start()
    facts.set('k', 'o', 'longer', 'v', { ttl: 100 })
    facts.set('k', 'o', 'longer', 'v', { ttl: 1_000 })
    facts.set('k', 'o', 'for good', 'v', { ttl: 100 })
    facts.set('k', 'o', 'for good', 'v')
    clock.now += 500
    expect([...facts.list('k', 'o').keys()]).toEqual(['longer', 'for good'])
  })

  it('is dropped even if nobody asks for it', () => {
    const { facts, clock } = start()
    for (let n = 0; n < 10_000; n++) {
      facts.set('k', String(n), 'i', 'v', { ttl: 50 })
      clock.now++
      // 50 are there at any time, and as many may not have been looked at yet.
      expect(facts.total).toBeLessThanOrEqual(100)
    }
  })
})

describe('whoever watches', () => {
  it('hears of each change once it holds, and of no end of a time', () => {
    const { facts, clock } = start()
    const heard: unknown[] = []
    facts.watch((...change) => heard.push([...change, facts.get('k', 'o', 'i')]))
    facts.set('k', 'o', 'i', 'v', { ttl: 100 })
    clock.now += 200
    expect(facts.get('k', 'o', 'i')).toBeUndefined()
    facts.set('k', 'o', 'i', 'w')
    facts.set('k', 'o', 'i', undefined)
    expect(heard).toEqual([
      ['k', 'o', 'i', 'v', 'v'],
      ['k', 'o', 'i', 'w', 'w'],
      ['k', 'o', 'i', undefined, undefined],
    ])
  })
})
