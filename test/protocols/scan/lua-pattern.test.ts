import { describe, expect, it } from 'vitest'
import { luaPattern } from '../../../src/protocols/scan/lua-pattern.ts'

describe('a Lua pattern', () => {
  // What Lua 5.1's string.find says.
  it.each([
    ['%.git', 'a.git', '.git'],
    ['%.git', 'agit', null],
    ['%.git', '.github', '.git'],
    ['%.git$', '.github', null],
    ['^git', 'agit', null],
    ['.git', 'agit', 'agit'],
    ['a*', 'baa', ''],
    ['a+', 'baa', 'aa'],
    ['<.->', '<a><b>', '<a>'],
    ['ab?c', 'ac', 'ac'],
    ['%a+', '12ab3', 'ab'],
    ['%d+', 'ab12', '12'],
    ['%w+', '-a1_', 'a1'],
    ['%s+', 'a \t\v\nb', ' \t\v\n'],
    ['%p+', 'a.-_[]b', '.-_[]'],
    ['%l+', 'ABcd', 'cd'],
    ['%u+', 'abCD', 'CD'],
    ['%x+', 'xyzF0', 'F0'],
    ['%A+', 'ab1-', '1-'],
    ['%D%D', '1ab', 'ab'],
    ['%S', ' a', 'a'],
    ['[abc]+', 'xbax', 'ba'],
    ['[^abc]+', 'axyb', 'xy'],
    ['[a-c%d]+', 'zb2-', 'b2'],
    ['[%a-]+', '1a-b', 'a-b'],
    ['[]x]+', 'a]x', ']x'],
    ['[^]]', ']a', 'a'],
    ['[%W%d]+', 'a-1b', '-1'],
    ['[^%W%d]+', '-1ab', 'ab'],
    ['[%]]', 'a]', ']'],
    ['[z-a]', 'm', null],
    ['[a^]+', 'x^a', '^a'],
    ['%%', 'a%', '%'],
    ['a^b', 'a^b', 'a^b'],
    ['a$b', 'a$b', 'a$b'],
    ['*a', 'b*a', '*a'],
    ['(a)(b)', 'ab', 'ab'],
    ['(ab)*', 'ab*', 'ab*'],
    ['()a', 'ba', 'a'],
    ['{1,2}|/\\', '{1,2}|/\\', '{1,2}|/\\'],
    ['', 'a', ''],
    ['%é'.normalize(), 'é', 'é'],
  ])('%s finds in %s: %s', (pattern, text, found) => {
    expect(luaPattern(pattern).exec(text)?.[0] ?? null).toBe(found)
  })

  it.each([
    ['%', 'it ends with `%`'],
    ['[a', 'a `[` is not closed'],
    ['[]', 'a `[` is not closed'],
    ['[a-%]]', 'a range ends with `%`'],
    ['(a', 'a `(` is not closed'],
    ['a)', 'a `)` closes nothing'],
    ['%b()', '`%b` is not understood here'],
    ['%f[a]', '`%f` is not understood here'],
    ['(a)%1', '`%1` is not understood here'],
  ])('%s is refused: %s', (pattern, why) => {
    expect(() => luaPattern(pattern)).toThrow(`${pattern}: ${why}`)
  })
})
