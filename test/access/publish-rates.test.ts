/** `limits.publishRate` on the wire: each door says in its own words that it is too much. */
import { Push } from 'zeromq'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connected, answered, startFanout } from '../protocols/fanout/fanout-client.ts'
import { post, startFeed } from '../protocols/feed/feed-client.ts'
import { RespClient, startRedis } from '../protocols/redis/resp-client.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { SECRET, token } from '../protocols/socketio/token.ts'
import {
  newVersion,
  register,
  startSparkleshare,
  watcher,
  ZEROMQ,
} from '../protocols/sparkleshare/sparkleshare-client.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { until } from '../support/wait.ts'
import { startServer, testConfig, type TestServer } from '../support/server.ts'
import { KeyFile } from './keyed.ts'

// A server of a test fails it when anything is reported as an error of the server: to be too fast is none.

function rates(text: string): string {
  return `limits: { publishRate: { ${text} } }`
}

async function publish(
  { server }: TestServer,
  channel: string,
  init: RequestInit = {},
): Promise<Response> {
  const url = `${server.url}/publisher/${channel}`
  return fetch(url, { method: 'POST', body: 'x', ...init })
}

function lines(count: number): RequestInit {
  return {
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: '{"body":"x"}\n'.repeat(count),
  }
}

it('over HTTP it is 429 with Retry-After, and nothing is stored', async () => {
  const world = await startServer(rates('perChannel: 2/m'))
  expect((await publish(world, 'a')).status).toBe(202)
  expect((await publish(world, 'a')).status).toBe(202)

  const refused = await publish(world, 'a')

  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused.text()).toMatch(/^429 too_many_requests: /)
  expect((await publish(world, 'b')).status).toBe(202)
  const info = await fetch(`${world.server.url}/publisher/a`)
  expect(await info.text()).toMatch(/^queued messages: 2\r\n/)
})

it('looking at a channel, making it and deleting it are no messages', async () => {
  const world = await startServer(rates('perChannel: 1/m'))
  for (const method of ['PUT', 'GET', 'GET', 'DELETE', 'PUT']) {
    expect((await fetch(`${world.server.url}/publisher/a`, { method })).status).toBe(200)
  }
  expect((await publish(world, 'a')).status).toBe(202)
})

it('several messages in one request are as many', async () => {
  const world = await startServer(rates("perChannel: '10/m burst 3'"))
  expect((await publish(world, 'a', lines(2))).status).toBe(202)
  expect((await publish(world, 'a', lines(2))).status).toBe(429)
  expect((await publish(world, 'a', lines(1))).status).toBe(202)
})

it('a key has its rate wherever it comes from; trusted peers have none of their address', async () => {
  const file = new KeyFile()
  const key = file.make('app', { publish: ['/'] })
  const world = await startServer(`${rates('perKey: 1/m, perAddress: 1/m')}\n${file.yaml()}`)
  const headers = { Authorization: `Bearer ${key}` }
  expect((await publish(world, 'a', { headers })).status).toBe(202)
  expect((await publish(world, 'b', { headers })).status).toBe(429)
  for (let i = 0; i < 3; i++) expect((await publish(world, 'a')).status).toBe(202)
})

it('another rate holds from the next publish on', async () => {
  const world = await startServer(rates('perChannel: 1/m'))
  expect((await publish(world, 'a')).status).toBe(202)
  expect((await publish(world, 'a')).status).toBe(429)
  await world.server.apply(testConfig(rates('perChannel: 0')))
  expect((await publish(world, 'a')).status).toBe(202)
})

it('on the redis door it is an error, for PUBLISH as for XADD; DEL is none', async () => {
  const { redisPort } = await startRedis('', rates('perChannel: 2/m'))
  const client = await RespClient.connect(redisPort)
  expect(await client.ask('PUBLISH', 'a', 'x')).toBe(0)
  expect(await client.ask('DEL', 'a')).toBe(1)
  expect(await client.ask('XADD', 'a', '*', 'body', 'x')).toMatch(/-/)
  expect(await client.ask('PUBLISH', 'a', 'x')).toMatch(/^-ERR .*Try again in \d+ s/)
  expect(await client.ask('PING')).toBe('+PONG')
})

it('an address has its rate also when it pretends to speak for others', async () => {
  const anyone = 'access: { anonymous: { publish: [chat] } }'
  const world = await startServer(`trustedPeers: []\n${rates('perAddress: 1/m')}\n${anyone}`)
  expect((await publish(world, 'chat')).status).toBe(202)
  for (const headers of [{ 'X-Forwarded-For': '192.0.2.1' }, { Via: '1.1 nowhere' }]) {
    expect((await publish(world, 'chat', { headers })).status).toBe(429)
  }
})

