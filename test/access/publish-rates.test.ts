/** `limits.publishRate` on the wire: each door says in its own words that it is too much. */
import { expect, it } from 'vitest'
import { RespClient, startRedis } from '../protocols/redis/resp-client.ts'
import { startServer, testConfig, type TestServer } from '../support/server.ts'
import { KeyFile } from './keyed.ts'

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
