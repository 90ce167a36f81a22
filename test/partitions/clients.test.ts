/** Our own clients over a store of several partitions: lost connections lose nothing. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Listening } from '../../src/cli/listen-follow.ts'
import { Follower } from '../client/follower.ts'
import { Proxy } from '../client/proxy.ts'
import { startRedisDoor } from '../client/redis-server.ts'
import { publish } from '../protocols/events/events-client.ts'
import { clientAt, LOCATIONS, Reader, TRANSPORTS } from '../sdk/support.ts'
import { channelIn, sorted } from '../support/partitioned.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

vi.mock('../../src/stores/open.ts', () => import('../support/partitioned.ts'))

const NAMES = [channelIn(0), channelIn(1), channelIn(2)]

/** Publishes a number to each channel in turn. */
function counting(port: number): { sent: string[]; next: () => Promise<void> } {
  const sent: string[] = []
  const next = async (): Promise<void> => {
    const body = String(sent.length)
    sent.push(body)
    await publish(port, NAMES[sent.length % NAMES.length] as string, body)
  }
  return { sent, next }
}

describe.each(TRANSPORTS)('the client over %s', (transport) => {
  it('goes on over cut connections: nothing lost, nothing twice', async () => {
    const { port } = await startServer(LOCATIONS)
    const proxy = await Proxy.start(port)
    const reader = await Reader.open(clientAt(proxy.port), ['/'], { transport })
    const { sent, next } = counting(port)
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 10; n++) await next()
      proxy.cut()
      for (let n = 0; n < 5; n++) await next()
      await reader.take(sent.length)
    }
    expect(sorted(reader.bodies)).toEqual(sorted(sent))
    expect(reader.got.map(({ kind }) => kind)).not.toContain('gap')
  })

  it('starts later with the cursor of what was read', async () => {
    const { port } = await startServer(LOCATIONS)
    const first = await Reader.open(clientAt(port), NAMES, { transport })
    const { sent, next } = counting(port)
    for (let n = 0; n < 6; n++) await next()
    await first.take(6)
    const { cursor = '' } = first.subscription
    first.subscription.close()
    for (let n = 0; n < 6; n++) await next()

    const later = new Reader(clientAt(port), NAMES, { transport, since: cursor })
    await later.take(6)
    await next()
    await later.take(7)
    expect(sorted(later.bodies)).toEqual(sorted(sent.slice(6)))
  })
})

describe('what the command line follows', () => {
  it.each(['http', 'ws'])('goes on over cut connections of %s:', async (scheme) => {
    const { port } = await startServer(LOCATIONS)
    const proxy = await Proxy.start(port)
    const path = scheme === 'ws' ? '/ws/?channel=/' : '/events/?channel=/'
    const follower = new Follower(proxy.url(path, scheme))
    await until(() => follower.count('connected') === 1, 'it is connected')
    const { sent, next } = counting(port)
    // From the first message on it has a cursor, whatever the protocol.
    await next()
    await until(() => follower.bodies.length === 1, 'the first came')
    for (let n = 0; n < 8; n++) await next()
    proxy.cut()
    for (let n = 0; n < 5; n++) await next()
    await until(() => follower.bodies.length >= sent.length, 'all came')
    expect(sorted(follower.bodies)).toEqual(sorted(sent))
  })

  it('fanfare listen goes on with the cursors of its file', async () => {
    const { port, redisPort } = await startRedisDoor()
    const folder = mkdtempSync(join(tmpdir(), 'fanfare-listen-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const stateFile = join(folder, 'state.json')
    const bodies: string[] = []
    const notes: string[] = []
    const listen = (): (() => Promise<void>) => {
      const config = { host: '127.0.0.1', port: redisPort, auth: '', tls: false, channels: NAMES }
      const listening = new Listening(config, stateFile, {
        show: undefined,
        message: ({ body }) => bodies.push(body),
        note: (text) => notes.push(text),
      })
      const stop = new AbortController()
      const done = listening.run(stop.signal)
      return async () => {
        stop.abort()
        await done
      }
    }
    const { sent, next } = counting(port)
    const stop = listen()
    await until(() => notes.some((note) => note.startsWith('listening')), 'it listens')
    for (let n = 0; n < 6; n++) await next()
    await until(() => bodies.length === 6, 'all came')
    await stop()
    expect(Object.keys(JSON.parse(readFileSync(stateFile, 'utf8')) as object)).toContain('cursor')
    for (let n = 0; n < 6; n++) await next()
    onTestFinished(listen())
    await until(() => bodies.length >= 12, 'what was missed came')
    expect(sorted(bodies)).toEqual(sorted(sent))
  })
})
