import { describe, expect, it } from 'vitest'
import { startServer } from '../../support/server.ts'
import { IoClient } from './io-client.ts'

const RULES = `
users:
  subscribe: [news/, 'private/{user}', 'talk/*', rooms]
  publish: [news/, 'echo/{user}']
  presence: [news/]
`

async function start(yaml = RULES) {
  const { server, port } = await startServer(yaml)
  await server.users.sessions.set('1', 'one')
  await server.users.sessions.set('2', 'two')
  const publish = async (channel: string, text: string) =>
    server.hub().publish({ channel: channel as never, body: Buffer.from(text) })
  return { server, port, publish }
}

describe('subscribe', () => {
  it('is for the user, and so for all its connections', async () => {
    const { server, port, publish } = await start()
    const one = await IoClient.in(port, 'one')
    const other = await IoClient.in(port, 'one')

    const answer = await one.ask('subscribe', ['news/a', 'private/1'])

    expect(answer).toEqual({
      ok: true,
      channels: ['news/a', 'private/1'],
      position: expect.stringMatching(/^\d+-\d+$/) as unknown,
    })
    expect(await server.users.subscriptionsOf('1')).toEqual(['news/a', 'private/1'])
    await publish('news/a', 'hello')
    expect(await one.got(1)).toEqual(['hello'])
    expect(await other.got(1)).toEqual(['hello'])
  })

  it('is for this connection alone when it says so, subtrees included', async () => {
    const { server, port, publish } = await start()
    const one = await IoClient.in(port, 'one')
    const other = await IoClient.in(port, 'one')

    expect(await one.ask('subscribe', ['news/', 'rooms'], { as: 'session' })).toMatchObject({
      ok: true,
    })

    await publish('news/a/b', 'below')
    await publish('rooms', 'rooms')
    await server.users.publish('1', { body: Buffer.from('user') })
    expect(await one.got(3)).toEqual(['below', 'rooms', 'user'])
    expect(await other.got(1)).toEqual(['user'])
    expect(await server.users.subscriptionsOf('1')).toEqual([])
  })

  it.each([
    ['other', undefined, 'forbidden'],
    ['private/2', undefined, 'forbidden'],
    [['news/a', 'private/2'], undefined, 'forbidden'],
    ['news/', undefined, 'bad_channel'],
    ['/', { as: 'session' }, 'forbidden'],
    ['new', { as: 'session' }, 'forbidden'],
    ['tal/', { as: 'session' }, 'forbidden'],
    ['private/', { as: 'session' }, 'forbidden'],
    ['', undefined, 'bad_channel'],
    [[], undefined, 'bad_channel'],
    [5, undefined, 'bad_channel'],
    ['x'.repeat(600), undefined, 'bad_channel'],
    ['news/a', { as: 'everybody' }, 'bad_request'],
    ['news/a', { later: true }, 'bad_request'],
    ['news/a', 'all', 'bad_request'],
    ['news/a', { since: 'yesterday' }, 'bad_cursor'],
    ['news/a', { since: {} }, 'bad_cursor'],
  ])('of %j with %j is refused: %s', async (names, options, code) => {
    const { server, port } = await start()
    const client = await IoClient.in(port, 'one')

    const answer = await client.ask('subscribe', names, options)

    expect(answer).toMatchObject({ error: { code } })
    expect(await server.users.subscriptionsOf('1')).toEqual([])
  })

  it('has its bounds', async () => {
    const { port } = await start('limits: { maxSubscriptions: 3 }\nusers: { maxSubscriptions: 2 }')
    const client = await IoClient.in(port, 'one')
    const tooMany = { error: { code: 'too_many' } }

    expect(await client.ask('subscribe', ['a', 'b', 'c', 'd'])).toMatchObject(tooMany)
    expect(await client.ask('subscribe', ['a', 'b', 'c'])).toMatchObject(tooMany)
    const own = { as: 'session' }
    expect(await client.ask('subscribe', ['d', 'e', 'f'], own)).toMatchObject({ ok: true })
    expect(await client.ask('subscribe', 'g', own)).toMatchObject(tooMany)
  })

  it('reads what was before, and then what comes, once', async () => {
    const { port, publish } = await start()
    for (const text of ['a', 'b', 'c']) await publish('news/x', text)
    const client = await IoClient.in(port, 'one', { auth: { recover: false } })

    const answer = client.ask('subscribe', 'news/x', { since: 'all' })
    await publish('news/x', 'd')
    expect(await answer).toMatchObject({ ok: true })
    await publish('news/x', 'e')

    expect(await client.got(5)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('without anybody to answer says what is wrong by an event', async () => {
    const { port } = await start()
    const client = await IoClient.in(port, 'one', { auth: { recover: false } })

    client.socket.emit('subscribe', 'other')
    await client.ask('subscribe', 'news/a')

    expect(client.events).toEqual([
      [
        'error',
        {
          code: 'forbidden',
          message: 'The user "1" may not subscribe to "other".',
          event: 'subscribe',
        },
      ],
    ])
  })
})

describe('unsubscribe', () => {
  it('ends what the user and this connection are subscribed to', async () => {
    const { server, port, publish } = await start()
    const client = await IoClient.in(port, 'one')
    await client.ask('subscribe', ['news/a', 'news/b'])
    await client.ask('subscribe', ['news/a', 'news/deep/'], { as: 'session' })

    expect(await client.ask('unsubscribe', ['news/a', 'news/deep/'])).toMatchObject({ ok: true })

    await publish('news/a', 'no')
    await publish('news/deep/x', 'no')
    await publish('news/b', 'yes')
    expect(await client.got(1)).toEqual(['yes'])
    expect(await server.users.subscriptionsOf('1')).toEqual(['news/b'])
  })

  it('leaves what an application has arranged', async () => {
    const { server, port } = await start()
    await server.users.subscribe('1', 'orders' as never)
    const client = await IoClient.in(port, 'one')

    const answer = await client.ask('unsubscribe', 'orders')

    expect(answer).toMatchObject({ error: { code: 'forbidden' } })
    expect(await server.users.subscriptionsOf('1')).toEqual(['orders'])
  })
})

describe('publish', () => {
  it('goes where the rules allow', async () => {
    const { port } = await start()
    const [one, two] = [await IoClient.in(port, 'one'), await IoClient.in(port, 'two')]
    await two.ask('subscribe', 'news/a')

    const answer = await one.ask('publish', 'news/a', { hello: ['world'] })
    await one.ask('publish', 'news/a', '{"a": "text"}')
    await one.ask('publish', 'news/a', Buffer.from([0xff]))
    await one.ask('publish', 'news/a', 'shown', { type: 'text/x', data: { n: 1 } })

    expect(answer).toEqual({
      ok: true,
      channel: 'news/a',
      id: expect.stringMatching(/^\d+-\d+$/) as unknown,
      receivers: 1,
    })
    expect(await two.got(4)).toEqual([
      { hello: ['world'] },
      '{"a": "text"}',
      { body: '/w==', encoding: 'base64' },
      { n: 1 },
    ])
  })

  it('is done once when it is sent again with the same key', async () => {
    const { port } = await start()
    const client = await IoClient.in(port, 'one')

    const first = await client.ask('publish', 'news/a', 'x', { key: 'k' })
    const second = await client.ask('publish', 'news/a', 'x', { key: 'k' })

    expect(second).toMatchObject({ ok: true, id: first['id'], duplicate: true })
  })

  it.each([
    [['other', 'x'], 'forbidden'],
    [['echo/2', 'x'], 'forbidden'],
    [['news/', ''], undefined],
    [['news/a'], 'bad_message'],
    [['news/a', null], 'bad_message'],
    [['news/a', { a: 1 }, { data: 2 }], 'bad_message'],
    [['news/a', 'x', { ttl: -1 }], 'bad_expiry'],
    [['news/a', 'x', { body: 'y' }], 'bad_request'],
    [[5, 'x'], 'bad_channel'],
    [['news/a', 'x'.repeat(2000)], 'too_large'],
  ])('of %j: %s', async (args, code) => {
    const { port } = await start(`${RULES}\nlimits: { maxBodyBytes: 1500 }`)
    const client = await IoClient.in(port, 'one')

    if (code === 'too_large') {
      // More than one packet may be ends the connection, as WebSocket does.
      client.socket.emit('publish', ...args)
      await client.said('disconnect: transport close')
      return
    }
    const answer = await client.ask('publish', ...args)
    expect(answer).toMatchObject(code === undefined ? { ok: true } : { error: { code } })
  })

  it('is nobody’s unless the configuration says so', async () => {
    const { port } = await start('')
    const client = await IoClient.in(port, 'one')

    const answer = await client.ask('publish', 'news/a', 'x')
    expect(answer).toMatchObject({ error: { code: 'forbidden' } })
  })
})

describe('presence', () => {
  it('tells who is there', async () => {
    const { port } = await start()
    const [one, two] = [await IoClient.in(port, 'one'), await IoClient.in(port, 'two')]
    await one.ask('subscribe', 'news/a')
    await two.ask('subscribe', ['news/a', 'news/a/@presence'])

    expect(await one.ask('presence', 'news/a')).toEqual({
      ok: true,
      channel: 'news/a',
      users: ['1', '2'],
      count: 2,
    })
    await one.ask('unsubscribe', 'news/a')
    expect(await two.got(1)).toEqual([
      { presence: 'leave', user: '1', channel: 'news/a', present: 1 },
    ])
  })

  it.each(['rooms', 'other'])('of %s is nobody’s business', async (channel) => {
    const { port } = await start()
    const client = await IoClient.in(port, 'one')

    const answer = await client.ask('presence', channel)
    expect(answer).toMatchObject({ error: { code: 'forbidden' } })
  })
})

describe('what a client sends', () => {
  it('before it has logged in is refused', async () => {
    const { port } = await start()
    const client = new IoClient(port)
    await client.said('connect')

    const answer = await client.ask('subscribe', 'news/a')
    expect(answer).toMatchObject({ error: { code: 'not_authorized' } })
  })

  it('right behind its login waits for that', async () => {
    const { port } = await start()
    const client = new IoClient(port)
    await client.said('connect')

    client.socket.send('{"userId":"1","hash":"one"}')
    expect(await client.ask('subscribe', 'news/a')).toMatchObject({ ok: true })
  })

  it('is obeyed in order', async () => {
    const { server, port } = await start()
    const client = await IoClient.in(port, 'one')

    const answers = Array.from({ length: 300 }, (_, index) =>
      client.ask(index % 2 === 0 ? 'subscribe' : 'unsubscribe', `news/${index >> 2}`),
    )
    await Promise.all(answers)

    expect(await server.users.subscriptionsOf('1')).toEqual([])
  })

  it('without end, and without waiting, ends the connection', async () => {
    const { port } = await start()
    const other = await IoClient.in(port, 'two')
    const client = await IoClient.in(port, 'one', { reconnection: false })

    for (let count = 0; count < 5_000; count++) client.socket.emit('subscribe', 'news/a')

    await client.said('disconnect: io server disconnect')
    expect(await other.ask('subscribe', 'news/a')).toMatchObject({ ok: true })
  })
})
