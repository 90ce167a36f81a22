import { describe, expect, it } from 'vitest'
import { doorOf, loadConfig, optionsOf } from '../../src/config/index.ts'
import {
  eventsOptions,
  feedSchema,
  load,
  mistake,
  schema,
  subscriberOptions,
  withFeed,
} from './fixture.ts'

describe('without a file', () => {
  it('listens on this machine alone', () => {
    const { config, warnings } = loadConfig(schema, { env: {} })
    expect(config.address).toBe('127.0.0.1')
    expect(config.port).toBe(8080)
    expect(config.trustedPeers).toEqual(['127.0.0.1', '::1'])
    expect(config.trustedProxies).toEqual([])
    expect(warnings).toEqual([])
  })

  it('keeps messages in a folder, within bounds', () => {
    const { config } = loadConfig(schema, { env: {} })
    expect({ ...config.stores }).toEqual({
      default: {
        type: 'file',
        path: 'fanfare-data',
        durability: 'interval',
        sync_interval: 100,
        segment_bytes: 64 * 2 ** 20,
        cache_bytes: 32 * 2 ** 20,
        max_waiting_bytes: 64 * 2 ** 20,
        min_messages: 0,
        max_messages: 1_000_000,
        message_timeout: 48 * 3600 * 1000,
        max_channel_bytes: 2 ** 30,
        max_total_messages: 5_000_000,
        max_bytes: 2 ** 32,
        max_channels: 100_000,
      },
    })
  })

  it('and with a file that says nothing of a store, the same one runs', () => {
    expect(load('port: 5').config.stores).toEqual(loadConfig(schema, { env: {} }).config.stores)
  })

  it('a store in memory has bounds of its own', () => {
    expect(load('store: { type: memory }').config.stores['default']).toEqual({
      type: 'memory',
      min_messages: 0,
      max_messages: 100_000,
      message_timeout: 48 * 3600 * 1000,
      max_channel_bytes: 64 * 2 ** 20,
      max_total_messages: 1_000_000,
      max_bytes: 256 * 2 ** 20,
      max_channels: 100_000,
    })
  })

  it('has the locations of the fragments, in their order', () => {
    const { config } = loadConfig(schema, { env: {} })
    expect(config.locations.map(({ type, prefix, store }) => [type, prefix, store])).toEqual([
      ['publisher', '/publisher/', 'default'],
      ['subscriber', '/subscriber/', 'default'],
      ['events', '/events/', 'default'],
    ])
  })

  it('resolves limits to milliseconds and bytes', () => {
    const { config } = loadConfig(schema, { env: {} })
    expect(config.limits).toMatchObject({
      maxBodyBytes: 8 * 2 ** 20,
      maxHeaderBytes: 16 * 1024,
      headersTimeout: 10_000,
      keepAliveTimeout: 75_000,
      maxUnsentBytes: 2 ** 20,
      catchUpBytes: 64 * 1024,
      maxBatchBytes: 2 ** 20,
      maxTurn: 8,
      idleTimeout: 60_000,
      heartbeat: 15_000,
      maxConnections: 18_000,
      maxSubscriptions: 1000,
      idempotencyWindow: 86_400_000,
      idempotencyKeys: 100_000,
    })
  })

  it.each(['', '   \n', '# nothing yet\n', '---\n', '\ufeff'])('is the same as %j', (text) => {
    expect(load(text).config).toEqual(loadConfig(schema, { env: {} }).config)
  })

  it('is the same as an empty JSON file', () => {
    expect(load('', { format: 'json' }).config).toEqual(load('{}', { format: 'json' }).config)
  })
})

