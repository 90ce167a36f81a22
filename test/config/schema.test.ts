import { type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { describe, expect, it } from 'vitest'
import { composeSchema, jsonSchema, settings } from '../../src/config/index.ts'
import { events, feed, load, mistake, relay, withFeed } from './fixture.ts'

describe('composeSchema', () => {
  it('needs no fragment at all', () => {
    expect(load('', { schema: composeSchema([]) }).config.locations).toEqual([])
  })

  it('lets several parts add options to one type of location', () => {
    const more = { locationTypes: { subscriber: { last: Type.Integer({ default: 0 }) } } }
    const schema = composeSchema([relay, more])
    const text = 'locations: [{ type: subscriber, prefix: /s/, last: 1 }]'
    expect(load(text, { schema }).config.locations[0]?.options).toMatchObject({
      last: 1,
      polling: 'long',
    })
  })

  it('adds types of stores', () => {
    const schema = composeSchema([{ storeTypes: { tape: { path: Type.String() } } }])
    const { stores } = load('store: { type: tape, path: /x }', { schema }).config
    expect(stores['default']).toEqual({ type: 'tape', path: '/x' })
    expect(mistake('store: { type: tape }', { schema })).toBe(
      '1:8 store: `path` is missing; expected text',
    )
  })

  it('refuses two parts that claim the same', () => {
    expect(() => composeSchema([feed, feed])).toThrow('two parts define the key `feed`')
    expect(() => composeSchema([{ keys: { port: Type.Integer() } }])).toThrow('`port`')
    expect(() => composeSchema([{ keys: { store: Type.Integer() } }])).toThrow('`store`')
    expect(() => composeSchema([relay, relay])).toThrow('the option of publisher')
    expect(() => composeSchema([{ locationTypes: { a: { prefix: Type.String() } } }])).toThrow(
      'every a has `prefix` already',
    )
  })
})

describe('schemas of parts', () => {
  const schema = composeSchema([
    {
      keys: {
        hooks: Type.Array(Type.Object({ url: Type.String({ minLength: 1 }) }), {
          default: [],
          minItems: 0,
          maxItems: 2,
        }),
        users: Type.Record(Type.String(), Type.Object({ role: Type.Literal('admin') }), {
          default: {},
        }),
        target: Type.Union(
          [
            Type.Object({ kind: Type.Literal('a'), left: Type.Integer() }),
            Type.Object({ kind: Type.Literal('b'), right: Type.Integer() }),
            Type.Integer(),
            Type.Null(),
          ],
          { default: null },
        ),
        free: Type.Object({}, { additionalProperties: true, default: {} }),
      },
    },
  ])

  it('may be lists, maps of anything, and unions of maps', () => {
    const text =
      'hooks: [{ url: x }]\nusers: { a: { role: admin } }\ntarget: { kind: b, right: 1 }\nfree: { x: [1] }'
    expect(load(text, { schema }).config.doors).toEqual({
      hooks: [{ url: 'x' }],
      users: { a: { role: 'admin' } },
      target: { kind: 'b', right: 1 },
      free: { x: [1] },
    })
  })

  it.each([
    ['hooks: [{ ulr: x }]', '1:11 hooks[0].ulr: unknown key; did you mean `url`?'],
    ['hooks: [{}, { url: "" }, {}]', undefined],
    ['hooks: {}', '1:8 hooks: expected a list (each: a map with `url`), found a map'],
    [
      'users: { a: { role: amdin } }',
      '1:21 users.a.role: expected `admin`, found the text `amdin`; did you mean `admin`?',
    ],
    [
      'target: { kind: a, left: x }',
      '1:26 target.left: expected a whole number, found the text `x`',
    ],
    [
      'target: { kind: c }',
      '1:9 target: expected a map with `kind` and `left` or a map with `kind` and `right` or a whole number or nothing, found a map',
    ],
    ['target: 1.5', '1:9 target: expected a whole number, found the number 1.5'],
  ])('%s', (text, expected) => {
    if (expected === undefined)
      expect(() => load(text, { schema })).toThrow('must not have more than 2')
    else expect(mistake(text, { schema })).toBe(expected)
  })
})

describe('settings', () => {
  it('lists every key with its variable, default and description, for documentation', () => {
    const all = settings(withFeed)
    expect(all.map((setting) => setting.path.join('.'))).toEqual(
      expect.arrayContaining(['port', 'limits.maxBodyBytes', 'store', 'locations', 'feed.port']),
    )
    expect(all.find((setting) => setting.env === 'FANFARE_PORT')?.default).toBe(8080)
    expect(all.filter((setting) => setting.description === '')).toEqual([])
  })
})

describe('jsonSchema', () => {
  const published = jsonSchema(composeSchema([relay, events, feed])) as TSchema

  it('is plain JSON of draft 2020-12, without our own annotations', () => {
    const text = JSON.stringify(published)
    expect(JSON.parse(text)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      properties: { port: { title: 'port', default: 8080, minimum: 0 } },
    })
    expect(text).not.toMatch(/x-fanfare|\$id|"least"|"most"/)
  })

  it.each([
    {},
    { port: 0, address: '', trustedPeers: '::1', limits: { heartbeat: '3s', maxBodyBytes: 5 } },
    { store: { type: 'memory', message_timeout: '7d', max_bytes: '1GiB' } },
    { store: { a: { type: 'redis', key_prefix: 'x' }, default: { type: 'memory' } } },
    { locations: [{ type: 'subscriber', prefix: '/s/', polling: 'interval' }] },
    { locations: [{ type: 'events', url: '/(.+)' }], feed: false },
    { feed: { port: 1 } },
  ])('takes %j', (value) => {
    expect(Value.Errors(published, value)).toEqual([])
  })

  it.each([
    { prot: 1 },
    { port: 70_000 },
    { limits: { heartbeat: 'soon' } },
    { limits: { hartbeat: 1 } },
    { store: { type: 'nonsense' } },
    { store: { type: 'memory', max_mesages: 1 } },
    { locations: [{ type: 'subscriber' }] },
    { locations: [{ type: 'publisher', prefix: '/s/', polling: 'interval' }] },
    { feed: { prot: 1 } },
  ])('refuses %j', (value) => {
    expect(Value.Check(published, value)).toBe(false)
  })

  it('describes everything', () => {
    const { properties } = published as { properties: Record<string, { description?: string }> }
    for (const [key, property] of Object.entries(properties)) {
      expect(property.description, key).toBeTruthy()
    }
  })
})
