import { describe, expect, it } from 'vitest'
import { linesOf, load, mistake, problemsOf } from './fixture.ts'

describe('YAML', () => {
  it.each([
    [
      'port: 1\n\taddress: x',
      /^2:1 : YAML syntax: Tabs are not allowed as indentation; use spaces/,
    ],
    ['port: [1', /^1:9 : YAML syntax: Flow sequence/],
    ['address: "x', /^1:12 : YAML syntax: Missing closing "quote/],
    ['address: *', /^1:10 : YAML syntax: .*text that begins with `\*` needs quotes/],
    ['address: @x', /^1:10 : YAML syntax: .*needs quotes/],
    ['a: b: c', /^1:4 : YAML syntax: .*is the indentation right/],
    ['port: 1\n---\nport: 2', /^2:1 : YAML syntax: .*a configuration is one document/],
    ['? [a]\n: 1', /^1:3 : YAML syntax: .*a key is text/],
    ['- 1', /^1:1 : expected a map of keys, such as `port: 8080`, found a list/],
    ['port', /^1:1 : expected a map of keys, such as `port: 8080`, found the text `port`/],
    ['port: *nope', /^1:7 port: no `&nope` before this `\*nope`/],
    ['limits: &x { heartbeat: *x }', /^1:25 limits.heartbeat: no `&x` before/],
  ])('%j has its mistake told with its place', (text, expected) => {
    expect(linesOf(problemsOf(text))[0]).toMatch(expected)
  })

  it('tells every mistake that the parser sees', () => {
    const lines = linesOf(problemsOf('address: @x\nport: `1`\n'))
    expect(lines.map((line) => line.slice(0, 4))).toEqual(['1:10', '2:7 '])
  })

  it('tells keys that are there twice, and checks the rest', () => {
    expect(
      linesOf(problemsOf('port: 1\nlimits:\n  heartbeat: 1\n  heartbeat: 2\nport: x\n')),
    ).toEqual([
      '4:3 limits.heartbeat: this key is there twice, first in line 3; keep one of them',
      '5:1 port: this key is there twice, first in line 1; keep one of them',
      '5:7 port: expected a whole number from 0 to 65535, found the text `x`',
    ])
  })

  it('warns of a tag that means nothing here', () => {
    const { config, warnings } = load('address: !secret x')
    expect(config.address).toBe('x')
    expect(linesOf(warnings)).toEqual(['1:10 : YAML syntax: Unresolved tag: !secret'])
  })

  it('takes aliases and merge keys', () => {
    const { config } = load(`
store:
  default: &small { type: memory, max_messages: 5, max_channels: 6 }
  other:
    <<: *small
    max_channels: 7
locations:
  - &pub { type: publisher, prefix: /a/ }
  - { <<: [*pub, { store: other }], prefix: /b/ }
`)
    expect(config.stores['other']).toMatchObject({ max_messages: 5, max_channels: 7 })
    expect(config.locations[1]).toMatchObject({ type: 'publisher', prefix: '/b/', store: 'other' })
  })

  it('refuses to merge what is no map', () => {
    expect(linesOf(problemsOf('limits:\n  <<: 5\n'))).toEqual([
      '2:7 limits["<<"]: `<<` takes a map or a list of maps',
    ])
  })

  it('takes line ends of every system', () => {
    expect(mistake('port: 1\r\nadress: x\r\n')).toMatch(/^2:1 adress/)
    expect(problemsOf('port: 1\r\nadress: x\r\n')[0]?.excerpt).toBe('adress: x')
  })

  it('reads a JSON text too', () => {
    expect(load('{"port": 5, "limits": {"heartbeat": "3s"}}').config.port).toBe(5)
  })

  it('takes a key for text, whatever it looks like', () => {
    expect(mistake('1: x')).toMatch(/^1:1 1: unknown key/)
    expect(mistake('__proto__: { port: 1 }')).toMatch(/^1:1 __proto__: unknown key/)
    expect(mistake('constructor: 1')).toMatch(/^1:1 constructor: unknown key/)
  })
})

describe('YAML that means harm', () => {
  it('does not expand an alias bomb', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
    for (const name of 'bcdefghijk') {
      const before = String.fromCharCode(name.charCodeAt(0) - 1)
      lines.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`)
    }
    expect(linesOf(problemsOf(lines.join('\n')))[0]).toContain('aliases may stand for 10000 values')
  })

  it('does not repeat a long text without end', () => {
    const text = `a: &a ${'x'.repeat(1000)}\nb: [${'*a, '.repeat(101)}]`
    expect(linesOf(problemsOf(text))[0]).toContain('aliases may stand for 100000 characters')
    expect(linesOf(problemsOf(text.replace('*a, ', ''))).join()).not.toContain('aliases')
  })

  it.each([
    ['[', '['.repeat(20_000)],
    ['{a:', '{a: '.repeat(20_000)],
    ['- ', `${'- '.repeat(300_000)}a`],
    ['? ', `${'? '.repeat(10_000)}a`],
    ['indentation', Array.from({ length: 1200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    [
      'aliases in aliases',
      Array.from({ length: 80 }, (_, i) => `k${i}: &a${i} [${i === 0 ? 1 : `*a${i - 1}`}]`).join(
        '\n',
      ),
    ],
  ])('nested without end is refused: %s', (_, text) => {
    const problems = problemsOf(text)
    expect(problems.some((problem) => problem.message.includes('nested more than 64'))).toBe(true)
  })

  it('over 1 MiB is refused', () => {
    expect(problemsOf('#'.repeat(2 ** 20 + 1))).toMatchObject([
      { line: 0, message: 'larger than 1 MiB: this is no configuration file' },
    ])
    expect(load('#'.repeat(2 ** 20)).warnings).toEqual([])
  })
})

describe('JSON', () => {
  const json = { format: 'json' } as const

  it.each([
    [
      '{"port": 1,}',
      '1:12 : JSON syntax: expected a key after the comma: JSON allows no comma before `}`, found `}`',
    ],
    [
      '{"a": [1,]}',
      '1:10 : JSON syntax: expected a value after the comma: JSON allows no comma before `]`, found `]`',
    ],
    ['{"port": 1 "x"}', '1:12 : JSON syntax: expected `,` or `}`, found `"`'],
    [
      "{'port': 1}",
      "1:2 : JSON syntax: expected a key in double quotes, found `'`; JSON takes double quotes only",
    ],
    ['{port: 1}', '1:2 : JSON syntax: expected a key in double quotes, found `p`'],
    ['{"port" 1}', '1:9 : JSON syntax: expected `:` after the key, found `1`'],
    ['{"port": 1', '1:11 : JSON syntax: expected `,` or `}`, found the end of the file'],
    ['{"port":\n  yes}', '2:3 : JSON syntax: expected a value, found `yes`'],
    ['{"port": 01}', '1:11 : JSON syntax: expected `,` or `}`, found `1`'],
    [
      '{"a": "x\ny"}',
      '1:7 : JSON syntax: this text is not closed by `"`, or holds a line break or a wrong escape, found `"`',
    ],
    ['{} x', '1:4 : JSON syntax: expected the end of the file, found `x`'],
    [
      '// c\n{}',
      '1:1 : JSON syntax: expected a value, found `/`; JSON has no comments, a YAML file may have them',
    ],
    ['[1]', '1:1 : expected a map of keys, such as `port: 8080`, found a list'],
  ])('%j has its mistake told with its place', (text, expected) => {
    expect(mistake(text, json)).toBe(expected)
  })

  it('points to keys and values as YAML does', () => {
    const text = '{\n  "prot": 1,\n  "port": "x",\n  "port": 70000\n}'
    expect(linesOf(problemsOf(text, json))).toEqual([
      '2:3 prot: unknown key; did you mean `port`?',
      '4:3 port: this key is there twice, first in line 3; keep one of them',
      '4:11 port: expected a whole number from 0 to 65535, found the number 70000',
    ])
  })

  it('has escapes, and a byte order mark at most', () => {
    expect(load(String.raw`{"address": "\u003a\u003a1"}`, json).config.address).toBe('::1')
    expect(load('\ufeff{"port": 5}', json).config.port).toBe(5)
  })

  it('is chosen by the name of the file, or by the format', () => {
    expect(() => load('port: 5', { file: 'x.JSON' })).toThrow('JSON syntax')
    expect(load('port: 5', { file: 'x.json', format: 'yaml' }).config.port).toBe(5)
    expect(() => load('port: 5', json)).toThrow('JSON syntax')
  })

  it('nested without end is refused', () => {
    expect(mistake('['.repeat(100_000), json)).toContain('nested more than 64 levels deep')
    expect(mistake('{"a":'.repeat(100_000), json)).toContain('nested more than 64 levels deep')
  })

  it('has texts of any length', () => {
    expect(mistake(`{"x": "${'\\n'.repeat(200_000)}"}`, json)).toContain('unknown key')
  })
})
