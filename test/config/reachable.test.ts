import { describe, expect, it } from 'vitest'
import { load } from './fixture.ts'

/** Warnings for publishers with these paths: `url:` regular expressions, or prefixes. */
function warningsOf(...paths: string[]): string[] {
  const items = paths.map((path) => {
    const [, key = 'prefix', text = ''] = /^(?:(url):)?(.*)$/s.exec(path) ?? []
    return `  - { type: publisher, ${key}: ${JSON.stringify(text)} }\n`
  })
  return load(`locations:\n${items.join('')}`).warnings.map((warning) => warning.message)
}

const SAME = [
  ['/a/', '/a/'],
  ['/a/', 'url:/a/(.+)'],
  [String.raw`url:/(\w+)`, 'url:/([A-Za-z0-9_]+)'],
] as const

describe('a location that can never be reached', () => {
  it.each([
    ['a prefix of its prefix', ['/a/', '/a/b/']],
    ['a general expression', ['url:/(.+)', 'url:/pub/(.+)']],
    ['an expression that takes its prefix', ['url:/(.+)', '/pub/']],
    ['a prefix that takes its expression', ['/pub/', String.raw`url:/pub/(\d+)/x`]],
    ['a class that holds its class', [String.raw`url:/(\w+)`, 'url:/([a-z]{2,4})']],
    ['one of its kind that ignores case', ['url:(?i)/PUB/(.+)', '/pub/']],
    ['an expression with lookahead inside', ['url:/(.+)', 'url:/(?=x)(.+)']],
  ])('is hidden by %s', (_, [earlier = '', later = '']) => {
    const [message, ...others] = warningsOf(earlier, later)
    expect(message).toContain('can never be reached: locations[0] (publisher ')
    expect(message).toContain(', line 2) is tried first and takes every path that it takes')
    expect(message).toContain('put locations[1] before locations[0]')
    expect(others).toEqual([])
  })

  it('is not helped by a swap when both take the same', () => {
    for (const pair of SAME) {
      expect(warningsOf(...pair).join()).toContain('change the path of one, or remove one')
    }
  })

  it('may be hidden by several together', () => {
    const messages = warningsOf('url:/([a-m].*)', 'url:/([n-z].*)', 'url:/([a-z]+)')
    expect(messages).toHaveLength(1)
    expect(messages[0]).toContain('locations[0]')
    expect(messages[0]).toContain('locations[1] (publisher /([n-z].*), line 3) are tried first')
  })

  it('is told of where its path is written, as a warning', () => {
    const { warnings } = load(
      'locations:\n- type: publisher\n  prefix: /a/\n- type: subscriber\n  prefix: /a/b/\n',
    )
    expect(warnings).toMatchObject([
      { severity: 'warning', line: 5, column: 11, path: 'locations[1].prefix' },
    ])
  })

  it.each([
    ['pub/', 'a path begins with `/`: write `/pub/`'],
    ['/a b/', 'write `/a%20b/`'],
    ['/ü?/', 'write `/%C3%BC%3F/`'],
    ['url:pub/(.+)', 'a path begins with `/`'],
    ['url:/a b/(.+)', 'holds neither spaces'],
  ])('is one that no path can match: %s', (path, expected) => {
    const messages = warningsOf(path)
    expect(messages.join()).toContain('no request can reach')
    expect(messages.join()).toContain(expected)
  })
})

describe('locations that share paths', () => {
  it('are told of, with an example', () => {
    const [message, ...others] = warningsOf('url:/a/(.+)', 'url:/(.+)/b')
    expect(message).toMatch(/^some paths, such as \/a\/\S*b, are taken by locations\[0\]/)
    expect(others).toEqual([])
  })

  it('are fine where the special one is first', () => {
    expect(warningsOf('/pub/special/', '/pub/', 'url:/(.+)')).toEqual([])
  })

  it('are not those with different ends', () => {
    expect(warningsOf('url:/x/(.+)/pub', 'url:/x/(.+)/sub', 'url:/(.+)/info')).toEqual([])
  })

  it('are not claimed where an expression cannot be compared', () => {
    // The lookahead keeps /pub/ out of the first: only the expressions themselves know that.
    expect(warningsOf('url:/(?!pub/)(.+)', '/pub/')).toEqual([])
  })
})

describe('many locations', () => {
  it('are compared quickly', () => {
    const paths = Array.from({ length: 200 }, (_, i) => `url:/team-${i}/(.+)/(?:pub|sub)`)
    const start = performance.now()
    expect(warningsOf(...paths)).toEqual([])
    expect(performance.now() - start).toBeLessThan(2000)
  })
})
