/** Every way to reach a Redis that the configuration knows, with real servers. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { composeSchema, loadConfig } from '../../../src/config/index.ts'
import type { RedisStoreConfig, ResolvedConfig } from '../../../src/config/types.ts'
import { Clock } from '../../../src/model/clock.ts'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { openRedisPartitions } from '../../../src/stores/redis/open.ts'
import type { RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { freePort } from '../../interop/redis-server.ts'
import { until } from '../../support/wait.ts'
import { RedisCluster } from './cluster-rig.ts'
import { ask, draft, name, RealRedis, startRedis } from './rig.ts'

const schema = composeSchema([])

interface Opened {
  readonly stores: readonly RedisStore[]
  readonly store: RedisStore
  readonly reports: string[]
}

/** Opens a store as a configuration with these options would. */
function open(options: object): Opened {
  const text = JSON.stringify({ store: { type: 'redis', ...options } })
  const config: ResolvedConfig = loadConfig(schema, { text, format: 'json', env: {} }).config
  const reports: string[] = []
  const stores = openRedisPartitions(
    config.stores['default'] as RedisStoreConfig,
    config.limits,
    new Clock(),
    (words) => void reports.push(words),
  )
  onTestFinished(async () => void (await Promise.all(stores.map((store) => store.close()))))
  return { stores, store: stores[0] as RedisStore, reports }
}

/** Publishes a message, and waits until it is heard. */
async function expectWorks({ store }: Opened): Promise<void> {
  const heard: string[] = []
  store.watch({ appended: ({ body }) => void heard.push(body.toString()), removed: () => {} })
  await store.append(draft('a', 'hello'))
  await until(() => heard.includes('hello'), 'it was heard')
}

async function expectFails({ store }: Opened, words: string | RegExp): Promise<void> {
  await expect(store.append(draft('a', 'hello'))).rejects.toThrow(words)
}

async function redisWith(...options: string[]): Promise<RealRedis> {
  const redis = await startRedis(...options)
  onTestFinished(() => redis.end())
  return redis
}

/** Files of an authority, of a server named redis.test, and of a client. */
interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly clientCert: string
  readonly clientKey: string
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}

function makeCertificates(folder: string): Certificates {
  const at = (file: string): string => join(folder, file)
  const newKey = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(...newKey, '-x509', '-subj', '/CN=ca', '-keyout', at('ca.key'), '-out', at('ca.pem'))
  writeFileSync(at('names'), 'subjectAltName=DNS:redis.test')
  const signed = (who: string): void => {
    openssl(...newKey, '-subj', `/CN=${who}`, '-keyout', at(`${who}.key`), '-out', at(`${who}.csr`))
    const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial']
    const files = ['-in', at(`${who}.csr`), '-out', at(`${who}.pem`), '-extfile', at('names')]
    openssl('x509', '-req', ...files, ...by)
  }
  signed('server')
  signed('client')
  return {
    ca: at('ca.pem'),
    cert: at('server.pem'),
    key: at('server.key'),
    clientCert: at('client.pem'),
    clientKey: at('client.key'),
  }
}

