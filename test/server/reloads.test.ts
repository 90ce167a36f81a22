/** What docs/configuration.md says of a reload, tried with every key there is. */
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ResolvedConfig } from '../../src/config/types.ts'
import type { Reload } from '../../src/config/reference.ts'
import { settings } from '../../src/config/schema.ts'
import { literalsOf, type Shape } from '../../src/config/shape.ts'
import { reloadsOf } from '../../src/server/reloads.ts'
import { configSchema } from '../../src/server/schema.ts'
import type { Applied } from '../../src/services/control.ts'
import { authority, newAuthority } from '../support/certificates.ts'
import { startServer, testConfig } from '../support/server.ts'
import { freePort, temporaryFolder } from './reload-support.ts'

const schema = configSchema()
const reloads = reloadsOf(schema)
const tests = authority()
const [first, second] = [tests.sign('DNS:localhost'), tests.sign('DNS:localhost')]

type Tree = Record<string, unknown>

/** A file in which every door is on, and every map is there. */
function base(): string {
  const folder = temporaryFolder()
  const tls = `tls: { cert: ${first.cert}, key: ${first.key}, ca: ${tests.ca} }`
  const secret = 'secret: 0123456789abcdef'
  return `
store: { default: { type: memory }, other: { type: memory } }
${tls}
access: { jwt: { ${secret} }, hook: { url: "http://127.0.0.1:1/" } }
feed: { port: 0, ${tls} }
redis: { port: 0, ${tls} }
sparkleshare: { port: 0, zeromq: { broadcast: 0, command: 0 }, ${tls} }
fanout: { port: 0, ${tls} }
management: { port: 0, ${tls} }
scan: { rootFolder: ${folder}, state: ${join(folder, 'state.json')} }
`
}

/** Where a key is in what holds. */
function placeOf(config: ResolvedConfig, path: readonly string[]): Tree {
  const tree = config as unknown as Tree
  return schema.doors.includes(path[0] ?? '') ? (tree['doors'] as Tree) : tree
}

function get(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Tree | undefined)?.[key], tree)
}

/** The same with another value there. */
function withValue(
  config: ResolvedConfig,
  path: readonly string[],
  value: unknown,
): ResolvedConfig {
  const copy = structuredClone(config)
  let tree = placeOf(copy, path)
  for (const key of path.slice(0, -1)) {
    if (typeof tree[key] !== 'object') tree[key] = {}
    tree = tree[key] as Tree
  }
  tree[path.at(-1) ?? ''] = value
  return copy
}

/** What has to exist where it is named. */
const REAL: Readonly<Record<string, (path: readonly string[]) => unknown>> = {
  address: () => '127.0.0.2',
  port: () => freePort(),
  broadcast: () => freePort(),
  command: () => freePort(),
  store: () => 'other',
  rootFolder: () => temporaryFolder(),
  state: () => join(temporaryFolder(), 'state.json'),
  // Another file, with what was in the former.
  cert: () => second.cert,
  key: (path) => (path.includes('tls') ? second.key : 'another secret of 16'),
  ca: () => newAuthority('Another').ca,
  sni: () => [{ ...second, names: ['other.example'] }],
  publicKey: () => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
  signing_token: () => 'whsec_YW4gZXhhbXBsZSwgYW5kIG5vIHNlY3JldA==',
  channel: () => 'elsewhere',
  hooks: () => ({ own: { channel: 'x', message: 'x', data: 'none', attributes: {} } }),
  trustedPeers: () => ['10.0.0.0/8'],
  trustedProxies: () => ['10.0.0.0/8'],
}

