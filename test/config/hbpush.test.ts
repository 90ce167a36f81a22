/** The examples in hbpush's own README load as they are. */
import { describe, expect, it } from 'vitest'
import { linesOf, load } from './fixture.ts'

/** hbpush's "complex configuration example". */
const COMPLEX = `
  port: 9090
  store:
    default:
      type: memory
    redis1:
      type: redis
      key_prefix: redis1_
    redis2:
      type: redis
      key_prefix: redis2_
  locations:
    -
      type: subscriber
      prefix: /sub/
    -
      type: publisher
      prefix: /pub/
    -
      type: subscriber
      polling: interval
      url: /redis/(.+)/1/sub/
      store: redis1
    -
      type: publisher
      url: /redis/(.+)/1/pub/
      store: redis1
    -
      type: subscriber
      url: /redis/(.+)/2/sub/
      store: redis2
    -
      type: publisher
      url: /redis/(.+)/2/pub/
      store: redis2
`

/** The location that takes a path, and the channel in it. */
function route(text: string, path: string): string | undefined {
  for (const location of load(text).config.locations) {
    const match = location.pattern.exec(path)
    if (match) return `${location.type} ${location.store} ${match[1]}`
  }
  return undefined
}

describe('hbpush’s README', () => {
  it('server', () => {
    const { config, warnings } = load('port: 9090\naddress: 127.0.0.1\n')
    expect([config.port, config.address, warnings]).toEqual([9090, '127.0.0.1', []])
  })

  it('one redis store, named or not', () => {
    const one = 'port: 9090\nstore:\n  type: redis\n  key_prefix: hbpush_\n'
    const named = 'port: 9090\nstore:\n  default:\n    type: redis\n    key_prefix: hbpush_\n'
    const expected = { type: 'redis', host: 'localhost', port: 6379, key_prefix: 'hbpush_' }
    expect(load(one).config.stores['default']).toMatchObject(expected)
    expect(load(named).config.stores['default']).toMatchObject(expected)
  })

  it('several stores', () => {
    const text = `
port: 9090
store:
  mystore:
    type: redis
    host: 127.0.0.1
    port: 6380
  myotherstore:
    type: memory
  default:
    type: redis
    port: 6379
`
    const { stores } = load(text).config
    expect(stores['mystore']).toMatchObject({ type: 'redis', host: '127.0.0.1', port: 6380 })
    expect(stores['myotherstore']).toMatchObject({ type: 'memory' })
    expect(stores['default']).toMatchObject({ type: 'redis', host: 'localhost', port: 6379 })
  })

  it('the default configuration', () => {
    const text = `
port: 80
store:
  type: memory
locations:
  -
    type: subscriber
    prefix: /subscriber/
  -
    type: publisher
    prefix: /publisher/
`
    const { config, warnings } = load(text)
    expect(config.locations.map((location) => location.type)).toEqual(['subscriber', 'publisher'])
    expect(warnings).toEqual([])
  })

  it('a url of digits', () => {
    const text = 'locations: [{ type: publisher, url: /channel/(\\d+)/publish/ }]'
    expect(route(text, '/channel/12/publish/')).toBe('publisher default 12')
    expect(route(text, '/channel/x/publish/')).toBeUndefined()
  })

  it('the complex example: routes as it says, without a warning', () => {
    expect(load(COMPLEX).warnings).toEqual([])
    expect(route(COMPLEX, '/sub/a/b')).toBe('subscriber default a/b')
    expect(route(COMPLEX, '/pub/a%20b')).toBe('publisher default a%20b')
    expect(route(COMPLEX, '/redis/x/1/sub/')).toBe('subscriber redis1 x')
    expect(route(COMPLEX, '/redis/x/1/pub/')).toBe('publisher redis1 x')
    expect(route(COMPLEX, '/redis/x/y/2/sub/')).toBe('subscriber redis2 x/y')
    expect(route(COMPLEX, '/redis/x/2/pub/')).toBe('publisher redis2 x')
    expect(route(COMPLEX, '/redis/x/2/pub/more')).toBeUndefined()
    expect(route(COMPLEX, '/sub/')).toBeUndefined()
  })

  it('its caveat: the location that can never be reached', () => {
    const text = `locations:
  -
    type: subscriber
    url: /(.+)
  -
    type: publisher
    url: /pub/(.+)
`
    const { config, warnings } = load(text)
    expect(config.locations).toHaveLength(2)
    expect(linesOf(warnings)).toEqual([
      '7:10 locations[1].url: publisher /pub/(.+) can never be reached: locations[0] (subscriber ' +
        '/(.+), line 4) is tried first and takes every path that it takes; put locations[1] before ' +
        'locations[0]',
    ])
  })

  it('--format json', () => {
    const text = JSON.stringify({
      port: 9090,
      address: '',
      store: { type: 'memory' },
      locations: [
        { type: 'subscriber', prefix: '/sub/', polling: 'interval' },
        { type: 'publisher', prefix: '/pub/', create_on_post: false },
      ],
    })
    const { config } = load(text, { format: 'json', file: 'hbpush.conf' })
    expect(config.port).toBe(9090)
    expect(config.locations.map((location) => location.options)).toMatchObject([
      { polling: 'interval' },
      { create_on_post: false },
    ])
  })
})
