import { describe, expect, it } from 'vitest'
import { request } from '../support/raw.ts'
import { type ManagedServer, startManaged, Told } from '../protocols/management/support.ts'

interface Page {
  readonly messages: readonly { readonly id: string; readonly body: string }[]
  readonly gap: boolean
}

async function call(server: ManagedServer, path: string, named: object): Promise<unknown> {
  const reply = await server.post(path, named)
  expect(reply.status, reply.body.toString()).toBe(200)
  return reply.body.length === 0 ? undefined : JSON.parse(reply.body.toString())
}

const publish = (server: ManagedServer, channelId: string, message: unknown): Promise<unknown> =>
  call(server, '/channel/publish', { channelId, message })

const history = async (server: ManagedServer, more: object): Promise<Page> =>
  (await call(server, '/channel/history', { channelId: 'news', ...more })) as Page

const bodies = ({ messages }: Page): string[] => messages.map(({ body }) => body)

describe('channel/history', () => {
  it('gives the newest, oldest first, as many as asked for', async () => {
    const server = await startManaged()
    for (const n of [1, 2, 3]) await publish(server, 'news', n)
    await publish(server, 'other', 4)
    expect(bodies(await history(server, { limit: 2 }))).toEqual(['2', '3'])
    expect(await history(server, {})).toMatchObject({
      messages: [{ body: '1', channel: 'news', type: 'application/json' }, {}, {}],
      gap: false,
    })
    const none = await server.post('/channel/history', { channelId: 'news', limit: 0 })
    expect(none.status).toBe(400)
  })

  it('goes on from an id, oldest first, to the end', async () => {
    const server = await startManaged()
    for (const n of [1, 2, 3, 4]) await publish(server, 'news', n)
    const { messages } = await history(server, { limit: 4 })
    const page = await history(server, { limit: 2, since: messages[0]?.id })
    expect(bodies(page)).toEqual(['2', '3'])
    expect(page.gap).toBe(false)
    const last = await history(server, { since: messages[3]?.id })
    expect(last).toEqual({ messages: [], gap: false })
  })

  it('tells of a gap: messages that are gone, and ids of another life', async () => {
    const server = await startManaged('', 'store: { type: memory, max_messages: 2 }\n')
    await publish(server, 'news', 1)
    const { messages } = await history(server, {})
    for (const n of [2, 3, 4]) await publish(server, 'news', n)
    const page = await history(server, { since: messages[0]?.id })
    expect(bodies(page)).toEqual(['3', '4'])
    expect(page.gap).toBe(true)
    expect((await history(server, { since: '4294967295-0' })).gap).toBe(true)
  })

  it('shows bytes that are no text in base64', async () => {
    const server = await startManaged()
    const headers = { 'Content-Type': 'application/octet-stream' }
    await request(server.port, 'POST', '/publisher/news', headers, Buffer.from([0xff, 0x00]))
    expect(await history(server, {})).toMatchObject({
      messages: [{ body: '/wA=', encoding: 'base64', type: 'application/octet-stream' }],
    })
  })
})

describe('channel/publish', () => {
  it('leaves by other doors, as JSON', async () => {
    const server = await startManaged()
    await publish(server, 'news', { text: 'hello' })
    const reply = await request(server.port, 'GET', '/subscriber/news', {
      'If-Modified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT',
    })
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(reply.body.toString()).toBe('{"text":"hello"}')
  })
})

describe('subscriptions of users', () => {
  it('are made, listed both ways, and ended', async () => {
    const server = await startManaged()
    const told = new Told('a')
    await server.server.users.connect('1', told)
    await call(server, '/channel/subscribe', { userId: 1, channelId: 'b' })
    await call(server, '/channel/subscribe', { userId: 1, channelId: '/a' })
    await call(server, '/channel/subscribe', { userId: 'ada', channelId: 'a' })
    expect(await call(server, '/channel/getSubscriptions', { userId: '1' })).toEqual(['b', 'a'])
    expect(await call(server, '/channel/getSubscribers', { channelId: 'a' })).toEqual(['1', 'ada'])
    await call(server, '/channel/unsubscribe', { userId: 1, channelId: 'a' })
    await call(server, '/channel/unsubscribe', { userId: 1, channelId: 'a' })
    expect(await call(server, '/channel/getSubscribers', { channelId: 'a' })).toEqual(['ada'])
    await call(server, '/channel/unsubscribeAll', { userId: 1 })
    expect(await call(server, '/channel/getSubscriptions', { userId: 1 })).toEqual([])
    expect(told.log).toEqual(['+b', '+a', '-a', '-b'])
  })

  it('say when there are too many', async () => {
    const server = await startManaged('', 'users: { maxSubscriptions: 1 }\n')
    await call(server, '/channel/subscribe', { userId: 1, channelId: 'a' })
    const reply = await server.post('/channel/subscribe', { userId: 1, channelId: 'b' })
    expect(reply.status).toBe(400)
    expect(JSON.parse(reply.body.toString())).toMatchObject({ error: { code: 'too_many' } })
  })

  it('tell who is there, where the configuration says so', async () => {
    const server = await startManaged('', 'users: { presence: [chat/] }\n')
    await server.server.users.connect('1', new Told('a'))
    for (const userId of [1, 2]) {
      await call(server, '/channel/subscribe', { userId, channelId: 'chat/room' })
      await call(server, '/channel/subscribe', { userId, channelId: 'news' })
    }
    expect(await call(server, '/channel/presence', { channelId: 'chat/room' })).toEqual(['1'])
    expect(await call(server, '/channel/presence', { channelId: 'news' })).toEqual([])
  })
})

