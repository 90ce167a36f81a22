import { expect, it } from 'vitest'
import { NOW } from '../../src/hub/contract.ts'
import { Selectors } from '../../src/model/selector.ts'
import { userLog } from '../../src/users/users.ts'
import { EventsClient } from '../protocols/events/events-client.ts'
import { startManaged, Told } from '../protocols/management/support.ts'
import { RespClient } from '../protocols/redis/resp-client.ts'

/** A server on which user 1 is connected, and its log is followed, as its door would. */
async function startWithUser() {
  const started = await startManaged('', 'redis: { port: 0 }\nfeed: { port: 0 }\n')
  const { server } = started
  await server.users.connect('1', new Told('a'))
  const seen: string[] = []
  server.users.hub.follow({
    selectors: Selectors.channel(userLog('1')),
    since: NOW,
    encoder: {
      key: 'test',
      door: 'test',
      tellsGaps: true,
      encode: (messages) => Buffer.from(messages.map(({ body }) => body.toString()).join('')),
    },
    sink: {
      unsent: 0,
      write: (bytes) => void seen.push(bytes.toString()),
      whenSent: () => {},
      ended: () => {},
    },
  })
  const portOf = (door: string): number =>
    Number(new URL(server.places.find(({ what }) => what === door)?.where ?? '').port)
  return { ...started, seen, redis: portOf('redis'), feed: portOf('feed') }
}

it('what a user is sent is its own: no subtree, no pattern and no listing has it', async () => {
  const { port, post, get, redis, feed, seen } = await startWithUser()
  const all = await EventsClient.follow(port, '/events/?channel=/')
  const lines = await fetch(`http://127.0.0.1:${feed}/`)
  const pattern = await RespClient.connect(redis)
  await pattern.ask('PSUBSCRIBE', '*')
  const wide = await RespClient.connect(redis)
  await wide.ask('PSUBSCRIBE', '[^a]*')

  await post('/user/publish', { userId: 1, message: 'private' })
  await post('/channel/publish', { channelId: 'news', message: 'public' })

  expect((await all.block()).data).toBe('"public"')
  expect(await pattern.value()).toEqual(['pmessage', '*', 'news', '"public"'])
  expect(await wide.value()).toEqual(['pmessage', '[^a]*', 'news', '"public"'])
  const reader = lines.body?.getReader()
  const first = await reader?.read()
  expect(Buffer.from(first?.value ?? []).toString()).toBe('"public"\r\n')
  await reader?.cancel()
  expect(seen).toEqual(['"private"'])

  const client = await RespClient.connect(redis)
  expect(await client.ask('SCAN', '0', 'COUNT', '1000')).toEqual(['0', ['news']])
  expect(await client.ask('DBSIZE')).toBe(1)
  expect(await client.ask('PUBSUB', 'CHANNELS')).toEqual([])
  expect(JSON.parse((await get('/channel/listAll')).body.toString())).toEqual(['news'])
})

it('nobody can name it, in whatever spelling', async () => {
  const { post, get, redis, port } = await startWithUser()
  await post('/user/publish', { userId: 1, message: 'private' })
  const client = await RespClient.connect(redis)
  const spellings = ['Āuser/1', '/Āuser/1', 'user/1', '\u0000user/1', '\u0001\u0000user/1']
  for (const name of spellings) {
    const bytes = Buffer.from(name)
    expect(await client.ask('XRANGE', bytes, '-', '+')).toEqual([])
    expect(await client.ask('XRANGE', Buffer.from(name, 'latin1'), '-', '+')).toEqual([])
    const page = await get(`/channel/history/${encodeURIComponent(name)}`)
    expect(JSON.parse(page.body.toString())).toMatchObject({ messages: [] })
    const poll = await fetch(`http://127.0.0.1:${port}/subscriber/${encodeURIComponent(name)}`)
    expect(poll.status).toBe(404)
    await poll.body?.cancel()
  }
})
