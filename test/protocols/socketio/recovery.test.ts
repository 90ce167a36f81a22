/** Connections break; messages do not. */
import { describe, expect, it } from 'vitest'
import { Proxy } from '../../client/proxy.ts'
import { startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { IoClient } from './io-client.ts'

async function start(yaml = '') {
  const { server, port } = await startServer(yaml)
  await server.users.sessions.set('1', 'test')
  await server.users.sessions.set('2', 'other')
  const proxy = await Proxy.start(port)
  const publish = async (channel: string, text: string) =>
    server.hub().publish({ channel: channel as never, body: Buffer.from(text) })
  const tell = async (text: string) => server.users.publish('1', { body: Buffer.from(text) })
  /** Lets nobody through until told. */
  const block = (): void => {
    proxy.target = undefined
    proxy.cut()
  }
  const unblock = (): void => {
    proxy.target = port
  }
  return { server, port, proxy, publish, tell, block, unblock }
}

describe('the JavaScript client', () => {
  it('recovers all that it had, and gets what came meanwhile', async () => {
    const { proxy, publish, tell, block, unblock } = await start()
    const client = await IoClient.in(proxy.port, 'test')
    await client.ask('subscribe', 'news')
    await client.ask('subscribe', 'mine/', { as: 'session' })
    await tell('1')
    await client.got(1)

    block()
    await client.said('disconnect: transport close')
    await tell('2')
    await publish('news', '3')
    await publish('mine/x', '4')
    unblock()
    await client.said('connect')

    expect(client.socket.recovered).toBe(true)
    await tell('5')
    expect(await client.got(5)).toEqual(['1', '2', '3', '4', '5'])
  })

  it('recovers before it had any message', async () => {
    const { proxy, tell, block, unblock } = await start()
    const client = await IoClient.in(proxy.port, 'test')

    block()
    await client.said('disconnect: transport close')
    await tell('1')
    unblock()
    await client.said('connect')

    expect(client.socket.recovered).toBe(true)
    expect(await client.got(1)).toEqual(['1'])
    expect(client.events.map(([event]) => event)).not.toContain('gap')
  })

  it('recovers after it has logged in as the original’s clients do', async () => {
    const { proxy, publish, tell, block, unblock } = await start()
    const client = new IoClient(proxy.port)
    client.socket.on('connect', () => client.socket.send('{"userId":"1","hash":"test"}'))
    await client.said('connect')
    await client.got(1)
    await client.ask('subscribe', 'mine', { as: 'session' })
    await tell('1')
    await client.got(2)

    block()
    await client.said('disconnect: transport close')
    await tell('2')
    await publish('mine', '3')
    unblock()
    await client.said('connect')

    expect(client.socket.recovered).toBe(true)
    const login = { auth: 'Authorized as 1' }
    expect(await client.got(5)).toEqual([login, '1', login, '2', '3'])
  })

  it.each([['websocket'], ['polling'], ['polling', 'websocket']])(
    'has every message once by %s, %s, however often it is cut off',
    async (...transports) => {
      const { proxy, publish, tell } = await start()
      const client = await IoClient.in(proxy.port, 'test', {
        transports: transports.filter((name) => name !== undefined),
      })
      await client.ask('subscribe', 'news')
      let sent = 0
      let done = false
      const load = (async (): Promise<void> => {
        while (!done) {
          for (let count = 0; count < 20; count++, sent++) {
            await (sent % 2 === 0 ? tell(String(sent)) : publish('news', String(sent)))
          }
          await new Promise((resolve) => setImmediate(resolve))
        }
      })()

      for (let cuts = 0; cuts < 8; cuts++) {
        const before = client.messages.length
        await until(() => client.messages.length > before + 200, 'more messages')
        let broken = false
        client.socket.once('disconnect', () => (broken = true))
        // Between two polls there is nothing to break.
        await until(() => {
          if (!broken) proxy.cut()
          return broken
        }, 'it breaks')
        await client.said('connect')
      }
      done = true
      await load

      expect(await client.got(sent)).toEqual(Array.from({ length: sent }, (_, n) => String(n)))
    },
    30_000,
  )

  it('is told when it is too late: by recovered, and by a gap', async () => {
    const { proxy, tell, block, unblock } = await start(
      'socketio: { recoveryTime: 20ms }\nstore: { type: memory, max_messages: 2 }',
    )
    const client = await IoClient.in(proxy.port, 'test')
    await client.ask('subscribe', 'mine', { as: 'session' })
    block()
    await client.said('disconnect: transport close')
    for (const text of ['1', '2', '3', '4']) await tell(text)
    const since = performance.now()
    await until(() => performance.now() - since > 40, 'the time is over')
    unblock()
    await client.said('connect')

    expect(client.socket.recovered).toBe(false)
    await client.got(2)
    const events = client.events.map(([event, first]) => (event === 'message' ? first : event))
    expect(events.slice(-3)).toEqual(['gap', '3', '4'])
  })

  it('is told by a gap when the server is another one', async () => {
    const { server, proxy, tell } = await start()
    const client = await IoClient.in(proxy.port, 'test')
    await tell('1')
    await client.got(1)
    const successor = await startServer()
    await successor.server.users.sessions.set('1', 'test')

    proxy.target = successor.port
    await server.stop()
    await client.said('disconnect: transport close')
    await client.said('connect')
    await successor.server.users.publish('1', { body: Buffer.from('2') })

    expect(client.socket.recovered).toBe(false)
    expect(await client.got(2)).toEqual(['1', '2'])
    expect(client.events.map(([event]) => event)).toEqual(['position', 'message', 'gap', 'message'])
  })

  it('has not recovered when its user’s subscriptions are gone', async () => {
    const { server, proxy, tell, block, unblock } = await start(
      'users: { removeUserAfterDisconnectTimeOut: 10ms }',
    )
    const client = await IoClient.in(proxy.port, 'test')
    await client.ask('subscribe', 'news')
    await tell('1')
    await client.got(1)
    block()
    await client.said('disconnect: transport close')
    let left: readonly string[] = ['news']
    await until(() => {
      void server.users.subscriptionsOf('1').then((found) => (left = found))
      return left.length === 0
    }, 'the subscriptions are gone')
    unblock()
    await client.said('connect')

    expect(client.socket.recovered).toBe(false)
  })

  it('does not recover what was another user’s', async () => {
    const { proxy, port, publish, tell } = await start()
    const client = await IoClient.in(proxy.port, 'test')
    await client.ask('subscribe', 'mine', { as: 'session' })
    await tell('1')
    await client.got(1)
    const { pid, offset } = recoveryOf(client)

    const thief = await IoClient.in(port, 'other', { auth: { pid, offset } })
    await tell('2')
    await publish('mine', '3')
    await client.got(3)

    const answer = await thief.ask('subscribe', 'news')
    expect(answer).toMatchObject({ ok: true })
    expect(thief.messages).toEqual([])
    expect(recoveryOf(thief).pid).not.toBe(pid)
    expect(client.socket.connected).toBe(true)
  })

  it('takes over from a connection that the server still believes in', async () => {
    const { server, port, publish, tell } = await start()
    const old = await IoClient.in(port, 'test', { reconnection: false })
    await old.ask('subscribe', 'mine', { as: 'session' })
    await tell('1')
    await old.got(1)

    const client = await IoClient.in(port, 'test', { auth: recoveryOf(old) })
    await old.said('disconnect: io server disconnect')
    await publish('mine', '2')

    expect(await client.got(1)).toEqual(['2'])
    expect(await server.users.connectionsOf('1')).toHaveLength(1)
  })

  it('that leaves has nothing to come back to', async () => {
    const { port, tell } = await start()
    const client = await IoClient.in(port, 'test')
    await client.ask('subscribe', 'mine', { as: 'session' })
    await tell('1')
    await client.got(1)
    const auth = recoveryOf(client)
    client.socket.disconnect()

    const next = await IoClient.in(port, 'test', { auth })

    expect(recoveryOf(next).pid).not.toBe(auth.pid)
  })
})

describe('history that is read as the connection breaks', () => {
  it.each([0, 1, 700, 1500, 1999])('goes on where it broke, after %i of 2,000', async (after) => {
    const { proxy, publish, tell } = await start()
    for (let n = 0; n < 2000; n++) await publish('old', `old ${n}`)
    const client = await IoClient.in(proxy.port, 'test')
    for (let n = 0; n < 5; n++) await tell(`user ${n}`)
    await client.got(5)

    client.socket.emit('subscribe', 'old', { as: 'session', since: 'all' })
    await until(() => client.messages.length >= 5 + after, 'some of it')
    proxy.cut()
    await client.said('connect')
    for (let n = 5; n < 10; n++) await tell(`user ${n}`)
    await publish('old', 'old 2000')

    // The subscription itself may not have arrived; then nothing of it is owed.
    await until(() => client.messages.includes('user 9'), 'what came last')
    const old = client.messages.filter((text) => String(text).startsWith('old'))
    const user = client.messages.filter((text) => String(text).startsWith('user'))
    expect(user).toEqual(Array.from({ length: 10 }, (_, n) => `user ${n}`))
    if (after > 0) {
      await until(() => client.messages.includes('old 2000'), 'the newest of it')
      const all = client.messages.filter((text) => String(text).startsWith('old'))
      expect(all).toEqual(Array.from({ length: 2001 }, (_, n) => `old ${n}`))
    } else expect(new Set(old).size).toBe(old.length)
  })
})

describe('any client', () => {
  it('goes on by the id that it remembers', async () => {
    const { port, tell } = await start()
    const auth = { envelope: true, recover: false }
    const first = await IoClient.in(port, 'test', { auth })
    await tell('1')
    const [{ id }] = (await first.got(1)) as [{ id: string }]
    first.socket.disconnect()
    await tell('2')
    await tell('3')

    const second = await IoClient.in(port, 'test', { auth: { ...auth, since: id } })

    expect(await second.got(2)).toMatchObject([{ body: '2' }, { body: '3' }])
  })
})

/** What the client shows when it comes back. */
function recoveryOf({ socket }: IoClient): { pid: string; offset: string } {
  const { _pid: pid, _lastOffset: offset } = socket as unknown as {
    _pid: string
    _lastOffset: string
  }
  return { pid, offset }
}
