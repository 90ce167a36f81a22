/** What carries messages: frames written as they are, and Engine.IO's queue. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { LogHub } from '../../../src/hub/log-hub.ts'
import { EventEncoder } from '../../../src/protocols/socketio/encoder.ts'
import { Link } from '../../../src/protocols/socketio/link.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { makeId } from '../../../src/model/id.ts'
import { Message } from '../../../src/model/message.ts'
import { userLog } from '../../../src/users/users.ts'
import { startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { IoClient } from './io-client.ts'
import { PacketClient } from './packet-client.ts'

afterEach(() => vi.restoreAllMocks())

async function start(yaml = '') {
  const { server, port } = await startServer(yaml)
  for (const user of ['1', '2', '3']) await server.users.sessions.set(user, `session ${user}`)
  const publish = async (channel: string, text: string) =>
    server.hub().publish({ channel: channel as never, body: Buffer.from(text) })
  return { server, port, publish }
}

describe('a message for many users', () => {
  it('is encoded once, and the same Buffer is written to all their sockets', async () => {
    const { port, publish } = await start()
    for (const user of ['1', '2', '3']) {
      const client = await PacketClient.in(port, { session: `session ${user}` })
      await client.ask('subscribe', 'news')
    }
    const write = vi.spyOn(Link.prototype, 'write')

    await publish('news', 'hello')
    await until(() => write.mock.calls.length >= 3, 'it is written')

    const frames = write.mock.calls.map(([bytes]) => bytes)
    expect(frames).toHaveLength(3)
    expect(String(frames[0])).toContain('42["message","hello"]')
    expect(new Set(frames).size).toBe(1)
  })

  it('is forgotten with the turn', async () => {
    const encoder = new EventEncoder({ envelope: false, offsets: false })
    const message = new Message(makeId(1, 1), 1000, {
      channel: 'news' as never,
      body: Buffer.from('hello'),
    })
    const one = new Selectors([userLog('1')])
    const two = new Selectors([userLog('2')])

    const first = encoder.encode([message], undefined, one)
    expect(encoder.encode([message], undefined, two)).toBe(first)
    await Promise.resolve()
    const later = encoder.encode([message], undefined, one)

    expect(later).not.toBe(first)
    expect(later).toEqual(first)
  })
})

describe('a client that does not read', () => {
  it.each(['websocket', 'polling'])('by %s costs little, and misses nothing', async (by) => {
    const { server, port, publish } = await start('limits: { maxUnsentBytes: 64k }')
    const other = await IoClient.in(port, 'session 2', { auth: { recover: false } })
    await other.ask('subscribe', 'news')
    const text = 'x'.repeat(10_000)
    const count = 2_000
    const numbered = (n: number): string => `${n} ${text}`
    const check: number[] = []
    if (by === 'websocket') {
      const slow = await PacketClient.in(port, { session: 'session 1' })
      await slow.ask('subscribe', 'news')
      slow.pause()
      for (let n = 0; n < count; n++) await publish('news', numbered(n))
      await other.got(count)
      expect([...server.hub().behind(10)]).toMatchObject([{ door: 'socketio' }])

      slow.resume()
      while (check.length < count) {
        check.push(Number.parseInt((await slow.packet('42["message","')).slice(0, 6), 10))
      }
    } else {
      // A poll is not answered until there is one: its client asks when it wants to.
      const ask = async (query: string, body?: string): Promise<string> => {
        const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling${query}`
        const init = body === undefined ? {} : { method: 'POST', body }
        return (await fetch(url, init)).text()
      }
      const opened = JSON.parse((await ask('')).slice(1)) as { sid: string }
      const sid = `&sid=${opened.sid}`
      await ask(sid, `40${JSON.stringify({ session: 'session 1' })}`)
      expect(await ask(sid)).toMatch(/^40/)
      await ask(sid, '421["subscribe","news"]')
      expect(await ask(sid)).toMatch(/^431/)
      for (let n = 0; n < count; n++) await publish('news', numbered(n))
      await other.got(count)
      expect([...server.hub().behind(10)]).toMatchObject([{ door: 'socketio' }])

      while (check.length < count) {
        const payload = await ask(sid)
        expect(payload.length).toBeLessThan(2_000_000)
        for (const packet of payload.split('\x1e')) {
          if (packet.startsWith('42')) check.push(Number.parseInt(packet.slice(14, 20), 10))
        }
      }
    }
    expect(check).toEqual(Array.from({ length: count }, (_, n) => n))
  })
})

describe('a connection', () => {
  it('has one session', async () => {
    const { port } = await start()
    const client = await PacketClient.open(port)

    client.send('40{"session":"session 1"}40')
    await until(() => client.isClosed, 'what is no packet ends it')

    const other = await PacketClient.open(port)
    other.send('40{"session":"session 1"}')
    other.send('40{"session":"session 2"}')
    expect(await other.packet('44')).toContain('One connection has one session.')
    await other.packet('40')
  })

  it('of Engine.IO 3 is there at once, and has no ids behind its messages', async () => {
    const { server, port } = await start()
    const client = await PacketClient.open(port, 3)
    await client.packet('40')
    client.send('42["message","{\\"userId\\":1,\\"hash\\":\\"session 1\\"}"]')
    expect(await client.packet('42')).toBe('["message",{"auth":"Authorized as 1"}]')

    await server.users.publish('1', { body: Buffer.from('hello') })
    expect(await client.packet('42')).toBe('["message","hello"]')
  })

  it('that sends what is no packet is closed, and nobody else notices', async () => {
    const { server, port } = await start()
    const other = await IoClient.in(port, 'session 2')
    for (const bad of ['42["message"', '99', '42{}']) {
      const client = await PacketClient.in(port, { session: 'session 1' })
      client.send(bad)
      await until(() => client.isClosed, `${bad} closes it`)
    }

    await server.users.publish('2', { body: Buffer.from('hello') })
    expect(await other.got(1)).toEqual(['hello'])
  })

  it('may ask for no other namespace', async () => {
    const { port } = await start()
    const client = await PacketClient.open(port)

    client.send('40/admin,{"session":"session 1"}')

    expect(await client.packet('44/admin,')).toContain('Invalid namespace')
  })

  it('is counted', async () => {
    const { server, port } = await start()
    const client = await IoClient.in(port, 'session 1')
    await server.users.publish('1', { body: Buffer.from('hello') })
    await client.got(1)

    expect((server.hub() as LogHub).trafficOf('socketio')).toMatchObject({
      connections: 1,
      accepted: 1,
      delivered: 1,
      refused: 0,
    })
  })
})