describe('what a file sets', () => {
  it('replaces the default, and leaves the others', () => {
    const { config } = load('port: 9090\nlimits: { heartbeat: 30 }\n')
    expect(config.port).toBe(9090)
    expect(config.limits.heartbeat).toBe(30_000)
    expect(config.limits.maxConnections).toBe(18_000)
  })

  it('takes hbpush’s empty address for all interfaces, and leaves it as it is', () => {
    expect(load("address: ''").config.address).toBe('')
  })

  it('takes port 0 for any free port', () => {
    expect(load('port: 0').config.port).toBe(0)
  })

  it('takes a section with everything commented out for its defaults', () => {
    expect(load('limits:\n  # heartbeat: 3s\n').config.limits.heartbeat).toBe(15_000)
  })

  it.each([
    ['port: 65536', '1:7 port: expected a whole number from 0 to 65535, found the number 65536'],
    ['port: -1', '1:7 port: expected a whole number from 0 to 65535, found the number -1'],
    ['port: 80.5', '1:7 port: expected a whole number from 0 to 65535, found the number 80.5'],
    ['port: .nan', '1:7 port: expected a whole number from 0 to 65535, found the number NaN'],
    [
      "port: '80'",
      '1:7 port: expected a whole number from 0 to 65535, found the text `80`; remove the quotes',
    ],
    ['port:', '1:6 port: expected a whole number from 0 to 65535, found nothing'],
    ['port: [80]', '1:7 port: expected a whole number from 0 to 65535, found a list'],
    ['address: 10', '1:10 address: expected text, found the number 10; put it in quotes'],
    ['limits: 3', '1:9 limits: expected a map, found the number 3'],
    [
      'limits: { idleTimeout: soon }',
      '1:24 limits.idleTimeout: expected a duration of at most 24 days: seconds as a number, or text ' +
        'such as `90s`, `15m`, `48h`, `7d`, found the text `soon`',
    ],
    [
      'limits: { maxHeaderBytes: 1k, maxBodyBytes: 0 }',
      '1:45 limits.maxBodyBytes: expected a size above 0: bytes as a number, or text such as ' +
        '`64KiB`, `8MiB`, found the number 0',
    ],
  ])('%s', (text, expected) => {
    expect(mistake(text)).toBe(expected)
  })

  it('refuses a timer that Node.js could not wait for', () => {
    expect(mistake('limits: { idleTimeout: 30d }')).toContain('of at most 24 days')
  })
})

describe('doors and options', () => {
  it('gives a door its defaults, typed by its schema', () => {
    const { config } = load('', { schema: withFeed })
    const door = doorOf(config, 'feed', feedSchema)
    expect(door).toEqual({ port: 2069, store: 'default', line: 65_536 })
    expect(door !== false && door.port + 1).toBe(2070)
  })

  it.each(['false', 'off', 'no'])('switches a door off with %s', (word) => {
    const { config } = load(`feed: ${word}`, { schema: withFeed })
    expect(doorOf(config, 'feed', feedSchema)).toBe(false)
  })

  it.each(['true', 'on', '', '{}'])('leaves a door on with %j', (word) => {
    const { config } = load(`feed: ${word}`, { schema: withFeed })
    expect(doorOf(config, 'feed', feedSchema)).toMatchObject({ port: 2069 })
  })

  it('tells one mistake of a door, not one of each alternative', () => {
    const options = { schema: withFeed }
    expect(mistake('feed: 2069', options)).toBe(
      '1:7 feed: expected `false` (off) or a map of options, found the number 2069',
    )
    expect(mistake('feed: { prot: 1 }', options)).toBe(
      '1:9 feed.prot: unknown key; did you mean `port`?',
    )
    expect(mistake('feed: { port: x }', options)).toBe(
      '1:15 feed.port: expected a whole number from 0 to 65535, found the text `x`',
    )
  })

  it('says that the program asks for a door that is not there', () => {
    const { config } = load('')
    expect(() => doorOf(config, 'feed', feedSchema)).toThrow(TypeError)
  })

  it('gives a location the options of its type, typed by their schemas', () => {
    const { config } = load(
      'locations: [{ type: subscriber, prefix: /s/, polling: interval }, { type: events, prefix: /e/ }]',
    )
    const [subscriber, events] = config.locations
    if (!subscriber || !events) throw new Error('two locations')
    expect(optionsOf(subscriber, subscriberOptions)).toEqual({
      polling: 'interval',
      create_on_get: false,
      allow_origin: '',
    })
    expect(optionsOf(events, eventsOptions).retry).toBe(3000)
  })

  it.each([
    ['yes', true],
    ['No', false],
    ['on', true],
    ['OFF', false],
  ])('reads %s as hbpush’s YAML 1.1 did', (word, expected) => {
    const text = `locations: [{ type: publisher, prefix: /p/, create_on_post: ${word} }]`
    expect(load(text).config.locations[0]?.options['create_on_post']).toBe(expected)
  })

  it('takes a quoted "no" for text', () => {
    const text = "locations: [{ type: publisher, prefix: /p/, create_on_post: 'no' }]"
    expect(mistake(text)).toContain('expected `true` or `false`, found the text `no`')
  })
})
