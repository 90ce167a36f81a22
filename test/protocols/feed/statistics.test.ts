import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RawClient } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { exchange, FeedClient, post, startFeed } from './feed-client.ts'

describe('HEAD', () => {
  it('gives the statistics, under both names, in the order of the original', async () => {
    const { feedPort } = await startFeed()
    await FeedClient.open(feedPort, '/json')
    const posted = await post(feedPort, '/json', '[]')
    const answer = await exchange(feedPort, 'HEAD / HTTP/1.1\r\n\r\n')
    const [, received, sent] =
      /^HTTP\/1\.1 200 OK\r\nServer: GitPubSub\/0\.9\r\nContent-Length: 0\r\nConnection: keep-alive\r\nX-Uptime: \d\r\nX-Subscribers: 1\r\nX-Connections: 1\r\nX-Total-Connections: 3\r\nX-Received: (\d+)\r\nX-Sent: (\d+)\r\n\r\n$/.exec(
        answer,
      ) ?? []
    expect(Number(received)).toBeGreaterThan(100)
    expect(Number(sent)).toBeGreaterThan(posted.length)
  })

  it('forgets subscribers that have left', async () => {
    const { feedPort } = await startFeed()
    const client = await FeedClient.open(feedPort, '/json')
    client.raw.socket.end()
    await client.raw.rest()
    expect(await exchange(feedPort, 'HEAD / HTTP/1.1\r\n\r\n')).toContain(
      '\r\nX-Subscribers: 0\r\n',
    )
  })

  it('keeps the connection for a client that asks for it, and then serves it', async () => {
    const { feedPort } = await startFeed('stillalive: 0')
    const raw = await RawClient.connect(feedPort)
    const head = 'HEAD / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n'
    raw.send(head + head)
    for (let n = 0; n < 2; n++) {
      expect(await raw.takeUntil('\r\n\r\n')).toContain('X-Total-Connections: 1\r\n')
    }
    raw.send('POST /json HTTP/1.1\r\n\r\n[1]\n')
    expect(await raw.rest()).toContain('Message sent!')
  })

  it('is for trusted peers, unless it is for everyone', async () => {
    const others = 'trustedPeers: [10.0.0.0/8]'
    const closed = await startFeed('', others)
    expect(await exchange(closed.feedPort, 'HEAD / HTTP/1.1\r\n\r\n')).toBe(
      'HTTP/1.1 403 Denied\r\n\r\nOnly trusted sources may read the statistics!',
    )
    const open = await startFeed('statistics: everyone', others)
    expect(await exchange(open.feedPort, 'HEAD / HTTP/1.1\r\n\r\n')).toContain('X-Uptime: ')
  })
})

describe('a path instead of a port', () => {
  it('is a UNIX socket, whose clients are trusted as this machine is', async () => {
    const path = socketPath()
    const { server } = await startServer(`feed: { port: ${path} }`)
    expect(server.places).toContainEqual(expect.objectContaining({ what: 'feed', where: path }))
    const socket = connect(path)
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    socket.write('POST /json HTTP/1.1\r\n\r\n[1]\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toContain('Message sent!')
  })

  it('that a killed server left behind is taken over; one in use is not', async () => {
    const path = socketPath()
    const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    const { spawn } = await import('node:child_process')
    await once(spawn(process.execPath, ['-e', code]), 'exit')
    expect(existsSync(path)).toBe(true)
    await startServer(`feed: { port: ${path} }`)
    await expect(startServer(`feed: { port: ${path} }`)).rejects.toMatchObject({ door: 'feed' })
  })
})

it('a door that cannot start leaves nothing open', async () => {
  const { feedPort } = await startFeed()
  await expect(startServer(`feed: { port: ${feedPort} }`)).rejects.toMatchObject({
    door: 'feed',
    cause: { code: 'EADDRINUSE' },
  })
})

it('feed: false listens nowhere', async () => {
  const { server } = await startServer('feed: false')
  expect(server.places.map(({ what }) => what)).not.toContain('feed')
})

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'feed.sock')
}
