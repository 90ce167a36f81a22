import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChannelName } from '../../src/model/channel.ts'
import { Selectors } from '../../src/model/selector.ts'

const of = (channels: string[], prefixes: string[] = []): Selectors =>
  new Selectors(channels as ChannelName[], prefixes)
const names = fc.array(fc.constantFrom('a', 'b', 'ab', 'a/b', 'c1:a', 's1:b', '1', ':'), {
  maxLength: 5,
})

describe('Selectors', () => {
  it('are the same in any order, however often each is named', () => {
    expect(of(['b', 'a', 'b'], ['y/', 'x/', 'x/'])).toEqual(of(['a', 'b'], ['x/', 'y/']))
    expect(of(['b', 'a', 'b']).size).toBe(2)
  })

  it('have the same key exactly when they select the same names and subtrees', () => {
    fc.assert(
      fc.property(names, names, names, names, (a, p, b, q) => {
        const same =
          String([...new Set(a)].toSorted()) === String([...new Set(b)].toSorted()) &&
          String([...new Set(p)].toSorted()) === String([...new Set(q)].toSorted())
        expect(of(a, p).key === of(b, q).key).toBe(same)
      }),
    )
  })

  it('match channels by name and subtrees by what a name begins with', () => {
    const both = of(['a', 'x'], ['x/', 'y/z/'])
    const matched = [
      'a',
      'x',
      'x/',
      'x/1',
      'x/1/2',
      'y/z/',
      'y/z/1',
      'y/z',
      'y',
      'ab',
      'xa',
    ].filter((name) => both.matches(name as ChannelName))

    expect(matched).toEqual(['a', 'x', 'x/', 'x/1', 'x/1/2', 'y/z/', 'y/z/1'])
    expect(of([], ['']).matches('anything' as ChannelName)).toBe(true)
    expect(of([]).matches('anything' as ChannelName)).toBe(false)
  })

  it('know when they are one channel', () => {
    expect(of(['a']).single).toBe('a')
    expect(of(['a', 'a']).single).toBe('a')
    expect(of(['a', 'b']).single).toBeUndefined()
    expect(of(['a'], ['x/']).single).toBeUndefined()
    expect(of([], ['x/']).single).toBeUndefined()
    expect(of([]).single).toBeUndefined()
  })

  it('are added to and taken from', () => {
    const sum = of(['a'], ['x/']).with(of(['b', 'a'], ['y/']))
    expect(sum).toEqual(of(['a', 'b'], ['x/', 'y/']))
    expect(sum.without(of(['a', 'c'], ['x/']))).toEqual(of(['b'], ['y/']))
    expect(sum.without(sum).size).toBe(0)
    // A name and a subtree of the same spelling are two things.
    expect(of(['x/'], ['x/']).without(of(['x/']))).toEqual(of([], ['x/']))
  })

  it.each([
    ['a/b', ['a/b'], []],
    ['/a/b', ['a/b'], []],
    ['a/', [], ['a/']],
    ['/a/', [], ['a/']],
    ['/', [], ['']],
    ['//', [], ['/']],
    ['a*', ['a*'], []],
  ])('are read from %s as a trailing slash says', (text, channels, prefixes) => {
    expect(Selectors.parse(text)).toEqual(of(channels, prefixes))
    expect(Selectors.parseText(text)).toEqual(of(channels, prefixes))
  })

  it('are not read from what is no name', () => {
    expect(Selectors.parse('')).toBeUndefined()
    expect(Selectors.parse('x'.repeat(513))).toBeUndefined()
    expect(Selectors.parseText('€'.repeat(171))).toBeUndefined()
    expect(Selectors.parseText('é')).toEqual(of(['\xc3\xa9']))
  })

  it('hold patterns too, which are added and dropped like names', () => {
    const wide = new Selectors([], [], ['b?', 'a*', 'a*'])
    expect(wide.patterns).toEqual(['a*', 'b?'])
    expect(['ax', 'bx', 'b', 'c'].map((one) => wide.matches(one as ChannelName))).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect([wide.wide, wide.single, of(['a']).wide]).toEqual([true, undefined, false])
    const both = of(['a'], ['x/']).with(wide)
    expect(both.size).toBe(4)
    expect(both.without(of(['a'], ['x/'])).key).toBe(wide.key)
    expect(of(['a*']).key).not.toBe(new Selectors([], [], ['a*']).key)
  })
})
