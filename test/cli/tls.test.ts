/** `fanfare publish` and `fanfare watch` over TLS. */
import { describe, expect, it } from 'vitest'
import type { Finding } from '../../src/cli/doctor/check.ts'
import { freePort } from '../interop/redis-server.ts'
import { temporaryFolder } from '../server/reload-support.ts'
import { authority, newAuthority } from '../support/certificates.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { fanfare, run } from './cli-program.ts'

const tests = authority()
const { ca } = tests
const { cert, key } = tests.sign('DNS:localhost', 'IP:127.0.0.1')

interface Tls extends Record<'https' | 'wss' | 'rediss' | 'feeds', string> {
  /** Until so many follow the channel. */
  readonly followed: (count: number) => Promise<void>
}

async function start(): Promise<Tls> {
  const { port, server } = await startServer(
    `tls: { cert: ${cert}, key: ${key} }\nredis: { port: 0 }\nfeed: { port: 0 }`,
  )
  const portOf = (name: string): string =>
    new URL(server.places.find(({ what }) => what === name)?.where ?? '').port
  const receivers = (): number => server.hub().receivers('news' as never)
  return {
    followed: (count) => until(() => receivers() >= count, `${count} follow`, 60_000),
    https: `https://localhost:${port}`,
    wss: `wss://localhost:${port}/ws/news`,
    rediss: `rediss://127.0.0.1:${portOf('redis')}/news`,
    feeds: `feeds://localhost:${portOf('feed')}/news`,
  }
}

describe('with --ca', () => {
  it.each([
    ['https', '/publisher/news', '/events/news'],
    ['wss', '', ''],
    ['rediss', '', ''],
    ['feeds', '', ''],
  ] as const)('publishes and watches by %s', { timeout: 60_000 }, async (scheme, out, back) => {
    const { [scheme]: url, followed } = await start()
    // By the option, or the environment.
    const watcher = fanfare(['watch', '--json', `${url}${back}`], { env: { FANFARE_CA: ca } })
    await followed(1)

    const { code, stderr } = await run(['publish', '--ca', ca, `${url}${out}`, '{"n":1}'])

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    await until(() => /n\\*":\s*1/.test(watcher.stdout), 'the message', 30_000)
  })
})

describe('the management port', { timeout: 60_000 }, () => {
  const KEY = '0123456789abcdef'

  async function managed(): Promise<string> {
    const { server } = await startServer(
      `management: { port: 0, key: ${KEY}, tls: { cert: ${cert}, key: ${key} } }`,
    )
    const place = server.places.find(({ what }) => what === 'management')
    return new URL(place?.where ?? '').origin
  }

  it('is looked at by top, with its key', async () => {
    const url = await managed()
    const args = ['top', url, '--ca', ca, '--once', '--json']
    const { code, stdout, stderr } = await run(args, { env: { FANFARE_KEY: KEY } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ nodes: { local: { config: { scheme: 'https' } } } })

    const plain = await run(['top', url.replace('https', 'http'), '--access-key', KEY])
    expect(plain.code).toBe(1)
    expect(plain.stderr).toContain('TLS')
    const stranger = await run(['top', url, '--access-key', KEY])
    expect(stranger.stderr).toContain('--ca FILE trusts another')
  })

  it('is asked by generate, with its key', async () => {
    const url = new URL(await managed())
    const out = temporaryFolder()
    const where = ['--host', `https://${url.hostname}`, '--port', url.port, '--ca', ca]
    const { code, stdout, stderr } = await run(
      ['generate', 'php', '--out', out, ...where, '--access-key', KEY],
      {},
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\d+ classes are in /)
    const keyless = await run(['generate', 'php', '--out', out, ...where])
    expect(keyless.code).toBe(1)
    expect(keyless.stderr).toContain('answered 401')
  })

  it('is asked by the doctor, whatever its certificate is for', async () => {
    const other = newAuthority('Nobody knows').sign('DNS:push.example')
    const env = {
      FANFARE_PORT: String(await freePort()),
      FANFARE_MANAGEMENT: `{ port: ${await freePort()} }`,
      FANFARE_STORE__PATH: temporaryFolder(),
      FANFARE_TLS: `{ cert: ${other.cert}, key: ${other.key} }`,
      FANFARE_FEED: 'false',
      FANFARE_REDIS: 'false',
      FANFARE_SPARKLESHARE: 'false',
      FANFARE_FANOUT: 'false',
    }
    const server = fanfare(['serve'], { stdin: '', env })
    await until(() => server.stdout.includes('Stop with'), `it runs: ${server.stderr}`, 60_000)

    const { code, stdout } = await run(['doctor', '--json'], { env })

    const found = JSON.parse(stdout) as Finding[]
    const about = (what: string): Finding | undefined => found.find((one) => one.what === what)
    expect(about('management')).toMatchObject({ state: 'ok' })
    expect(about('management')?.text).toContain('answers at https://127.0.0.1:')
    expect(about('tls.cert')?.text).toContain('CN=push.example')
    expect(code).toBe(0)
  })
})

describe('without', () => {
  it('says that nobody has signed the certificate', async () => {
    const { rediss } = await start()
    const { code, stderr } = await run(['publish', rediss, 'x'])
    expect(code).toBe(1)
    expect(stderr).toContain('--ca FILE trusts another')
  })

  it('says what a file lacks', async () => {
    const { code, stderr } = await run(['publish', '--ca', key, 'rediss://localhost/x', 'x'])
    expect(code).toBe(1)
    expect(stderr).toContain(`${key} has no certificate that can be read`)
  })
})

it('says that a server speaks no TLS', async () => {
  const { port } = await startServer()
  const { code, stderr } = await run(['publish', `rediss://localhost:${port}/x`, 'x'])
  expect(code).toBe(1)
  expect(stderr).toContain('does not speak TLS')
})
