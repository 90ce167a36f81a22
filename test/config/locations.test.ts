import { describe, expect, it } from 'vitest'
import { linesOf, load, mistake, problemsOf } from './fixture.ts'

/** What group 1 of the single location's pattern is for a path. */
function channelOf(location: string, path: string): string | undefined {
  const { config } = load(`locations:\n  - { type: publisher, ${location} }\n`)
  return config.locations[0]?.pattern.exec(path)?.[1]
}

function refused(location: string): string {
  return mistake(`locations:\n  - { type: publisher, ${location} }\n`)
}

describe('a prefix', () => {
  it('is followed by the channel, to the end of the path', () => {
    expect(channelOf('prefix: /pub/', '/pub/a/b%2F')).toBe('a/b%2F')
    expect(channelOf('prefix: /pub/', '/pub/')).toBeUndefined()
    expect(channelOf('prefix: /pub/', '/x/pub/a')).toBeUndefined()
  })

  it('is text, whatever it would mean in a regular expression', () => {
    expect(channelOf('prefix: /p.b+(/', '/p.b+(/x')).toBe('x')
    expect(channelOf('prefix: /p.b/', '/pub/x')).toBeUndefined()
  })
})

describe('a url', () => {
  it('is a regular expression for the whole path', () => {
    expect(channelOf(String.raw`url: '/(\w+)/pub'`, '/abc/pub')).toBe('abc')
    expect(channelOf(String.raw`url: '/(\w+)/pub'`, '/abc/pub/')).toBeUndefined()
    expect(channelOf(String.raw`url: '/(\w+)/pub'`, '/x/abc/pub')).toBeUndefined()
  })

  it('is anchored at both ends in each alternative', () => {
    expect(channelOf("url: '/a/(?:x)|/b/(.+)'", '/b/c')).toBe('c')
    expect(channelOf("url: '/a/(.+)|/b'", '/a/c')).toBe('c')
    expect(channelOf("url: '/a/(.+)|/b'", '/b/c')).toBeUndefined()
  })

  it('goes before a prefix', () => {
    expect(channelOf('prefix: /a/, url: /b/(.+)', '/b/c')).toBe('c')
    expect(channelOf('prefix: /a/, url: /b/(.+)', '/a/c')).toBeUndefined()
  })

  it('may be written as Python writes it', () => {
    expect(channelOf("url: '/(?P<channel>.+)/x'", '/a/x')).toBe('a')
    expect(channelOf(String.raw`url: '/(?P<c>[a-z]+)-(?P=c)'`, '/ab-ab')).toBe('ab')
    expect(channelOf(String.raw`url: '\A/(.+)/x\Z'`, '/a/x')).toBe('a')
    expect(channelOf("url: '(?i)/PUB/(.+)'", '/pub/A')).toBe('A')
    expect(channelOf("url: '/pub(?#the channel)/(.+)'", '/pub/a')).toBe('a')
    expect(channelOf("url: '^/pub/(.+)$'", '/pub/a')).toBe('a')
  })

  it('leaves what only looks like Python', () => {
    expect(channelOf(String.raw`url: '/[(?P<]/(.+)'`, '/P/a')).toBe('a')
    expect(channelOf(String.raw`url: '/\\Z/(.+)'`, '/\\Z/a')).toBe('a')
  })

  it.each([
    ['url: "/pub/(.+"', 'this is no regular expression: unterminated group'],
    ['url: "/pub/.+)"', 'this is no regular expression: unmatched'],
    ['url: "/a)(.+)(?:b"', 'this is no regular expression: unmatched'],
    ['url: "/pub/[(.+)"', 'this is no regular expression: unterminated character class'],
    ['url: "/pub/+*(.+)"', 'this is no regular expression: nothing to repeat'],
    ['url: /pub/.+', 'exactly one group, the channel, but it has none; put the channel'],
    ['url: /pub/(?:.+)', 'exactly one group, the channel, but it has none'],
    [
      'url: /(.+)/(.+)',
      'exactly one group, the channel, but it has 2; write the others as `(?:…)`',
    ],
  ])('%s is refused where it stands', (location, expected) => {
    const problem = refused(location)
    expect(problem).toMatch(/^2:29 locations\[0\]\.url: /)
    expect(problem).toContain(expected)
  })

  it.each([
    '/(a+)+',
    '/((?:a+)+)b',
    '/((?:a|a)*)',
    String.raw`/((?:\w+-?)+)x`,
    '/((?:.*)*)/',
    '/(?=(?:a|aa)+b)(.+)',
  ])('%s is refused: a path could stop the server', (url) => {
    expect(refused(`url: '${url}'`)).toContain('a nested repetition can read the same text')
  })

  it.each(['/((?:[^/]+/)+)x', '/([^/]+(?:/[^/]+)*)', String.raw`/(\w+(?:-\w+)*)`])(
    '%s repeats within a repetition, and is safe',
    (url) => {
      expect(load(`locations: [{ type: publisher, url: '${url}' }]`).warnings).toEqual([])
    },
  )

  it('is refused when three repetitions in a row can read the same', () => {
    expect(refused("url: '/.+/x/(.+)/y/.+'")).toContain('three repetitions in a row')
    expect(load("locations: [{ type: publisher, url: '/.+/(.+)' }]").warnings).toEqual([])
    expect(load("locations: [{ type: publisher, url: '/[^/]+/([^/]+)/.+' }]").warnings).toEqual([])
  })

  it('has a bound on its length', () => {
    expect(refused(`url: '/${'a'.repeat(1000)}(.+)'`)).toContain('text of at most 1000 characters')
  })
})

