/** The conversation that clients of the original have, over Socket.IO of today. */
import { describe, expect, it } from 'vitest'
import { startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { IoClient } from './io-client.ts'

const REFUSED = { error: "You're not authorized" }

async function start(yaml = '') {
  const { server, port } = await startServer(yaml)
  await server.users.sessions.set('1', 'test')
  const connected = async (): Promise<IoClient> => {
    const client = new IoClient(port)
    await client.said('connect')
    return client
  }
  const tell = (user: string, json: string) =>
    server.users.publish(user, { body: Buffer.from(json), contentType: 'application/json' })
  return { server, port, connected, tell }
}

describe('logging in', () => {
  it.each(['{"userId":"1","hash":"test"}', '{"userId":1,"hash":"test","more":[]}'])(
    'takes %s',
    async (text) => {
      const { connected, server } = await start()
      const client = await connected()

      client.socket.send(text)

      expect(await client.got(1)).toEqual([{ auth: 'Authorized as 1' }])
      expect(await server.users.connectionsOf('1')).toMatchObject([
        { user: '1', door: 'socketio', peer: '127.0.0.1' },
      ])
    },
  )

  it.each([
    '{"userId":"2","hash":"test"}',
    '{"userId":"1","hash":"other"}',
    '{"userId":"1"}',
    '{"hash":"test"}',
    '{"userId":["1"],"hash":"test"}',
    '{}',
    'null',
    '1',
  ])('refuses %s and disconnects', async (text) => {
    const { connected } = await start()
    const client = await connected()

    client.socket.send(text)

    await client.said('disconnect: io server disconnect')
    expect(client.messages).toEqual([REFUSED])
  })

  it('lets a client try again after what was not JSON, or not a text', async () => {
    const { connected } = await start()
    const client = await connected()

    client.socket.send('userId=1')
    client.socket.send({ userId: '1', hash: 'test' })
    client.socket.send(Buffer.from('{"userId":"1","hash":"test"}'))
    client.socket.send('{"userId":"1","hash":"test"}')

    const failed = { error: 'Auth failed' }
    expect(await client.got(4)).toEqual([failed, failed, failed, { auth: 'Authorized as 1' }])
  })

  it('does not let it try for ever', async () => {
    const { connected } = await start()
    const client = await connected()

    for (let count = 0; count < 20; count++) client.socket.send('no JSON')

    await client.said('disconnect: io server disconnect')
    expect(client.messages).toHaveLength(10)
    expect(client.messages.at(-1)).toEqual(REFUSED)
  })

  it('ends whoever takes too long', async () => {
    const { connected } = await start('users: { authenticationTimeOut: 50ms }')
    const client = await connected()

    await client.said('disconnect: io server disconnect')
    expect(client.messages).toEqual([REFUSED])
  })

  it('is over with the first that succeeds: time runs no more, and nothing else is read', async () => {
    const { connected, tell } = await start('users: { authenticationTimeOut: 300ms }')
    const client = await connected()
    client.socket.send('{"userId":"1","hash":"test"}')
    client.socket.send('{"userId":"1","hash":"other"}')
    await client.got(1)
    const late = await connected()

    await late.said('disconnect: io server disconnect')

    await tell('1', '"still here"')
    expect(await client.got(2)).toEqual([{ auth: 'Authorized as 1' }, 'still here'])
  })
})

describe('a user that has logged in', () => {
  it('gets what is published to it, on all its connections, as it was published', async () => {
    const { connected, tell } = await start()
    const clients = [await connected(), await connected()]
    for (const client of clients) client.socket.send('{"userId":"1","hash":"test"}')
    for (const client of clients) await client.got(1)

    await tell('1', '{"to": "user", "n": [1, 2]}')
    await tell('1', '[1,{"b":2}]')
    await tell('1', '"text"')
    await tell('1', '0')

    for (const client of clients) {
      expect((await client.got(5)).slice(1)).toEqual([
        { to: 'user', n: [1, 2] },
        [1, { b: 2 }],
        'text',
        0,
      ])
    }
  })

  it('gets what its channels get, from the moment it is subscribed until it is not', async () => {
    const { server, connected } = await start()
    const client = await connected()
    client.socket.send('{"userId":"1","hash":"test"}')
    await client.got(1)
    const publish = (text: string) =>
      server.hub().publish({ channel: 'news' as never, body: Buffer.from(text) })

    await publish('before')
    await server.users.subscribe('1', 'news' as never)
    await publish('while')
    await client.got(2)
    await server.users.unsubscribe('1', 'news' as never)
    await publish('after')
    await server.users.subscribe('1', 'news' as never)
    await publish('again')

    expect((await client.got(3)).slice(1)).toEqual(['while', 'again'])
  })

  it('reaches nobody with what it sends', async () => {
    const { server, connected, tell } = await start()
    await server.users.sessions.set('2', 'other')
    const [one, two, nobody] = [await connected(), await connected(), await connected()]
    one.socket.send('{"userId":"1","hash":"test"}')
    two.socket.send('{"userId":"2","hash":"other"}')
    await one.got(1)
    await two.got(1)

    one.socket.send('hello everybody')
    one.socket.emit('anything', { at: 'all' })
    expect(await one.ask('message', 'hello')).toMatchObject({ error: { code: 'bad_request' } })

    await tell('2', '"for two"')
    expect((await two.got(2)).slice(1)).toEqual(['for two'])
    expect(nobody.events).toEqual([])
  })

  it('that is removed stays connected, and gets nothing more', async () => {
    const { server, connected, tell } = await start()
    const [one, other] = [await connected(), await connected()]
    one.socket.send('{"userId":"1","hash":"test"}')
    await one.got(1)

    await server.users.remove('1')

    expect(await server.users.isThere('1')).toBe(false)
    other.socket.send('{"userId":"1","hash":"test"}')
    await other.got(1)
    await tell('1', '"for the other"')
    await other.got(2)
    expect(await one.ask('subscribe', 'news')).toMatchObject({ error: { code: 'not_authorized' } })
    expect(one.messages).toHaveLength(1)
    expect(one.socket.connected).toBe(true)
  })

  it('is gone with its last connection', async () => {
    const { server, connected, tell } = await start(
      'users: { removeUserAfterDisconnectTimeOut: 0 }',
    )
    const client = await connected()
    client.socket.send('{"userId":"1","hash":"test"}')
    await client.got(1)
    client.socket.disconnect()

    await until(() => client.socket.disconnected, 'it is disconnected')
    let there = true
    await until(() => {
      void server.users.isThere('1').then((is) => (there = is))
      return !there
    }, 'the user is gone')
    await expect(tell('1', '1')).rejects.toMatchObject({ code: 'not_connected' })
  })
})
