/** `fanfare publish` and `fanfare watch` over TLS. */
import { describe, expect, it } from 'vitest'
import { authority } from '../support/certificates.ts'
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
