/** Socket.IO over a store of several partitions: connections break, messages do not. */
import { describe, expect, it, vi } from 'vitest'
import { Proxy } from '../client/proxy.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { PacketClient } from '../protocols/socketio/packet-client.ts'
import { channelIn, sorted } from '../support/partitioned.ts'
import { startServer } from '../support/server.ts'

vi.mock('../../src/stores/open.ts', () => import('../support/partitioned.ts'))

const NAMES = [channelIn(0), channelIn(1), channelIn(2)] as const

async function start() {
  const { server, port } = await startServer()
  await server.users.sessions.set('1', 'test')
  const proxy = await Proxy.start(port)
  const publish = async (channel: string, text: string) =>
    server.hub().publish({ channel: channel as never, body: Buffer.from(text) })
  const tell = async (text: string) => server.users.publish('1', { body: Buffer.from(text) })
  const block = (): void => {
    proxy.target = undefined
    proxy.cut()
  }
  const unblock = (): void => {
    proxy.target = port
  }
  return { port, proxy, publish, tell, block, unblock }
}

interface Received {
  readonly text: string
  readonly offset: string
}

/** The next message, and the offset behind it. */
async function message(client: PacketClient): Promise<Received> {
  const [text, offset] = JSON.parse(`[${await client.packet('42["message",')}`) as string[]
  return { text: text ?? '', offset: offset ?? '' }
}

describe('a user whose channels lie in several partitions', () => {
  it('recovers all that it had, and gets what came meanwhile, once', async () => {
    const { proxy, publish, tell, block, unblock } = await start()
    const client = await IoClient.in(proxy.port, 'test')
    await client.ask('subscribe', NAMES)
    const sent: string[] = []
    const say = async (): Promise<void> => {
      const text = `m${sent.length}`
      sent.push(text)
      if (sent.length % 4 === 0) await tell(text)
      else await publish(NAMES[sent.length % 3] as string, text)
    }
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 8; n++) await say()
      await client.got(sent.length)
      block()
      await client.said('disconnect: transport close')
      for (let n = 0; n < 8; n++) await say()
      unblock()
      await client.said('connect')
      expect(client.socket.recovered).toBe(true)
    }
    await say()
    expect(sorted(await client.got(sent.length))).toEqual(sorted(sent))
    expect(client.events.map(([event]) => event)).not.toContain('gap')
  })

  it('recovers what it was given before its first channel of another partition', async () => {
    const { proxy, publish, tell, block, unblock } = await start()
    const client = await IoClient.in(proxy.port, 'test')
    await tell('1')
    await tell('2')
    await client.got(2)
    block()
    await client.said('disconnect: transport close')
    await tell('3')
    unblock()
    await client.said('connect')
    await client.got(3)
    await client.ask('subscribe', NAMES)
    for (const name of NAMES) await publish(name, name)
    expect((await client.got(6)).slice(0, 3)).toEqual(['1', '2', '3'])
    expect(client.messages).toHaveLength(6)
  })

  it.each(['live', 'old'])(
    'recovers in the middle of history, while other channels go on, after one that is %s',
    async (last) => {
      const { port, publish } = await start()
      const history: string[] = []
      for (let n = 0; n < 100; n++) {
        history.push(`old ${n} ${'x'.repeat(60_000)}`)
        await publish(NAMES[1], history.at(-1) ?? '')
      }
      const live: string[] = []
      const say = async (): Promise<void> => {
        live.push(`live ${live.length}`)
        await publish(NAMES[live.length % 2 === 0 ? 0 : 2], live.at(-1) ?? '')
      }
      const client = await PacketClient.open(port)
      client.send('40{"session":"test","recover":true}')
      const { pid } = JSON.parse(await client.packet('40')) as { pid: string }
      await client.ask('subscribe', [NAMES[0], NAMES[2]])
      client.send(`42["subscribe","${NAMES[1]}",{"as":"session","since":"all"}]`)
      const got: Received[] = [await message(client)]
      for (let n = 0; n < 6; n++) await say()
      const isOver = (): boolean =>
        got.some(({ text }) => text.startsWith('live')) &&
        got.at(-1)?.text.startsWith(last) === true
      while (!isOver()) got.push(await message(client))

      // What came behind that, it has not had.
      expect(got.filter(({ text }) => text.startsWith('old')).length).toBeLessThan(history.length)
      const { offset } = got.at(-1) as Received
      expect(offset).toMatch(/^h[^/]+\/[^/]+$/)
      for (let n = 0; n < 6; n++) await say()
      const next = await PacketClient.open(port)
      next.send(`40${JSON.stringify({ session: 'test', recover: true, pid, offset })}`)
      expect(JSON.parse(await next.packet('40'))).toMatchObject({ pid })
      while (got.length < history.length + live.length) got.push(await message(next))
      expect(sorted(got.map(({ text }) => text))).toEqual(sorted([...history, ...live]))
    },
  )

  it('goes on by the position and the cursors that it is told', async () => {
    const { proxy, publish } = await start()
    const first = await IoClient.in(proxy.port, 'test', { auth: { envelope: true } })
    const { position } = await first.ask('subscribe', NAMES)
    await publish(NAMES[1], 'had')
    const [{ cursor, id }] = (await first.got(1)) as [{ cursor: string; id: string }]
    expect(cursor).toContain(id)
    first.socket.disconnect()
    await publish(NAMES[2], 'missed 2')
    await publish(NAMES[0], 'missed 0')

    const bodies = async (since: unknown, count: number): Promise<unknown[]> => {
      const client = await IoClient.in(proxy.port, 'test', { auth: { since, recover: false } })
      await client.got(count)
      client.socket.disconnect()
      return sorted(client.messages)
    }
    expect(await bodies(cursor, 2)).toEqual(['missed 0', 'missed 2'])
    expect(await bodies(position, 3)).toEqual(['had', 'missed 0', 'missed 2'])
  })

  it('is refused a cursor of another store', async () => {
    const { proxy } = await start()
    const client = new IoClient(proxy.port, { auth: { session: 'test', since: '1-0.2-0' } })
    await client.said(
      'connect_error: A cursor is an id such as 1700000000-0, a unix time in seconds, or all; not "1-0.2-0".',
    )
  })
})