describe('a location', () => {
  it.each([
    [
      '- { type: publisher }',
      '2:3 locations[0]: `prefix` or `url` is missing: which paths does this location take?',
    ],
    [
      '- { type: publisher, prefx: /a/ }',
      '2:22 locations[0].prefx: unknown key; did you mean `prefix`?',
    ],
    [
      '- { type: publishr, prefix: /a/ }',
      '2:11 locations[0].type: expected `publisher`, `subscriber` or `events`, found the text ' +
        '`publishr`; did you mean `publisher`?',
    ],
    [
      '- { prefix: /a/ }',
      '2:3 locations[0]: `type` is missing; expected one of `publisher`, `subscriber` or `events`',
    ],
    [
      '- { typ: publisher, prefix: /a/ }',
      '2:3 locations[0]: `type` is missing; expected one of `publisher`, `subscriber` or `events`; ' +
        'is `typ` meant to be `type`?',
    ],
    ['- /pub/', '2:3 locations[0]: expected a map, found the text `/pub/`'],
    [
      '- { type: publisher, prefix: 5 }',
      '2:30 locations[0].prefix: expected text, found the number 5; put it in quotes',
    ],
    [
      '- { type: subscriber, prefix: /a/, polling: intervall }',
      '2:45 locations[0].polling: expected `long` or `interval`, found the text `intervall`; did ' +
        'you mean `interval`?',
    ],
    [
      '- { type: subscriber, prefix: /a/, pollling: long }',
      '2:36 locations[0].pollling: unknown key; did you mean `polling`?',
    ],
    [
      '- { type: publisher, prefix: /a/, xyz: long }',
      '2:35 locations[0].xyz: unknown key; expected one of `type`, `store`, `prefix`, `url` or ' +
        '`create_on_post`',
    ],
  ])('%s', (item, expected) => {
    expect(mistake(`locations:\n  ${item}\n`)).toBe(
      expected.replace(/^2:(\d+)/, (_, c) => `2:${Number(c) + 2}`),
    )
  })

  it('has the options of its own type only', () => {
    expect(mistake('locations: [{ type: publisher, prefix: /a/, polling: long }]')).toContain(
      'unknown key; expected one of',
    )
  })

  it('knows where it was written', () => {
    const { config } = load('\nlocations:\n  - type: publisher\n    prefix: /p/\n')
    expect(config.locations[0]?.source).toEqual({
      file: 'fanfare.yaml',
      line: 3,
      column: 5,
      text: 'publisher /p/',
    })
    expect(load('').config.locations[0]?.source).toMatchObject({
      line: 0,
      text: 'publisher /publisher/',
    })
  })
})

describe('locations', () => {
  it('replace the defaults as a whole', () => {
    expect(load('locations: [{ type: publisher, prefix: /p/ }]').config.locations).toHaveLength(1)
    expect(load('locations: []').config.locations).toEqual([])
  })

  it.each([
    ['locations: { type: publisher }', 'expected a list, found a map'],
    ['locations:', 'expected a list, found nothing'],
  ])('%s', (text, expected) => {
    expect(mistake(text)).toContain(expected)
  })

  it('are all checked', () => {
    const problems = problemsOf('locations:\n- type: a\n- type: publisher\n- prefix: /x/\n')
    expect(linesOf(problems).map((line) => line.split(':')[0])).toEqual(['2', '3', '4'])
  })
})
