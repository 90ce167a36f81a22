import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { growthOf } from '../../../src/config/regex/ambiguity.ts'
import { type Automaton, automatonOf } from '../../../src/config/regex/automaton.ts'
import { compare } from '../../../src/config/regex/compare.ts'
import { parseRegex } from '../../../src/config/regex/syntax.ts'

function automaton(source: string, flags = ''): Automaton {
  return automatonOf(parseRegex(source, flags))
}

/** Expressions over a small alphabet, as text. */
const expression: fc.Arbitrary<string> = fc.letrec<{ all: string }>((tie) => ({
  all: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('a', 'b', '/', '.', '[ab]', '[^/]', String.raw`\w`, ''),
    fc.tuple(tie('all'), tie('all')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('all'), tie('all')).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie('all'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{2,}'))
      .map(([a, quantifier]) => `(?:${a})${quantifier}`),
  ),
})).all

const text = fc.array(fc.constantFrom('a', 'b', '/', 'c'), { maxLength: 6 }).map((c) => c.join(''))

describe('compare', () => {
  it('finds a shortest path of each kind', () => {
    expect(compare(automaton('/a+'), [automaton('/aa+')])).toEqual({
      both: '/aa',
      only: '/a',
      complete: true,
    })
  })

  it('knows only paths', () => {
    expect(compare(automaton('.*a'), [automaton('/.*a')])).toEqual({ both: '/a', complete: true })
    expect(compare(automaton('a'), [])).toEqual({ complete: true })
  })

  it('agrees with the expressions on every path that it names and on any other', () => {
    fc.assert(
      fc.property(expression, expression, fc.array(text, { maxLength: 20 }), (a, b, texts) => {
        const one = new RegExp(`^(?:/${a})$`)
        const other = new RegExp(`^(?:/${b})$`)
        const { both, only, complete } = compare(automaton(`/${a}`), [automaton(`/${b}`)])
        if (both !== undefined) expect([one.test(both), other.test(both)]).toEqual([true, true])
        if (only !== undefined) expect([one.test(only), other.test(only)]).toEqual([true, false])
        for (const path of complete ? texts.map((t) => `/${t}`) : []) {
          if (!one.test(path)) continue
          if (other.test(path)) expect(both).toBeDefined()
          else expect(only).toBeDefined()
        }
      }),
      { numRuns: 400 },
    )
  })

  it('gives up rather than take long', () => {
    const start = performance.now()
    const result = compare(automaton('/(?:a|b)*a(?:a|b){200}'), [
      automaton('/(?:a|b)*b(?:a|b){199}'),
    ])
    expect(result.complete).toBe(false)
    expect(performance.now() - start).toBeLessThan(5000)
  })
})

describe('parseRegex', () => {
  it.each([
    [String.raw`a\/b`, 'a/b'],
    ['a{,2}', 'a{,2}'],
    ['x]y}', 'x]y}'],
    [String.raw`\x41\u0042`, 'AB'],
    [String.raw`[\]a]+`, ']a'],
    ['[^]b', '~b'],
    ['(?<n>a)(?:b)', 'ab'],
    ['a+?b*?c??', 'abc'],
  ])('reads %s', (source, example) => {
    expect(new RegExp(`^(?:/${source})$`).test(`/${example}`)).toBe(true)
    const literal = automaton(`/${example.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}`)
    expect(compare(literal, [automaton(`/${source}`)]).only).toBeUndefined()
  })

  it.each([
    '/a(?=b)',
    '/(?!x).',
    String.raw`/(a)\1`,
    String.raw`/a\bb`,
    '/a$b',
    String.raw`/(?<n>a)\k<n>`,
  ])('says that %s is not exact', (source) => {
    expect(automaton(source).exact).toBe(false)
  })

  it.each(['^/a$', '/(a|b)', '/[^/]{1,64}'])('says that %s is exact', (source) => {
    expect(automaton(source).exact).toBe(true)
  })

  it('does not write out large counts', () => {
    const counted = automaton('(?:a{1,500}){1,500}')
    expect(counted.sets.length).toBeLessThan(700)
    expect(counted.exact).toBe(false)
  })
})

function growth(source: string): number {
  return growthOf(parseRegex(source, ''))
}

describe('growthOf', () => {
  it.each([
    '(a+)+',
    '(a*)*',
    '(?:a|a)*',
    '(?:a|ab|b)*',
    '(?:.*)*x',
    String.raw`(?:\w+\s?)*`,
    String.raw`(?:\d+|\w+)+`,
    '(?:[^/]+/?)+',
    '(?:(?:ab)+)+',
    '(?:a{1,500}){1,500}',
    '(?:a{1,30}){1,30}',
    '(?:(?:|)a)*',
    '(?=(?:a|aa)+b).+',
    '(?!x(?=(a+)+b))y',
  ])('%s is exponential', (source) => {
    expect(growth(source)).toBe(Number.POSITIVE_INFINITY)
  })

  it.each([
    ['abc', 0],
    ['a+', 1],
    ['(?:ab)+', 1],
    ['(?:/[^/]+)+', 1],
    ['[^/]+(?:/[^/]+)*', 1],
    ['(?:a|b)*', 1],
    ['(?:a?b)*', 1],
    ['(?:a{1,3}/)+', 1],
    ['(?:|a){999999999}', 1],
    ['(?:(?:a*)?b)*', 1],
    ['a+b+c+', 1],
    ['[^/]+/[^/]+/[^/]+', 1],
    ['(?:a{1,3}/){1,3}', 0],
    [String.raw`(?:\d{2}\d{2})+`, 1],
    [String.raw`\w+(?:[-.]\w+)*`, 1],
    ['(?!.*[.]git).+', 1],
    ['(?!.*a.*b).+', 2],
    ['(?:(?=.*x)/[^/]+)+', 2],
    ['(?:(?=.*x.*y)/[^/]+)+', 3],
    ['(.+)/(.+)', 2],
    ['[a-z]{1,63}[a-z0-9]{0,63}', 2],
    ['.+/[^/]+/.+', 2],
    ['a+(?:a|b)+b+', 3],
    ['.+/.+/.+', 3],
    [String.raw`.*\w*.*\w*`, 4],
    ['(?:a+){1,3}', 3],
    ['(?:(?:a+){1,3}){1,3}', 9],
  ])('%s grows by power %d', (source, expected) => {
    expect(growth(source)).toBe(expected)
  })

  it('is not told of what is too complex to tell', () => {
    expect(growth('a*'.repeat(60))).toBeNaN()
  })

  it('looks at what cannot be gone through to its end', () => {
    // No path has such a character, so the outer repetition never comes round.
    expect(growth(`(?:${'a+'.repeat(4)}\0)+`)).toBe(4)
  })

  it('is right where it can be tried: what passes is fast', () => {
    fc.assert(
      fc.property(expression, (source) => {
        fc.pre(growth(source) <= 2)
        const regex = new RegExp(`^(?:${source})$`)
        const start = performance.now()
        for (const piece of ['a', 'ab', 'ba', '/a']) regex.test(`${piece.repeat(60)}!`)
        expect(performance.now() - start).toBeLessThan(1000)
      }),
      { numRuns: 500 },
    )
  })
})
