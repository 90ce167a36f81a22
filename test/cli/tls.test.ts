/** `fanfare publish` and `fanfare watch` over TLS. */
import { describe, expect, it } from 'vitest'
import { authority } from '../support/certificates.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { fanfare, run } from './cli-program.ts'

const { ca, sign } = authority()
const { cert, key } = sign('DNS:localhost', 'IP:127.0.0.1')

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
  it('publishes and watches by every scheme that has TLS', async () => {
    const urls = await start()
    const watchers = [
      fanfare(['watch', '--ca', ca, '--json', `${urls.https}/events/news`]),
      fanfare(['watch', '--ca', ca, '--json', urls.wss]),
      fanfare(['watch', '--ca', ca, '--json', urls.rediss]),
      fanfare(['watch', '--json', urls.feeds], { env: { FANFARE_CA: ca } }),
    ]
    await urls.followed(watchers.length)

    const sent = [
      await run(['publish', '--ca', ca, 'news', '{"n":1}', '--server', urls.https]),
      await run(['publish', '--ca', ca, urls.wss, '{"n":2}']),
      await run(['publish', '--ca', ca, urls.rediss, '{"n":3}']),
      await run(['publish', '--ca', ca, urls.feeds, '{"n":4}']),
    ]

    expect(sent.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      sent.map(() => ({ code: 0, stderr: '' })),
    )
    for (const watcher of watchers) {
      const lines = await watcher.printed(4)
      for (const [n, line] of lines.entries()) expect(line).toContain(`"n\\":${n + 1}`)
    }
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
