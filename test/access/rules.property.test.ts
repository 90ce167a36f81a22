import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { ChannelRules } from '../../src/access/rules.ts'
import type { ChannelName } from '../../src/model/channel.ts'
import { Glob } from '../../src/model/glob.ts'
import { Selectors } from '../../src/model/selector.ts'

/** Few letters, so that what is made by chance meets. */
const NAME = fc
  .array(fc.constantFrom('a', 'b', '/', 'a/', '*', '?'), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(''))
  .filter((name) => name !== '/' && !name.startsWith('/'))
const RULE = fc
  .array(fc.constantFrom('a', 'b', '/', '*', '?', '[ab]', '[^a]', '{user}', '\\*'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''))
const USER = fc.option(fc.constantFrom('a', 'b', '*', 'a/', '[ab]'), { nil: undefined })

/** What the rules are said to mean, written down once more, by trying every way there is. */
function oracle(rule: string, name: string, user: string | undefined): boolean {
  if (rule === '/') return true
  if (rule.includes('{user}') && user === undefined) return false
  const stripped = rule.startsWith('/') ? rule.slice(1) : rule
  const parts = stripped.split(/(\{user\})/)
  const tokens = parts.flatMap((part) => (part === '{user}' ? literal(user ?? '') : tokensOf(part)))
  if (rule.endsWith('/')) tokens.push('*')
  return matches(tokens, name)
}

type Token = '*' | ((char: string) => boolean)

function literal(text: string): Token[] {
  return text.split('').map((wanted) => (char: string) => char === wanted)
}

function tokensOf(text: string): Token[] {
  const found = text.match(/\\.|\[\^?[ab]+\]|./g) ?? []
  return found.map((token): Token => {
    if (token === '*') return '*'
    if (token === '?') return () => true
    if (token.startsWith('[^')) return (char) => !token.slice(2, -1).includes(char)
    if (token.startsWith('[')) return (char) => token.slice(1, -1).includes(char)
    return (char) => char === (token.startsWith('\\') ? token.slice(1) : token)
  })
}

function matches([token, ...rest]: readonly Token[], name: string): boolean {
  if (token === undefined) return name === ''
  if (token === '*') {
    return Array.from({ length: name.length + 1 }, (_, at) => name.slice(at)).some((tail) =>
      matches(rest, tail),
    )
  }
  return name !== '' && token(name[0] ?? '') && matches(rest, name.slice(1))
}

it('a decision is what a naive reading of the rules gives', () => {
  fc.assert(
    fc.property(fc.array(RULE, { maxLength: 3 }), NAME, USER, (rules, name, user) => {
      const expected = rules.some((rule) => oracle(rule, name, user))
      expect(new ChannelRules(rules).allow(name as ChannelName, user)).toBe(expected)
    }),
  )
})

it('whoever may follow a pattern or a subtree may follow each of its channels', () => {
  fc.assert(
    fc.property(RULE, RULE, fc.array(NAME, { maxLength: 20 }), USER, (rule, text, names, user) => {
      const pattern = text.replaceAll('{user}', 'a')
      const rules = new ChannelRules([rule])
      const both = [new Selectors([], [], [pattern]), new Selectors([], [`${pattern}/`])]
      for (const selectors of both) {
        if (!rules.allowAll(selectors, user)) continue
        for (const name of names as ChannelName[]) {
          if (selectors.matches(name)) expect(rules.allow(name, user), name).toBe(true)
        }
      }
    }),
  )
})

it.each<[rule: string, pattern: string, allowed: boolean]>([
  ['/', '*', true],
  ['news/', 'news/*', true],
  ['news/', 'news/[ab]?', true],
  ['news/', 'news*', false],
  ['news/', '*', false],
  ['news/*', 'news/*', true],
  ['n?ws', 'n[ae]ws', true],
  ['n[ae]ws', 'n?ws', false],
  ['n[ae]ws', 'n[a]ws', true],
  ['news', 'news', true],
  ['news', 'new?', false],
])('the rule %s, the pattern %s: %s', (rule, pattern, allowed) => {
  const rules = new ChannelRules([rule])
  expect(rules.allowAll(new Selectors([], [], [pattern]))).toBe(allowed)
})

it('covering takes its time for patterns made to take long', () => {
  const stars = 'a*'.repeat(500)
  const started = performance.now()
  expect(new Glob(`${stars}b`).covers(new Glob(`${stars}c`))).toBe(false)
  expect(performance.now() - started).toBeLessThan(5_000)
})
