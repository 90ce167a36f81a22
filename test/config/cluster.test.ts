/** The keys `cluster` and `workers`. */
import { describe, expect, it } from 'vitest'
import { clusterOf, workersOf } from '../../src/config/cluster.ts'
import { loadConfig } from '../../src/config/index.ts'
import { configSchema } from '../../src/server/schema.ts'

function load(text: string, flags: Record<string, unknown> = {}) {
  return loadConfig(configSchema(), { text, file: 'f.yaml', env: {}, flags }).config
}

const REDIS = 'store: { type: redis, host: h, port: 7, key_prefix: "p:" }'

describe('cluster', () => {
  it('is off unless it is asked for', () => {
    expect(clusterOf(load(REDIS))).toBeUndefined()
    expect(clusterOf(load(`${REDIS}\ncluster: false`))).toBeUndefined()
    expect(workersOf(load(''))).toBe(1)
  })

  it('is found where the default store is, and named after the machine', () => {
    expect(clusterOf(load(`${REDIS}\ncluster:`))).toMatchObject({
      node: expect.stringMatching(/^[\w.-]+$/) as unknown,
      redis: { host: 'h', port: 7 },
      keyPrefix: 'p:',
      roles: undefined,
      spareFor: [],
      heartbeat: 1_000,
      lease: 3_000,
    })
  })

  it('may have a Redis of its own, by URL or by options', () => {
    const byUrl = clusterOf(load(`${REDIS}\ncluster: { redis: "redis://other:1/2" }`))
    expect(byUrl?.redis).toMatchObject({ url: 'redis://other:1/2', timeout: 5_000, sentinels: [] })
    const sentinels = clusterOf(load(`${REDIS}\ncluster: { redis: { sentinels: ["s:1"] } }`))
    expect(sentinels?.redis).toMatchObject({ sentinels: ['s:1'], master: 'mymaster' })
  })

  it('is given by the command line', () => {
    const flags = { 'cluster.node': 'a', 'cluster.roles': ['redis'], 'cluster.spare_for': ['feed'] }
    expect(clusterOf(load(REDIS, flags))).toMatchObject({
      node: 'a',
      roles: ['redis'],
      spareFor: ['feed'],
    })
  })

  it.each([
    ['store: { type: memory }\ncluster: {}', 'the store `default` is kept in the memory of one'],
    [
      'store: { type: file }\ncluster: {}',
      'the store `default` is kept in a folder of one process',
    ],
    [
      'store: { default: { type: redis }, u: { type: memory } }\nusers: { store: u }\ncluster: {}',
      'the store `u` is kept in the memory',
    ],
    ['store: { type: memory }\nworkers: 2', '2 workers could not share it'],
    [`${REDIS}\ncluster: { heartbeat: 2s }`, 'expected at least twice `cluster.heartbeat`'],
    [`${REDIS}\ncluster: { roles: [redis, fed] }`, 'did you mean `feed`?'],
    [`${REDIS}\ncluster: { spare_for: [feed] }`, '`feed` is carried anyway'],
    [`${REDIS}\ncluster: { roles: [feed], spare_for: [feed] }`, '`feed` is one of `cluster.roles`'],
    [`${REDIS}\ncluster: { node: "a/1" }`, 'cluster.node: expected'],
    [`${REDIS}\ncluster: { redis: { sentinels: ["a:1"], cluster: ["b:1"] } }`, 'both say where'],
  ])('%s is refused', (text, words) => {
    expect(() => load(text)).toThrow(words)
  })

  it('leaves stores alone that are named for one machine', () => {
    const text = 'store: { default: { type: redis }, here: { type: file } }\ncluster: {}'
    expect(clusterOf(load(text))).toBeDefined()
    expect(() => load(`${text}\nworkers: 2`)).toThrow('the store `here`')
  })
})

describe('workers', () => {
  it('are nodes without any key of a cluster', () => {
    const config = load(`${REDIS}\nworkers: 3`)
    expect(workersOf(config)).toBe(3)
    expect(clusterOf(config)).toMatchObject({ redis: { host: 'h' }, spareFor: [] })
  })
})
