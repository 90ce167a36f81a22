/** Requests to speak WebSocket whose answer is waited for. */
import { describe, expect, it } from 'vitest'
import type { Upgrade } from '../../src/http/exchange.ts'
import { LeanConnection } from '../../src/http/lean.ts'
import { errorReply } from '../../src/http/reply.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { RawClient } from '../support/raw.ts'
import { PATHS } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { echo, get, startHttp } from './support.ts'

const WISH =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** A masked text frame of one letter, with a mask of zeros. */
const frame = (letter: string): string => `\x81\x81\0\0\0\0${letter}`

async function start(lean: boolean) {
  // The test would wait for this one otherwise, and see nothing.
  const limits = { headersTimeout: 60_000 }
  const asked: Upgrade[] = []
  const said: string[] = []
  const started = await startHttp(echo, { lean, limits, upgrade: (upgrade) => asked.push(upgrade) })
  const client = await RawClient.connect(started.port)
  const accept = (): void =>
    asked[0]?.accept((socket) => {
      socket.on('message', (data: Buffer) => said.push(data.toString()))
      socket.on('error', () => {})
      socket.send('hello')
    })
  const refuse = (): void => {
    const [upgrade] = asked
    upgrade?.refuse(errorReply(upgrade, new FanfareError('not_authorized'), true))
  }
  return { ...started, client, asked, said, accept, refuse }
}

describe.each(PATHS)('an upgrade over $path', ({ lean }) => {
  it('gets all that its client has sent meanwhile, in order', async () => {
    const { client, asked, said, accept } = await start(lean)
    client.send(get('/before') + get('/ws', WISH) + frame('a'))
    await until(() => asked.length === 1, 'it is asked about')
    accept()
    await client.until(() => client.received.includes('hello'))
    client.send(frame('c'))
    await until(() => said.length === 2, 'both came')
    expect(said).toEqual(['a', 'c'])
  })

  it('may be accepted when its client has left', async () => {
    const { server, client, asked, accept, errors } = await start(lean)
    client.send(get('/ws', WISH))
    await until(() => asked.length === 1, 'it is asked about')
    client.socket.resetAndDestroy()
    await until(() => server.connections === 0, 'it has left')
    accept()
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toEqual([])
    expect([...server.wheel.items()]).toEqual([])
  })

  it('that is refused twice is answered once', async () => {
    const { client, asked, refuse, server } = await start(lean)
    client.send(get('/ws', WISH))
    await until(() => asked.length === 1, 'it is asked about')
    refuse()
    refuse()
    client.socket.end()
    expect((await client.rest()).match(/HTTP\/1\.1/g)).toHaveLength(1)
    await until(() => server.connections === 0, 'it is closed')
  })
})

describe('on the lean path', () => {
  it.each(['accept', 'refuse'] as const)(
    'a client that closes its half has left: %s does nothing',
    async (how) => {
      const test = await start(true)
      test.client.send(get('/ws', WISH))
      await until(() => test.asked.length === 1, 'it is asked about')
      test.client.socket.end()
      expect(await test.client.rest()).toBe('')
      test[how]()
      await until(() => test.server.connections === 0, 'it is closed')
      expect(test.errors).toEqual([])
      expect([...test.server.wheel.items()]).toEqual([])
    },
  )

  it('what came ahead of a refusal does not hide that the client has closed', async () => {
    const { client, asked, refuse, server } = await start(true)
    client.send(get('/ws', WISH))
    await until(() => asked.length === 1, 'it is asked about')
    client.send('x'.repeat(2 ** 20))
    await until(() => [...server.wheel.items()].some(isPaused), 'it reads no further')
    refuse()
    client.socket.end()
    expect(await client.rest()).toContain('not_authorized')
    await until(() => server.connections === 0, 'it is closed')
  })
})

function isPaused(item: unknown): boolean {
  return item instanceof LeanConnection && item.socket.isPaused()
}