describe('TLS', () => {
  let files: Certificates
  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'fanfare-tls-'))
    files = makeCertificates(folder)
    return () => rmSync(folder, { recursive: true })
  })

  /** @returns options of the command line, for a server that speaks TLS on this port */
  function serverOptions(port: number, clients: 'yes' | 'no'): string[] {
    const own = ['--tls-cert-file', files.cert, '--tls-key-file', files.key]
    const asked = ['--tls-ca-cert-file', files.ca, '--tls-auth-clients', clients]
    return ['--tls-port', String(port), ...own, ...asked]
  }

  async function tlsRedis(clients: 'yes' | 'no' = 'no'): Promise<number> {
    const port = await freePort()
    await redisWith(...serverOptions(port, clients))
    return port
  }

  it('believes whom the authority in a file has signed', async () => {
    const port = await tlsRedis()
    const tls = { ca: files.ca, servername: 'redis.test' }

    await expectWorks(open({ host: '127.0.0.1', port, tls }))
    await expectWorks(open({ url: `rediss://127.0.0.1:${port}`, tls }))
  })

  it('says why it does not believe', async () => {
    const port = await tlsRedis()

    await expectFails(open({ host: '127.0.0.1', port, tls: true }), /self-signed certificate/)
    await expectFails(open({ url: `rediss://127.0.0.1:${port}` }), /self-signed certificate/)
    const other = { host: '127.0.0.1', port, tls: { ca: files.ca, servername: 'another.test' } }
    await expectFails(open(other), /another\.test/)
    // The address is no name in the certificate.
    await expectFails(open({ host: '127.0.0.1', port, tls: { ca: files.ca } }), /127\.0\.0\.1/)
  })

  it('shows its own certificate where Redis asks for one', async () => {
    const port = await tlsRedis('yes')
    const tls = { ca: files.ca, servername: 'redis.test' }
    const own = { ...tls, cert: files.clientCert, key: files.clientKey }

    await expectWorks(open({ host: '127.0.0.1', port, tls: own }))
    await expectFails(open({ host: '127.0.0.1', port, tls }), /not available/)
  })

  it('a file that is not there is a mistake at once', () => {
    const tls = { ca: '/nowhere/ca.pem' }

    expect(() => open({ tls })).toThrow(/^the file of tls\.ca cannot be read: ENOENT/)
  })

  it('holds for all nodes of a cluster', async () => {
    const port = await freePort()
    const options = ['--tls-cluster', 'yes', ...serverOptions(port, 'no')]
    const cluster = await RedisCluster.startForTest(1, 0, ...options)
    const tls = { ca: files.ca, servername: 'redis.test' }
    const opened = open({ cluster: [`127.0.0.1:${port}`], tls, partitions: 2 })

    await expectWorks(opened)
    // The cluster names the port that speaks TLS to those who do.
    expect(opened.store.where).toBe(`127.0.0.1:${port}`)
    expect(cluster.masters[0]?.port).not.toBe(port)
  })

  it('holds for Sentinels', async () => {
    const port = await tlsRedis()
    const sentinelPort = await freePort()
    const sentinel = new RealRedis(await freePort(), [])
    onTestFinished(() => sentinel.end())
    const config = join(sentinel.folder, 'sentinel.conf')
    const monitor = `sentinel monitor mymaster 127.0.0.1 ${port} 1\n`
    const lines = serverOptions(sentinelPort, 'no').join(' ').replaceAll(' --', '\n').slice(2)
    writeFileSync(config, `port ${sentinel.port}\n${lines}\n${monitor}`)
    sentinel.arguments = [config, '--sentinel']
    await sentinel.start()
    const tls = { ca: files.ca, servername: 'redis.test' }

    await expectWorks(open({ sentinels: [`127.0.0.1:${sentinelPort}`], tls }))
  })
})

describe('a user with a password', () => {
  /** What docs/stores.md says that a user needs. */
  const RULES =
    '~fanfare_* &fanfare_* +@read +@write +@scripting +@connection +time +publish +subscribe'
  const USERS = [
    ...'--user default on nopass -@all +ping'.split(' '),
    ...`--user fanfare on >p@ss:1 ${RULES}`.split(' '),
  ]
  const key_prefix = 'fanfare_'

  it('logs in with both, and may do all that a store does', async () => {
    const { port } = await redisWith(...USERS)
    const opened = open({ port, key_prefix, username: 'fanfare', password: 'p@ss:1' })

    await expectWorks(opened)
    expect(await opened.store.stat(name('a'))).toMatchObject({ messages: 1 })
    expect(await opened.store.channels(0, 10)).toMatchObject({ total: 1 })
    await opened.store.remove(name('a'))
    expect(opened.reports).toEqual([])
  })

  it('may stand in the URL, and the database, too', async () => {
    const { port } = await redisWith(...USERS)
    const url = `redis://fanfare:p%40ss%3A1@localhost:${port}/5`

    await expectWorks(open({ url, key_prefix }))

    const login = { port, key_prefix, username: 'fanfare', password: 'p@ss:1' }
    expect(await open({ ...login, database: 5 }).store.stat(name('a'))).toMatchObject({
      messages: 1,
    })
    expect(await open(login).store.stat(name('a'))).toBeUndefined()
  })

  it('is told when Redis does not know it', async () => {
    const { port } = await redisWith(...USERS)

    await expectFails(open({ port, username: 'fanfare', password: 'wrong' }), /WRONGPASS/)
    await expectFails(open({ port }), /NOPERM/)
  })

  it('is not needed for a password alone', async () => {
    const redis = await redisWith('--requirepass', 'secret')

    await expectWorks(open({ port: redis.port, password: 'secret' }))
    await expectWorks(open({ url: `redis://:secret@127.0.0.1:${redis.port}` }))
    await expectFails(open({ port: redis.port }), /NOAUTH/)
  })

  it('logs in to all nodes of a cluster, and to Sentinels with a password of their own', async () => {
    const cluster = await RedisCluster.startForTest(1)
    const [node] = cluster.masters as [RealRedis]
    const more = '+spublish +ssubscribe +cluster|slots +cluster|keyslot'
    const rules = `on >secret ${RULES} ${more}`.split(' ')
    await ask(node.port, 'ACL', 'SETUSER', 'fanfare', ...rules)
    await ask(node.port, 'ACL', 'SETUSER', 'default', '-@all')
    const login = { key_prefix, username: 'fanfare', password: 'secret' }

    const opened = open({ cluster: [`127.0.0.1:${node.port}`], ...login })
    await expectWorks(opened)
    expect(opened.reports).toEqual([])

    const { port } = await redisWith(...USERS)
    const sentinel = new RealRedis(await freePort(), [])
    onTestFinished(() => sentinel.end())
    const config = join(sentinel.folder, 'sentinel.conf')
    const monitor = `sentinel monitor mymaster 127.0.0.1 ${port} 1`
    writeFileSync(config, `port ${sentinel.port}\nrequirepass guard\n${monitor}\n`)
    sentinel.arguments = [config, '--sentinel']
    await sentinel.start()
    const sentinels = [`127.0.0.1:${sentinel.port}`]
    const both = { ...login, password: 'p@ss:1', sentinels }
    await expectWorks(open({ ...both, sentinel_password: 'guard' }))
    await expectFails(open(both), /no Sentinel named its master.*NOAUTH/)
    await expectFails(open({ ...both, sentinel_password: 'guard', master: 'other' }), /named other/)
  })
})

