import { describe, expect, it } from 'vitest'
import type { Audience } from '../../src/hub/audience.ts'
import { Matcher } from '../../src/hub/matcher.ts'
import { Selectors } from '../../src/model/selector.ts'
import { below, channels, name } from './rig.ts'

/** The matcher looks at nothing of an audience but its selectors. */
const audience = (selectors: Selectors): Audience => ({ selectors }) as Audience

function heard(matcher: Matcher, channel: string): Audience[] {
  const list: Audience[] = []
  matcher.each(name(channel), (one) => list.push(one))
  return list
}

describe('Matcher', () => {
  it('finds those who name a channel, and those who name a level above it', () => {
    const matcher = new Matcher()
    const [one, two, tree, deep, all] = [
      channels('x/a'),
      channels('x/a', 'y'),
      below('x/'),
      below('x/a/'),
      below(''),
    ].map(audience) as [Audience, Audience, Audience, Audience, Audience]
    for (const each of [one, two, tree, deep, all]) matcher.add(each)

    expect(heard(matcher, 'x/a')).toEqual([one, two, all, tree])
    expect(heard(matcher, 'x/a/')).toEqual([all, tree, deep])
    expect(heard(matcher, 'x/a/b')).toEqual([all, tree, deep])
    expect(heard(matcher, 'x')).toEqual([all])
    expect(heard(matcher, 'y')).toEqual([two, all])
  })

  it('selects exactly what Selectors.matches says, for names with slashes anywhere', () => {
    const names = ['a', 'a/', 'a//', 'a/b', 'a//b', '//', 'b/a/', 'ab/', 'a/b/c']
    for (const prefix of ['', 'a/', 'a//', 'a/b/', '/', 'b/']) {
      const matcher = new Matcher()
      const tree = audience(below(prefix))
      matcher.add(tree)
      for (const each of names) {
        expect([each, heard(matcher, each).length > 0]).toEqual([
          each,
          tree.selectors.matches(name(each)),
        ])
      }
    }
  })

  it('keeps nothing of those who left', () => {
    const matcher = new Matcher()
    const [one, two] = [audience(new Selectors([name('a')], ['x/'])), audience(channels('a'))]
    matcher.add(one)
    matcher.add(two)

    matcher.remove(one)
    expect(heard(matcher, 'a')).toEqual([two])
    expect(heard(matcher, 'x/1')).toEqual([])
    matcher.remove(two)
    matcher.remove(two)

    expect([...matcher.exact(name('a'))]).toEqual([])
    // Not even an empty place.
    expect(matcher.exact(name('a'))).toBe(matcher.exact(name('never')))
  })

  it('finds those whose pattern matches, and forgets them', () => {
    const matcher = new Matcher()
    const [star, set] = [['x/*'], ['[xy]/a', 'nothing']].map((patterns) =>
      audience(new Selectors([], [], patterns)),
    ) as [Audience, Audience]
    matcher.add(star)
    matcher.add(set)
    expect(heard(matcher, 'x/a')).toEqual([star, set])
    expect(heard(matcher, 'y/a')).toEqual([set])
    matcher.remove(star)
    expect(heard(matcher, 'x/a')).toEqual([set])
  })
})