/** Another value than that which holds, in the form that a server has it in. */
async function another(was: unknown, shape: Shape, path: readonly string[]): Promise<unknown> {
  const real = REAL[path.at(-1) ?? '']
  if (real) return await real(path)
  const literals = literalsOf(shape)
  if (literals) return literals.find((literal) => literal !== was)
  if (typeof was === 'boolean') return !was
  if (typeof was === 'number') return was + 1
  if (Array.isArray(was)) return [...(was as unknown[]), 'another']
  const [example] = shape.examples ?? []
  if (typeof was === 'string' && was === example) return `${was}x`
  return example ?? { another: 'value' }
}

/** By what the server says it has done. */
function kindOf({ changed, restarted, later }: Applied): Reload | 'nothing' {
  if (later.length > 0) return 'next start'
  if (restarted.length > 0) return 'begun anew'
  return changed.length > 0 ? 'at once' : 'nothing'
}

function isMap(shape: Shape): boolean {
  return [shape, ...(shape.anyOf ?? [])].some(({ properties }) => properties !== undefined)
}

const leaves = settings(schema)
  .filter(({ path, shape }) => !isMap(shape) && !['store', 'locations'].includes(path[0] ?? ''))
  .map(({ path, shape }) => ({ path, shape, name: path.join('.') }))

describe('a reload with another value of a key', { timeout: 300_000 }, () => {
  it('does what is said of that key', async () => {
    const config = testConfig(base())
    const { server } = await startServer(base(), {})
    await server.apply(config)
    const wrong: string[] = []
    for (const { path, shape, name } of leaves) {
      const was = get(placeOf(config, path), path)
      // A key does not make sense without the certificate it is of.
      const pair = path.at(-2) === 'tls' && ['cert', 'key'].includes(path.at(-1) ?? '')
      const above = path.slice(0, -1)
      const tls = get(placeOf(config, path), above) as object
      const changed = pair
        ? withValue(config, above, { ...tls, ...second })
        : withValue(config, path, await another(was, shape, path))
      const applied = await server.apply(changed).catch((error: unknown) => String(error))
      const done = typeof applied === 'string' ? applied : kindOf(applied)
      const said = reloads.key(path).replace('new connections', 'at once')
      if (done !== said) wrong.push(`${name}: ${reloads.key(path)} is said, and it is ${done}`)
      await server.apply(config)
    }
    expect(wrong).toEqual([])
    // None was left out.
    expect(leaves.length).toBeGreaterThan(150)
  })

  it('is told of a store as it is done', async () => {
    const folder = temporaryFolder()
    const wrong: string[] = []
    for (const type of ['memory', 'file'] as const) {
      const path = type === 'file' ? `, path: ${folder}` : ''
      const config = testConfig(`store: { type: ${type}${path} }`)
      const { server } = await startServer(`store: { type: ${type}${path} }`)
      await server.apply(config)
      // The former folder is closed only when nobody reads from it any more: so that comes last.
      const { path: folderKey, ...rest } = schema.storeTypes[type] ?? {}
      const options = folderKey ? { ...rest, path: folderKey } : rest
      for (const [key, shape] of Object.entries(options)) {
        const stores = config.stores as unknown as Record<string, Tree>
        const was = stores['default']?.[key]
        const value = key === 'path' ? temporaryFolder() : await another(was, shape, [key])
        const changed = { ...config, stores: { default: { ...stores['default'], [key]: value } } }
        const done = kindOf(await server.apply(changed as unknown as ResolvedConfig))
        const said = reloads.storeKey(type, key)
        if (done !== said) wrong.push(`${type}.${key}: ${said} is said, and it is ${done}`)
        if (key !== 'path') await server.apply(config)
      }
    }
    expect(wrong).toEqual([])
  })

  it('is told of a location as it is done', async () => {
    const { server } = await startServer('locations: [{ type: subscriber, prefix: /x/ }]')
    const more = 'locations: [{ type: subscriber, prefix: /x/, polling: interval }]'
    expect(await server.apply(testConfig(more))).toEqual({
      changed: ['locations'],
      restarted: [],
      later: [],
    })
    expect(reloads.locationKey).toBe('new connections')
  })
})
