import { describe, expect, it } from 'vitest'
import { linesOf, load, mistake, problemsOf, withFeed } from './fixture.ts'

describe('one store', () => {
  it('is called default', () => {
    expect(Object.keys(load('store: { type: memory }').config.stores)).toEqual(['default'])
  })

  it('takes the options of hbpush’s fork, durations and sizes as text', () => {
    const { config } = load(`
store:
  type: memory
  min_messages: 5
  max_messages: 0
  message_timeout: 15m
  max_channel_bytes: 64k
  max_bytes: 1GiB
`)
    expect(config.stores['default']).toMatchObject({
      min_messages: 5,
      max_messages: 0,
      message_timeout: 900_000,
      max_channel_bytes: 65_536,
      max_bytes: 2 ** 30,
    })
  })

  it('never forgets with a timeout of 0', () => {
    const { config } = load('store: { type: memory, message_timeout: 0 }')
    expect(config.stores['default']).toMatchObject({ message_timeout: 0 })
  })

  it.each([
    [
      'store: { type: memroy }',
      '1:16 store.type: expected `memory`, `file` or `redis`, found the text `memroy`; did you mean `memory`?',
    ],
    [
      'store: { type: 5 }',
      '1:16 store.type: expected `memory`, `file` or `redis`, found the number 5',
    ],
    ['store: { typ: memory }', '1:10 store.typ: unknown key; did you mean `type`?'],
    [
      'store: { max_messages: 5 }',
      '1:8 store: `type` is missing; expected one of `memory`, `file` or `redis`',
    ],
    [
      'store: { type: memory, max_mesages: 5 }',
      '1:24 store.max_mesages: unknown key; did you mean `max_messages`?',
    ],
    [
      'store: memory',
      '1:8 store: expected a store such as `{ type: memory }`, or several by name, found the text `memory`',
    ],
    [
      'store: {}',
      '1:8 store: expected a store such as `{ type: memory }`, or several by name, found an empty map',
    ],
    [
      'store: { type: memory, min_messages: -1 }',
      '1:38 store.min_messages: expected a whole number of at least 0, found the number -1',
    ],
  ])('%s', (text, expected) => {
    expect(mistake(text)).toBe(expected)
  })
})

describe('several stores', () => {
  it('have names', () => {
    const text = 'store: { default: { type: memory }, other-1: { type: memory, max_channels: 5 } }'
    const { config } = load(text)
    expect(Object.keys(config.stores)).toEqual(['default', 'other-1'])
    expect(config.stores['other-1']).toMatchObject({ type: 'memory', max_channels: 5 })
  })

  it('may be called as anything that objects inherit', () => {
    const text = 'store: { default: { type: memory }, __proto__: { type: memory } }'
    const { stores } = load(text).config
    expect(Object.keys(stores)).toEqual(['default', '__proto__'])
    expect(stores['constructor']).toBeUndefined()
  })

  it('may be called `type`', () => {
    const { stores } = load('store: { default: { type: memory }, type: { type: memory } }').config
    expect(Object.keys(stores)).toEqual(['default', 'type'])
  })

  it('have names of 1 to 64 letters, digits, _ and -', () => {
    const long = 'x'.repeat(65)
    const text = `store: { default: { type: memory }, a.b: { type: memory }, ${long}: { type: memory } }`
    const lines = linesOf(problemsOf(text))
    expect(lines[0]).toBe(
      '1:37 store["a.b"]: expected a store\'s name: 1 to 64 letters, digits, `_` or `-`',
    )
    expect(lines).toHaveLength(2)
  })

  it('each have a type', () => {
    expect(linesOf(problemsOf('store:\n  default: { type: memory }\n  other:\n'))).toEqual([
      '3:3 store.other: expected a map, found nothing',
    ])
  })
})

describe('a store that something uses', () => {
  const two = 'store: { a: { type: memory }, b: { type: memory } }\n'

  it('is there by name', () => {
    const { config } = load(`${two}locations: [{ type: publisher, prefix: /p/, store: b }]`)
    expect(config.locations[0]?.store).toBe('b')
  })

  it('is named where it is not there, with the nearest', () => {
    const text = 'store: { default: { type: memory }, redis1: { type: memory } }\n'
    expect(mistake(`${text}locations: [{ type: publisher, prefix: /p/, store: redis2 }]`)).toBe(
      '2:52 locations[0].store: there is no store `redis2`; the stores are `default` and `redis1`; ' +
        'did you mean `redis1`?',
    )
  })

  it('is `default` where nothing is said, and its absence an error at the location', () => {
    expect(mistake(`${two}locations:\n  - type: publisher\n    prefix: /p/\n`)).toBe(
      '3:5 locations[0].store: there is no store `default`; the stores are `a` and `b`; name one of ' +
        'them with `store:`, or call one of them `default`',
    )
  })

  it('may be missing as long as nothing uses it', () => {
    const { config } = load(`${two}locations: [{ type: publisher, prefix: /p/, store: a }]`)
    expect(config.stores['default']).toBeUndefined()
  })

  it('is used by the default locations too: one error, at the stores', () => {
    expect(mistake(two)).toBe(
      '1:1 store: there is no store `default`, which `locations[0].store`, `locations[1].store` and ' +
        '`locations[2].store` are by default; the stores are `a` and `b`; name one of them with ' +
        '`store:`, or call one of them `default`',
    )
  })

  it('is used by doors, written or not', () => {
    const options = { schema: withFeed }
    const locations = 'locations: [{ type: publisher, prefix: /p/, store: a }]\n'
    expect(mistake(`${two}${locations}`, options)).toMatch(/^1:1 feed.store: there is no store/)
    expect(mistake(`${two}${locations}feed: { port: 0 }`, options)).toMatch(/^3:7 feed.store: /)
    expect(mistake(`${two}${locations}feed: { store: c }`, options)).toMatch(/^3:16 feed.store: /)
    expect(load(`${two}${locations}feed: false`, options).warnings).toEqual([])
    expect(load(`${two}${locations}feed: { store: b }`, options).warnings).toEqual([])
  })

  it('with a mistake of its own is still there', () => {
    const text =
      'store: { default: { type: nonsense } }\nlocations: [{ type: publisher, prefix: /p/ }]'
    expect(mistake(text)).toMatch(/^1:27 store.default.type: /)
  })
})

describe('a redis store', () => {
  it('has the options of hbpush, and more', () => {
    const text = `
store:
  type: redis
  sentinels: [one:26379, "[::1]:26380"]
  publish_wait: 2s
  max_bytes: 1GiB
`
    expect(load(text).config.stores['default']).toMatchObject({
      host: 'localhost',
      port: 6379,
      database: 0,
      key_prefix: '',
      tls: false,
      sentinels: ['one:26379', '[::1]:26380'],
      timeout: 5_000,
      publish_wait: 2_000,
      max_bytes: 2 ** 30,
    })
  })

  it('keeps its passwords out of what is printed', () => {
    expect(mistake('store: { type: redis, password: [hidden] }')).not.toMatch(/hidden/)
    expect(mistake('store: { type: redis, url: "http://u:hidden@x" }')).not.toMatch(/hidden/)
  })

  it('has its options checked', () => {
    const lines = linesOf(problemsOf('store: { type: redis, databse: 1, port: 0 }'))
    expect(lines).toEqual([
      '1:23 store.databse: unknown key; did you mean `database`?',
      '1:41 store.port: expected a whole number from 1 to 65535, found the number 0',
    ])
  })
})