describe('channel/listAll', () => {
  it('has channels with messages and channels with subscribers, each once', async () => {
    const server = await startManaged()
    await publish(server, 'both', 1)
    await publish(server, 'messages', 1)
    await call(server, '/channel/subscribe', { userId: 1, channelId: 'both' })
    await call(server, '/channel/subscribe', { userId: 1, channelId: 'subscribers' })
    const names = (await call(server, '/channel/listAll', {})) as string[]
    expect(names.toSorted()).toEqual(['both', 'messages', 'subscribers'])
    // Asking about one makes none.
    await call(server, '/channel/getSubscribers', { channelId: 'asked' })
    expect(await call(server, '/channel/listAll', {})).toHaveLength(3)
  })

  it('has 10,000 at most', async () => {
    const server = await startManaged()
    const { hub } = server.server.users
    for (let n = 0; n < 10_050; n++) {
      await hub.publish({ channel: `c${n}` as never, body: Buffer.from('x') })
    }
    const names = (await call(server, '/channel/listAll', {})) as string[]
    expect(names).toHaveLength(10_000)
    expect(new Set(names).size).toBe(10_000)
  })
})

describe('channel/remove', () => {
  it('deletes messages and subscriptions, and lets a waiting subscriber go', async () => {
    const server = await startManaged()
    const told = new Told('a')
    await server.server.users.connect('1', told)
    await publish(server, 'news', 1)
    await call(server, '/channel/subscribe', { userId: 1, channelId: 'news' })
    await call(server, '/channel/remove', { channelId: 'news' })
    expect(await history(server, {})).toMatchObject({ messages: [] })
    expect(await call(server, '/channel/listAll', {})).toEqual([])
    expect(await call(server, '/channel/getSubscriptions', { userId: 1 })).toEqual([])
    expect(told.log).toEqual(['+news', '-news'])
    await call(server, '/channel/remove', { channelId: 'news' })
  })
})

describe('connections of users', () => {
  it('are listed, and closed one by one', async () => {
    const server = await startManaged()
    const one = new Told('one')
    await server.server.users.connect('1', one)
    await server.server.users.connect('1', new Told('two'))
    expect(await call(server, '/user/connections', { userId: 1 })).toMatchObject([
      { id: 'one', user: '1', door: 'test', peer: '127.0.0.1' },
      { id: 'two' },
    ])
    expect(await call(server, '/user/disconnect', { connectionId: 'one' })).toBe(true)
    expect(one.log).toEqual(['disconnect'])
    expect(await call(server, '/user/disconnect', { connectionId: 'nobody' })).toBe(false)
    await call(server, '/user/remove', { userId: 1 })
    expect(await call(server, '/user/listAll', {})).toEqual([])
  })
})

describe('sessions of users', () => {
  it('are added, listed by digest, and removed one by one or all at once', async () => {
    const server = await startManaged()
    for (const sessionId of ['a', 'b', 'c'])
      await call(server, '/auth/add', { userId: 1, sessionId })
    expect(await call(server, '/auth/list', { userId: 1 })).toHaveLength(3)
    await call(server, '/auth/remove', { userId: 1, sessionId: 'a' })
    expect((await server.post('/auth/check', { sessionId: 'a' })).status).toBe(401)
    expect(await call(server, '/auth/check', { sessionId: 'b' })).toBe(1)
    await call(server, '/auth/remove', { userId: 1 })
    expect(await call(server, '/auth/list', { userId: 1 })).toEqual([])
  })
})
