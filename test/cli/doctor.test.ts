import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Finding } from '../../src/cli/doctor/check.ts'
import { checkBacklog, checkFiles, checkNode } from '../../src/cli/doctor/machine.ts'
import { redisCli } from '../client/redis-server.ts'
import { freePort, startRealRedis } from '../interop/redis-server.ts'
import { temporaryFolder } from '../server/reload-support.ts'
import { authority } from '../support/certificates.ts'
import { testConfig } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { fanfare, run } from './cli-program.ts'

const lacksRedis = process.env['FANFARE_TEST_MISSING']?.includes('Redis') ?? false

type Env = Readonly<Record<string, string>>

/** A server whose ports and folder are its own. */
async function own(): Promise<Env> {
  return {
    FANFARE_PORT: String(await freePort()),
    FANFARE_REDIS__PORT: String(await freePort()),
    FANFARE_MANAGEMENT__PORT: String(await freePort()),
    FANFARE_STORE__PATH: temporaryFolder(),
    FANFARE_FEED: 'false',
    FANFARE_SPARKLESHARE: 'false',
    FANFARE_FANOUT: 'false',
  }
}

async function examined(
  env: Env,
  ...args: string[]
): Promise<{ code: number | null; all: Finding[] }> {
  const { code, stdout, stderr } = await run(['doctor', '--json', ...args], { env })
  expect(stderr).toBe('')
  return { code, all: JSON.parse(stdout) as Finding[] }
}

function statesOf(all: readonly Finding[]): string[] {
  // How much room there is, is this machine's affair.
  return [...new Set(all.filter(({ text }) => !text.includes(' free, ')).map(({ state }) => state))]
}

describe('fanfare doctor', () => {
  it('is content before a server runs, and while it does', async () => {
    const env = await own()
    const before = await examined(env)
    expect(before.code).toBe(0)
    expect(statesOf(before.all), JSON.stringify(before.all)).toEqual(['ok'])
    expect(before.all.map(({ what }) => what)).toContain(`port ${env['FANFARE_PORT']}`)

    const server = fanfare(['serve'], { stdin: '', env })
    await until(() => server.stdout.includes('Stop with'), `it runs: ${server.stderr}`, 60_000)
    const during = await examined(env)
    expect(statesOf(during.all), JSON.stringify(during.all)).toEqual(['ok'])
    expect(during.all).toContainEqual({
      what: 'server',
      state: 'ok',
      text: `runs as process ${server.process.pid}`,
    })
    expect(during.all.find(({ what }) => what === 'management')?.text).toContain('answers at')
    expect(during.code).toBe(0)
  }, 120_000)

  it('tells another Fanfare from the one that serves this configuration', async () => {
    const env: Env = { ...(await own()), FANFARE_TRUSTED_PEERS: '[]' }
    const server = fanfare(['serve'], { stdin: '', env })
    await until(() => server.stdout.includes('Stop with'), `it runs: ${server.stderr}`, 60_000)
    expect(server.stdout).toContain('  publishing with a key (')
    const taken = env['FANFARE_MANAGEMENT__PORT'] ?? ''
    const { code, all } = await examined({ ...(await own()), FANFARE_REDIS__PORT: taken })
    expect(code).toBe(1)
    expect(all.find(({ what }) => what === `port ${taken}`)).toMatchObject({
      state: 'FAIL',
      text: `another Fanfare, process ${server.process.pid}, listens here, where redis is to`,
      advice: expect.stringContaining('`redis.port`'),
    })
  }, 120_000)

  it('says who holds a port, and ends with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    const env = { ...(await own()), FANFARE_REDIS__PORT: String(port) }
    const { code, stdout } = await run(['doctor'], { env })
    expect(code).toBe(1)
    const [line = '', advice = ''] = stdout.split(/^(?=FAIL)/m)[1]?.split('\n') ?? []
    expect(line).toContain(`port ${port}`)
    expect(line).toContain(`process ${process.pid} (`)
    expect(advice).toContain('choose another port in the configuration (`redis.port`)')
  })

  it('says what is wrong with a configuration, and looks no further', async () => {
    const file = join(temporaryFolder(), 'fanfare.yaml')
    writeFileSync(file, 'port: 8080\nlimit: { heartbeat: 1s }\n')
    const { code, all } = await examined({}, '--config', file)
    expect(code).toBe(1)
    expect(all).toHaveLength(2)
    expect(all[1]).toMatchObject({ what: 'configuration', state: 'FAIL' })
    expect(all[1]?.text).toContain('limit')
    expect(all[1]?.text).toContain(':2:1')
  })

  it('says that a folder cannot be one', async () => {
    const file = join(temporaryFolder(), 'taken')
    writeFileSync(file, '')
    const { code, all } = await examined({ ...(await own()), FANFARE_STORE__PATH: file })
    expect(code).toBe(1)
    expect(all.find(({ state }) => state === 'FAIL')?.text).toContain('it is no folder')
  })

  it('says that Redis is not there', async () => {
    const port = await freePort()
    const env = { ...(await own()), FANFARE_STORE: `{ type: redis, port: ${port} }` }
    const { FANFARE_STORE__PATH: _, ...rest } = env as Record<string, string>
    const { code, all } = await examined(rest)
    expect(code).toBe(1)
    expect(all.find(({ what }) => what === 'redis of store default')).toMatchObject({
      state: 'FAIL',
      advice: expect.stringContaining('store.url') as string,
    })
  })

  it.skipIf(lacksRedis)(
    'knows a Redis that is as it should be, and one that is not',
    async () => {
      const port = await startRealRedis()
      const { FANFARE_STORE__PATH: _, ...rest } = (await own()) as Record<string, string>
      const env = { ...rest, FANFARE_STORE: `{ type: redis, port: ${port} }` }
      const { code, all } = await examined(env)
      expect([code, ...statesOf(all)]).toEqual([0, 'ok'])
      const texts = all.filter(({ what }) => what.startsWith('redis of')).map(({ text }) => text)
      expect(texts).toEqual([
        expect.stringMatching(/^answers, version \d+\./),
        'its clock is this machine’s',
      ])

      await redisCli(port, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
      const warned = await examined(env)
      expect(warned.code).toBe(0)
      expect(warned.all.find(({ state }) => state === 'warn')?.advice).toContain('noeviction')
    },
    120_000,
  )

  it('says that a certificate is none', async () => {
    const ca = join(temporaryFolder(), 'ca.pem')
    writeFileSync(ca, 'not a certificate')
    const store = `{ type: redis, port: ${await freePort()}, tls: { ca: ${ca} } }`
    const { FANFARE_STORE__PATH: _, ...rest } = (await own()) as Record<string, string>
    const { all } = await examined({ ...rest, FANFARE_STORE: store })
    expect(all.find(({ what }) => what.endsWith('tls.ca'))).toMatchObject({ state: 'FAIL' })
  })
})