it('on the feed it is 429 with Retry-After', async () => {
  const { feedPort } = await startFeed('', rates('perChannel: 1/m'))
  expect(await post(feedPort, '/json', '{"a":1}\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)

  const refused = await post(feedPort, '/json', '{"a":2}\n')

  expect(refused).toMatch(/^HTTP\/1\.1 429 too_many_requests\r\nRetry-After: [1-9]\d*\r\n\r\n/)
  expect(refused).toMatch(/Try again in \d+ s\. :\(\r\n$/)
  expect(await post(feedPort, '/other', '{"a":3}\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
})

it('more lines than a burst at once go through the feed when nothing is owed', async () => {
  const { feedPort } = await startFeed('', rates("perChannel: '1/m burst 2'"))
  const many = '{"a":1}\n{"a":2}\n{"a":3}\n'
  expect(await post(feedPort, '/json', many)).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(await post(feedPort, '/json', '{"a":4}\n')).toMatch(/^HTTP\/1\.1 429 /)
})

it('on a WebSocket it is an error with the ref, and the connection goes on', async () => {
  const { port } = await startServer(rates('perChannel: 1/m'))
  const client = await FrameClient.open(port)
  expect(await client.ask({ subscribe: ['a', 'b'], ref: 0 })).toMatchObject({ ref: 0 })
  client.send({ publish: 'a', body: 'one', ref: 1 })
  const answers = [await client.json(), await client.json()]
  expect(answers).toContainEqual(expect.objectContaining({ published: expect.any(String), ref: 1 }))

  const refused = await client.ask({ publish: 'a', body: 'two', ref: 2 })

  const message = expect.stringMatching(/Try again in \d+ s\.$/)
  expect(refused).toEqual({ error: { code: 'too_many_requests', message }, ref: 2 })
  client.send({ publish: 'b', body: 'three', ref: 3 })
  const others = [await client.json(), await client.json()]
  expect(others).toContainEqual(expect.objectContaining({ channel: 'b', body: 'three' }))
})

it('at Socket.IO it is an error as the answer, or an event, and the connection goes on', async () => {
  const users = `users: { publish: ['/'], jwt: { secret: "${SECRET}" } }`
  const { port } = await startServer(`${users}\n${rates('perKey: 2/m, perChannel: 1/m')}`)
  const client = new IoClient(port, { auth: { token: token({ sub: 'mona' }) } })
  await client.said('connect')
  expect(await client.ask('publish', 'a', 'one')).toMatchObject({ ok: true })

  const refused = await client.ask('publish', 'a', 'two')
  client.socket.emit('publish', 'a', 'three')

  const told = {
    code: 'too_many_requests',
    message: expect.stringMatching(/^All together .*Try again in \d+ s\.$/),
  }
  expect(refused).toEqual({ error: told })
  const errors = () => client.events.filter(([event]) => event === 'error')
  await until(() => errors().length > 0, 'the event')
  expect(errors()).toEqual([['error', { ...told, event: 'publish' }]])
  expect(await client.ask('publish', 'b', 'four')).toMatchObject({ ok: true })
  // What a user publishes counts wherever it connects from.
  const other = new IoClient(port, { auth: { token: token({ sub: 'mona' }) } })
  await other.said('connect')
  expect(await other.ask('publish', 'c', 'x')).toMatchObject({ error: { code: told.code } })
})

it('on the fanout door it is said in words that clients pass by, and the connection goes on', async () => {
  const { fanoutPort, server } = await startFanout('', rates('perChannel: 1/m'))
  const client = await connected(fanoutPort)
  client.send('announce a one\nannounce a two\n')
  expect(await client.takeUntil('\n')).toMatch(/^debug!All together .*Try again in \d+ s\.\n$/)
  await answered(client)
  client.send('announce all three\n')
  expect(await client.takeUntil('\n')).toBe('all!three\n')
  expect((await server.hub().stat('a' as never))?.messages).toBe(1)
})

describe('on the sparkleshare door, which has no word for it', () => {
  it('it is passed by and counted, and the connection goes on', async () => {
    const yaml = `management: { port: 0 }\n${rates('perChannel: 1/m')}`
    const test = await startSparkleshare('zeromq: false', yaml)
    const listener = await watcher(test, 'b', register('a') + register('b'))
    const client = await watcher(test, 'c', register('c'))
    client.send(['1', '2', '3'].map((revision) => newVersion('a', revision)).join(''))
    client.send(newVersion('b', '4'))
    expect(await listener.takeUntil('}')).toBe(newVersion('a', '1'))
    expect(await listener.takeUntil('}')).toBe(newVersion('b', '4'))
    expect(await refusedBy(test, 'sparkleshare')).toBe(2)
    listener.send(newVersion('c', '5'))
    expect(await client.takeUntil('}')).toBe(newVersion('c', '5'))
  })

  it('nor over ZeroMQ', async () => {
    const yaml = `management: { port: 0 }\n${rates('perChannel: 1/m')}`
    const test = await startSparkleshare(ZEROMQ, yaml)
    const listener = await watcher(test, 'b', register('b'))
    const pusher = new Push({ linger: 0, sendTimeout: 10_000 })
    onTestFinished(() => pusher.close())
    pusher.connect(`tcp://127.0.0.1:${test.command}`)
    for (const revision of ['1', '2', '3']) await pusher.send(newVersion('a', revision))
    await pusher.send(newVersion('b', '4'))
    expect(await listener.takeUntil('}')).toBe(newVersion('b', '4'))
    expect(await refusedBy(test, 'zeromq')).toBe(2)
  })
})

/** How many commands a door has refused. */
async function refusedBy({ server }: TestServer, door: string): Promise<number> {
  const place = server.places.find(({ what }) => what === 'management')?.where ?? ''
  const text = await (await fetch(`${place}metrics`)).text()
  return Number(
    new RegExp(`^fanfare_refused_total\\{door="${door}"\\} (\\d+)$`, 'm').exec(text)?.[1],
  )
}