describe('partitions', () => {
  let cluster: RedisCluster
  let seeds: readonly string[]
  beforeAll(async () => {
    cluster = await RedisCluster.start(3)
    seeds = cluster.seeds.map(({ host, port }) => `${host}:${port}`)
    return () => cluster.end()
  }, 30_000)

  it('are as many as they were, or nothing is served', async () => {
    const all = { cluster: seeds, key_prefix: 'number_' }
    const first = open({ ...all, partitions: 4 })
    expect(first.stores).toHaveLength(4)
    await Promise.all(first.stores.map((store, n) => store.append(draft(`c${n}`, 'hello'))))

    const words = /holds a store of 4 partitions, and the configuration says 8/
    const other = open({ ...all, partitions: 8 })
    for (const store of other.stores) {
      await expect(store.append(draft('a', 'hello'))).rejects.toThrow(words)
    }
    const again = open({ ...all, partitions: 4 })
    for (const [n, store] of again.stores.entries()) {
      expect(await store.stat(name(`c${n}`))).toMatchObject({ messages: 1 })
    }
    expect([...first.reports, ...again.reports]).toEqual([])
  })

  it('are one where a single Redis was filled', async () => {
    const key_prefix = 'single_'
    const owner = await cluster.ownerOf(await cluster.slotOf(`${key_prefix}{0}:m`))
    // As of a version that knew nothing of partitions.
    await expectWorks(open({ port: owner.port, key_prefix }))
    await ask(owner.port, 'DEL', `${key_prefix}{0}:partitions`)

    const opened = open({ cluster: seeds, key_prefix })

    await expectFails(opened, /holds a store of 1 partition, and the configuration says 16/)
  })

  it('share the bounds of the store, and lie on all nodes', async () => {
    const { stores } = open({ cluster: seeds, max_channels: 32, key_prefix: 'bounds_' })
    const store = stores[7] as RedisStore
    for (const channel of ['a', 'b', 'c']) await store.append(draft(channel, channel))

    expect(await store.channels(0, 10)).toMatchObject({ total: 2 })
    await Promise.all(stores.map((one) => one.stat(name('a'))))
    expect(new Set(stores.map(({ where }) => where)).size).toBe(3)
  })
})

describe('a cluster', () => {
  it('whose nodes are announced where nobody reaches them is told so', async () => {
    const closed = String(await freePort())
    const cluster = await RedisCluster.startForTest(1, 0, '--cluster-announce-port', closed)
    const [seed] = cluster.seeds as [{ host: string; port: number }]

    const opened = open({ cluster: [`${seed.host}:${seed.port}`], partitions: 1 })

    await expectFails(opened, `ECONNREFUSED 127.0.0.1:${closed}`)
    await expectFails(opened, /the cluster announces.*cluster-announce-ip/)
  })

  it('is no single Redis', async () => {
    const { port } = await redisWith()

    await expectFails(open({ cluster: [`127.0.0.1:${port}`] }), /cluster support disabled/)
  })
})

describe('max_channels', () => {
  it('forgets the channel that was not used for longest, and keeps its floor', async () => {
    const { port } = await redisWith()
    const { store } = open({ port, max_channels: 3 })
    const ids = []
    for (const channel of ['a', 'b', 'c', 'd']) {
      ids.push((await store.append(draft(channel, channel))).id)
    }

    expect(await store.stat(name('a'))).toBeUndefined()
    expect(await store.channels(0, 10)).toMatchObject({ total: 3 })
    const selectors = Selectors.channel(name('a'))
    const { floor } = await store.read({ selectors, after: BEFORE_ALL, limit: 1 })
    expect(floor).toBe(ids[0])
  })
})