/** As the kernel says it. */
function limits(most: string): string {
  const row = ['Max open files', '1024', most, 'files'].map((cell) => cell.padEnd(22)).join('')
  return `Limit   Soft Limit  Hard Limit  Units\n${row}\n`
}

describe('what a server would not start with', { timeout: 120_000 }, () => {
  const tests = authority()

  it.each([
    [
      'a key that is not of its certificate',
      (): Env => {
        const [one, other] = [tests.sign('DNS:a'), tests.sign('DNS:b')]
        return { FANFARE_TLS: `{ cert: ${one.cert}, key: ${other.key} }` }
      },
      'tls.key',
      'is not the key of',
    ],
    [
      'a file of keys that is none',
      (): Env => {
        const file = join(temporaryFolder(), 'keys.json')
        writeFileSync(file, '{')
        return { FANFARE_ACCESS__KEYS: file }
      },
      'keys',
      'is no file of keys',
    ],
    [
      'a management port that anybody can reach',
      (): Env => ({ FANFARE_MANAGEMENT__ADDRESS: '0.0.0.0' }),
      'management',
      'there is no key',
    ],
  ])('is told: %s', async (_what, more, check, words) => {
    const env = { ...(await own()), ...more() }
    const { code, all } = await examined(env)
    const failed = all.filter(({ state }) => state === 'FAIL')
    expect(failed.map(({ what }) => what)).toEqual([check])
    expect(failed[0]?.text).toContain(words)
    expect(code).toBe(1)
    const { code: served } = await run(['serve'], { env })
    expect(served).toBe(1)
  })
})

describe('a look at the machine', () => {
  const patient = { config: testConfig(''), running: undefined }

  it('knows when there are too few files', () => {
    expect(checkFiles(patient, limits('524288')).state).toBe('ok')
    expect(checkFiles(patient, limits('unlimited')).state).toBe('ok')
    const few = checkFiles(patient, limits('4096'))
    expect(few.state).toBe('warn')
    expect(few.advice).toContain('ulimit -n 18500')
    expect(few.advice).toContain('LimitNOFILE=')
  })

  it('knows when too few connections may wait', () => {
    expect([checkBacklog('4096\n').state, checkBacklog('128\n').state]).toEqual(['ok', 'warn'])
  })

  it('knows a Node.js that is too old', () => {
    expect(['20.10.0', '22.1.0', '20.9.0', '18.20.0'].map((v) => checkNode(v).state)).toEqual([
      'ok',
      'ok',
      'FAIL',
      'FAIL',
    ])
  })
})
