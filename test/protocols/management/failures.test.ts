import { expect, it, onTestFinished, vi } from 'vitest'
import { LogHub } from '../../../src/hub/log-hub.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { management } from '../../../src/protocols/management/index.ts'
import { MemoryStore } from '../../../src/stores/memory.ts'
import { doorContext } from '../../support/door-context.ts'
import { RawClient, request, requestBytes } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { startManaged, Told } from './support.ts'

it('a failure of our own is told as one, without its words, and reported', async () => {
  const { server, post, get, errors } = await startManaged()
  vi.spyOn(server.users.sessions, 'userOf').mockRejectedValue(new Error('where the secret is'))
  const byPost = await post('/auth/check', { sessionId: 'x' })
  expect(byPost.status).toBe(500)
  expect(JSON.parse(byPost.body.toString())).toMatchObject({ error: { code: 'internal' } })
  const byGet = await get('/auth/check/x')
  expect(byGet.status).toBe(500)
  expect(byPost.body.toString() + byGet.body.toString()).not.toContain('secret')
  expect(errors.splice(0).map(String)).toEqual([
    'Error: where the secret is',
    'Error: where the secret is',
  ])
})

it('a store that takes nothing is 503, and no failure of ours', async () => {
  const { server, post } = await startManaged()
  await server.users.connect('1', new Told('a'))
  vi.spyOn((server.hub() as LogHub).store, 'append').mockImplementation(() => {
    throw new FanfareError('store_unavailable')
  })
  for (const [path, to] of [
    ['/channel/publish', { channelId: 'news' }],
    ['/user/publish', { userId: 1 }],
  ] as const) {
    const reply = await post(path, { ...to, message: 1 })
    expect(reply.status, path).toBe(503)
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      error: { code: 'store_unavailable', help: expect.any(String) as string },
    })
  }
})

it('answers wait for the store, in order, and a client that leaves harms nobody', async () => {
  const { server, admin, get } = await startManaged()
  const waiting: (() => void)[] = []
  vi.spyOn(server.users.sessions, 'userOf').mockImplementation(
    () => new Promise((resolve) => waiting.push(() => resolve('1'))),
  )
  const gone = await RawClient.connect(admin)
  gone.send(requestBytes('GET', '/auth/check/a'))
  await until(() => waiting.length === 1, 'the first call')
  const client = await RawClient.connect(admin)
  client.send(
    Buffer.concat([requestBytes('GET', '/auth/check/b'), requestBytes('GET', '/user/listAll')]),
  )
  await until(() => waiting.length === 2, 'the second call')
  // Whoever asks for something else is not kept waiting.
  expect((await get('/user/listAll')).body.toString()).toBe('[]')
  expect(client.received).toHaveLength(0)
  gone.close()
  for (const answer of waiting) answer()
  expect((await client.reply()).body.toString()).toBe('1')
  expect((await client.reply()).body.toString()).toBe('[]')
})

it('what came in and what was refused is counted', async () => {
  const context = doorContext(
    new LogHub(new MemoryStore(), { soon: setImmediate }),
    'management: { port: 0 }\n',
  )
  const running = await management.start?.(context)
  onTestFinished(() => running?.stop())
  const port = Number(new URL(running?.places[0]?.where ?? '').port)
  await context.users.connect('1', new Told('a'))

  await request(port, 'POST', '/channel/publish', {}, '{"channelId":"news","message":1}')
  await request(port, 'GET', '/user/publish/1/2')
  await request(port, 'GET', '/nothing')
  await request(port, 'GET', '/user/publish/2/2')
  await request(port, 'GET', '/user/listAll', { Host: 'evil.example' })
  await request(port, 'POST', '/auth/set', {}, '{}')

  expect(context.traffic.of('management')).toMatchObject({ published: 2, refused: 4 })
})
