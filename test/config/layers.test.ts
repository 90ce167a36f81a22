/** Configurations that are laid over a file. */
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config/index.ts'
import type { Layer } from '../../src/config/layers.ts'
import { configSchema } from '../../src/server/schema.ts'

function load(text: string, ...over: readonly Layer[]) {
  return loadConfig(configSchema(), { text, file: 'own.yaml', env: {}, over }).config
}

const layer = (config: Record<string, unknown>, name = 'shared'): Layer => ({ name, config })

describe('layers', () => {
  it('are joined by maps, the last on top; lists and values are replaced', () => {
    const config = load(
      'port: 1\ntrustedPeers: [10.0.0.1]\nlimits: { maxSubscriptions: 1, maxConnections: 2 }',
      layer({ port: 2, trustedPeers: ['10.0.0.2'], limits: { maxSubscriptions: 3 } }),
      layer({ limits: { maxSubscriptions: 4 } }),
    )
    expect(config.port).toBe(2)
    expect(config.trustedPeers).toEqual(['10.0.0.2'])
    expect(config.limits).toMatchObject({ maxSubscriptions: 4, maxConnections: 2 })
  })

  it('may switch a door off, and on with options of its own', () => {
    expect(load('feed: { port: 1 }', layer({ feed: false })).doors['feed']).toBe(false)
    const on = load('feed: false', layer({ feed: { port: 3 } })).doors['feed']
    expect(on).toMatchObject({ port: 3 })
  })

  it('change the options of a store, but take nothing from one of another type', () => {
    const own = 'store: { type: redis, host: here, port: 1 }'
    expect(load(own, layer({ store: { port: 2 } })).stores['default']).toMatchObject({
      type: 'redis',
      host: 'here',
      port: 2,
    })
    const memory = load(own, layer({ store: { type: 'memory', max_messages: 5 } }))
    expect(memory.stores['default']).toMatchObject({ type: 'memory', max_messages: 5 })
    const named = load(own, layer({ store: { default: { type: 'memory' } } }))
    expect(Object.keys(named.stores)).toEqual(['default'])
    const both = load(
      'store: { default: { type: memory }, kept: { type: redis, host: here } }',
      layer({ store: { kept: { port: 7 }, default: { type: 'redis', host: 'there' } } }),
    )
    expect(both.stores['kept']).toMatchObject({ host: 'here', port: 7 })
    expect(both.stores['default']).toMatchObject({ host: 'there', port: 6379 })
  })

  it('cannot say what only the file of a node says', () => {
    const text = 'store: { type: redis }\ncluster: { node: own }'
    expect(() => load(text, layer({ cluster: { node: 'other' }, workers: 3 }))).toThrow(
      'shared:2:3: cluster: belongs into the file of each node; remove it here\n' +
        'shared:5:3: workers: belongs into the file of each node; remove it here',
    )
  })

  it('are pointed at by the line of their JSON', () => {
    try {
      load('prot: 1', layer({ limits: { heartbeat: 'soon' } }), layer({ adress: 1 }, 'top'))
      expect.unreachable()
    } catch (error) {
      const { problems } = error as ConfigError
      expect(problems.map(({ file, line, path }) => [file, line, path])).toEqual([
        ['own.yaml', 1, 'prot'],
        ['shared', 3, 'limits.heartbeat'],
        ['top', 2, 'adress'],
      ])
    }
  })
})
