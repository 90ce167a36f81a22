/** The configuration that all nodes share. */
import { describe, expect, it } from 'vitest'
import type { ConfigVersion, NodeApplied } from '../../src/services/control.ts'
import { RawClient } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { freePort } from '../interop/redis-server.ts'
import { startCluster, type TestNode } from './rig.ts'

/** Every node says that this version holds. */
async function holds(nodes: readonly TestNode[], version: number): Promise<void> {
  const [first] = nodes
  await until(
    () =>
      nodes.every(({ node }) => {
        const seen = first?.node.view.nodes.get(node.node)
        return seen?.info.configVersion === version
      }),
    `version ${version} holds everywhere`,
  )
}

const limitOf = ({ node }: TestNode): number => node.server.config.limits.maxSubscriptions

describe('manager/setConfig', () => {
  it('on any node reaches all; single nodes may have something beside', async () => {
    const { start } = await startCluster()
    const nodes = [await start('a'), await start('b'), await start('c')] as const
    const [a, b, c] = nodes
    await until(() => c.node.view.nodes.size === 3, 'c knows all')

    const made = await c.call<ConfigVersion>('/manager/setConfig', {
      config: {
        limits: { maxSubscriptions: 77 },
        nodes: { b: { limits: { maxSubscriptions: 88 } } },
      },
      author: 'mona',
    })
    expect(made).toMatchObject({
      version: 1,
      author: 'mona',
      diff: ['+ limits.maxSubscriptions: 77', '+ nodes.b.limits.maxSubscriptions: 88'],
    })
    await holds(nodes, 1)
    expect([limitOf(a), limitOf(b), limitOf(c)]).toEqual([77, 88, 77])

    const shown = await c.call<{ limits: object }>('/manager/getConfig', { nodeId: 'b' })
    expect(shown.limits).toMatchObject({ maxSubscriptions: 88 })
    const unknown = await a.post('/manager/getConfig', { nodeId: 'nobody' })
    expect(unknown.status).toBe(404)
  })

  it('leaves connections alone, and what it says no more is the file’s again', async () => {
    const { start } = await startCluster()
    const a = await start('a', { yaml: 'limits: { maxSubscriptions: 5 }' })
    const stream = await RawClient.connect(a.node.server.address.port)
    stream.send('GET /subscriber/x HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
    await stream.takeUntil('\r\n\r\n')
    await a.call('/manager/setConfig', { config: { limits: { maxSubscriptions: 6 } } })
    await holds([a], 1)
    expect(limitOf(a)).toBe(6)
    await a.call('/manager/setConfig', { config: { limits: { heartbeat: '20s' } }, author: 'x' })
    await holds([a], 2)
    expect(limitOf(a)).toBe(5)
    expect(stream.ended).toBe(false)

    const versions = await a.call<ConfigVersion[]>('/manager/versions')
    expect(versions.map(({ version, author, diff }) => ({ version, author, diff }))).toEqual([
      {
        version: 2,
        author: 'x',
        diff: ['- limits.maxSubscriptions: 6', '+ limits.heartbeat: "20s"'],
      },
      { version: 1, author: 'unknown', diff: ['+ limits.maxSubscriptions: 6'] },
    ])
    expect(versions[0]?.time).toBeGreaterThanOrEqual(versions[1]?.time ?? Number.NaN)
    expect(await a.call<ConfigVersion[]>('/manager/versions', { limit: 1 })).toHaveLength(1)
  })

  it('with a mistake on any node changes nothing, and tells all mistakes', async () => {
    const { start } = await startCluster()
    const nodes = [await start('a'), await start('b')] as const
    const [a, b] = nodes
    await until(() => b.node.view.nodes.size === 2, 'b knows all')
    const refused = await b.post('/manager/setConfig', {
      config: {
        limits: { maxSubscriptons: 7, heartbeat: 'soon' },
        cluster: { node: 'x' },
        nodes: { a: { port: 'eighty' }, later: { adress: '::' } },
      },
    })
    expect(refused.status).toBe(400)
    const { error } = JSON.parse(refused.body.toString()) as { error: Record<string, string> }
    expect(error['code']).toBe('bad_config')
    const lines = (error['message'] ?? '').split('\n')
    expect(lines).toEqual([
      expect.stringMatching(/^manager\/setConfig:\d+:\d+: limits\.maxSubscriptons: unknown key/),
      expect.stringMatching(/^manager\/setConfig:\d+:\d+: limits\.heartbeat: expected/),
      expect.stringMatching(/^manager\/setConfig:\d+:\d+: cluster: belongs into the file of each/),
      expect.stringMatching(/^on a: manager\/setConfig, nodes\.a:2:\d+: port: expected/),
      expect.stringMatching(
        /^on later: manager\/setConfig, nodes\.later:2:\d+: adress: unknown key/,
      ),
    ])
    expect(await a.call('/manager/versions')).toEqual([])
    expect(limitOf(a)).toBe(1000)

    for (const config of [[], 'text', { nodes: [] }, { nodes: { a: 1 } }]) {
      const reply = await a.post('/manager/setConfig', { config })
      expect(reply.body.toString(), JSON.stringify(config)).toContain('bad_config')
    }
  })

  it('is refused to a manager that another has followed: Redis looks at its token', async () => {
    const { start, cable } = await startCluster()
    const cut = await cable()
    const a = await start('a', { port: cut.port })
    const b = await start('b')
    expect(a.node.isManager).toBe(true)
    const token = a.node.managing ?? Number.NaN
    await cut.cut()
    await until(() => b.node.isManager, 'b is the manager')
    expect(a.node.isManager).toBe(false)
    expect(b.node.managing).toBeGreaterThan(token)
    await cut.mend()
    await until(() => a.node.holds, 'a is back')

    // What it would say if it had been asleep the whole time, and believed itself to be the manager still.
    await expect(
      a.node.cluster.put(token, 0, { document: { port: 1 }, author: 'a', diff: [] }),
    ).rejects.toThrow('This node is not the manager: b is.')
    expect(await b.call('/manager/versions')).toEqual([])

    // Asked as anybody would, it passes the question on.
    const made = await a.call<ConfigVersion>('/manager/setConfig', {
      config: { limits: { maxSubscriptions: 9 } },
    })
    expect(made.version).toBe(1)
    await holds([b, a], 1)
  })
})

describe('a node', () => {
  it('that cannot apply a version keeps its own, and says why', async () => {
    const { start } = await startCluster()
    const port = await freePort()
    const nodes = [await start('a'), await start('b')] as const
    const [a, b] = nodes
    await until(() => a.node.view.nodes.size === 2, 'a knows all')
    // One port, two nodes on one machine: one of them can have it.
    await a.call('/manager/setConfig', { config: { port, limits: { maxSubscriptions: 3 } } })
    await until(() => {
      const infos = [...a.node.view.nodes.values()].map(({ info }) => info)
      return (
        infos.some(({ configVersion }) => configVersion === 1) &&
        infos.some(({ configError }) => configError !== null)
      )
    }, 'one has it, and one could not')
    const [well, ill] = a.node.server.address.port === port ? [a, b] : [b, a]
    const error = (): string | null | undefined =>
      well.node.view.nodes.get(ill.node.node)?.info.configError
    await until(() => typeof error() === 'string', 'the other one knows why')
    const status = await well.status
    expect(status[ill.node.node]).toMatchObject({
      configVersion: 0,
      configError: expect.stringContaining('listens') as unknown,
    })
    expect(limitOf(ill)).toBe(1000)
    expect(ill.reports.join('\n')).toContain(
      'The shared configuration, version 1, cannot be used here. This node goes on with what it had.',
    )

    await well.call('/manager/setConfig', { config: { limits: { maxSubscriptions: 4 } } })
    await holds(nodes, 2)
    expect(limitOf(ill)).toBe(4)
    await until(() => error() === null, 'there is nothing to tell any more')
  })

  it('that starts takes the newest version; with one that is bad for it, its own file', async () => {
    const { start, redis } = await startCluster()
    const a = await start('a')
    const connection = { type: 'redis', host: '127.0.0.1', port: redis.port, key_prefix: 'shared:' }
    await a.call('/manager/setConfig', {
      config: {
        limits: { maxSubscriptions: 70 },
        store: { default: connection, scratch: { type: 'memory' } },
      },
    })
    const b = await start('b')
    expect(limitOf(b)).toBe(70)
    expect(b.node.loaded.config.stores['scratch']?.type).toBe('memory')
    // Its environment goes before all.
    const c = await start('c', { env: { FANFARE_LIMITS__MAX_SUBSCRIPTIONS: '71' } })
    expect(limitOf(c)).toBe(71)

    // Of two stores, this could be either.
    const d = await start('d', { env: { FANFARE_STORE__TIMEOUT: '6s' } })
    expect(limitOf(d)).toBe(1000)
    expect(d.reports[0]).toMatch(
      /^The shared configuration, version 1, cannot be used here\. This node starts with its own file\.\nFANFARE_STORE__TIMEOUT: no key/,
    )
    const ofD = (): unknown => a.node.view.nodes.get('d')?.info.configError
    await until(() => typeof ofD() === 'string', 'a knows why')
    expect((await a.status)['d']?.configError).toContain('FANFARE_STORE__TIMEOUT')
  })

  it('reads its file and the shared version again on worker/reload, and on distributeConfig', async () => {
    const { start } = await startCluster()
    const nodes = [await start('a'), await start('b')] as const
    const [a, b] = nodes
    await a.call('/manager/setConfig', { config: { limits: { maxSubscriptions: 10 } } })
    await holds(nodes, 1)
    const applied = await b.call<{ changed: string[] }>('/worker/setConfig', {
      config: { limits: { maxSubscriptions: 11 } },
    })
    expect(applied.changed).toEqual(['limits.maxSubscriptions'])
    expect([limitOf(a), limitOf(b)]).toEqual([10, 11])
    const bad = await b.post('/worker/setConfig', { config: { prot: 1 } })
    expect(bad.body.toString()).toContain('unknown key; did you mean `port`')
    expect(limitOf(b)).toBe(11)
    await b.call('/worker/reload')
    expect(limitOf(b)).toBe(10)

    await b.call('/worker/setConfig', { config: { limits: { maxSubscriptions: 12 } } })
    const all = await a.call<Record<string, NodeApplied>>('/manager/distributeConfig')
    expect(all).toEqual({ a: { version: 1, error: null }, b: { version: 1, error: null } })
    expect(limitOf(b)).toBe(10)
  })
})
