import { expect, it } from 'vitest'
import { RespClient, startRedis } from '../protocols/redis/resp-client.ts'
import { SECRET, token } from '../protocols/socketio/token.ts'
import { backend } from './backend.ts'
import { KeyFile } from './keyed.ts'

const CLOSED = 'anonymous: { subscribe: [open] }'

async function start(more = '', redis = '') {
  const file = new KeyFile()
  const key = file.make('app', { subscribe: ['news/'], publish: ['chat'] })
  const { redisPort } = await startRedis(redis, `trustedPeers: []\n${file.yaml(more)}`)
  return { file, key, redisPort, client: await RespClient.connect(redisPort) }
}

it.each([
  ['AUTH', 'KEY'],
  ['AUTH', 'default', 'KEY'],
  ['AUTH', 'app', 'KEY'],
])('%s %s takes a key', async (...args) => {
  const { key, client } = await start()
  expect(await client.ask('PUBLISH', 'chat', 'x')).toMatch(/^-NOPERM /)
  expect(await client.ask(...args.map((arg) => (arg === 'KEY' ? key : arg)))).toBe('+OK')
  expect(await client.ask('PUBLISH', 'chat', 'x')).toBe(0)
  expect(await client.ask('PUBLISH', 'other', 'x')).toMatch(/^-NOPERM The key "app" may not/)
  expect(await client.ask('XADD', 'other', '*', 'body', 'x')).toMatch(/^-NOPERM /)
  expect(await client.ask('DEL', 'chat', 'other')).toMatch(/^-NOPERM /)
  expect(await client.ask('CLIENT', 'LIST')).toMatch(/^-NOPERM /)
})

it('HELLO AUTH takes a key, and a password beside it goes on as ever', async () => {
  const { key, client, redisPort } = await start('', 'password: hunter2')
  expect(await client.ask('HELLO', '3', 'AUTH', 'default', key)).toHaveProperty('map')
  expect(await client.ask('PUBLISH', 'chat', 'x')).toBe(0)
  expect(await client.ask('PUBLISH', 'other', 'x')).toMatch(/^-NOPERM /)
  const other = await RespClient.connect(redisPort)
  expect(await other.ask('PUBLISH', 'chat', 'x')).toMatch(/^-NOAUTH /)
  expect(await other.ask('AUTH', 'hunter2')).toBe('+OK')
  expect(await other.ask('PUBLISH', 'other', 'x')).toBe(0)
})

it('what is no key is an error, in Redis’s words', async () => {
  const { key, client } = await start()
  expect(await client.ask('AUTH', `${key}x`)).toMatch(/^-WRONGPASS .* There is no such key\.$/)
  expect(await client.ask('AUTH', 'somebody', key)).toMatch(/^-WRONGPASS /)
  expect(await client.ask('HELLO', '3', 'AUTH', 'default', 'ffk_x')).toMatch(/^-WRONGPASS /)
  expect(await client.ask('AUTH', token({ sub: 'u' }))).toMatch(/^-WRONGPASS /)
})

it('whoever may not follow everything is told so, for names, patterns, and what was before', async () => {
  const { key, client } = await start(CLOSED)
  expect(await client.ask('SUBSCRIBE', 'news/a')).toMatch(/^-NOPERM /)
  expect(await client.ask('PSUBSCRIBE', '*')).toMatch(/^-NOPERM /)
  await client.ask('AUTH', key)
  expect(await client.ask('XRANGE', 'news/a', '-', '+')).toEqual([])
  expect(await client.ask('XRANGE', 'other', '-', '+')).toMatch(/^-NOPERM /)
  expect(await client.ask('XREAD', 'STREAMS', 'news/a', 'other', '0', '0')).toMatch(/^-NOPERM /)
  expect(await client.ask('XLEN', 'other')).toMatch(/^-NOPERM /)
  expect(await client.ask('EXISTS', 'other')).toMatch(/^-NOPERM /)
  expect(await client.ask('PUBSUB', 'NUMSUB', 'other')).toMatch(/^-NOPERM /)
  expect(await client.ask('PSUBSCRIBE', 'new*')).toMatch(/^-NOPERM /)
  expect(await client.ask('SUBSCRIBE', 'news/a', 'other')).toMatch(/^-NOPERM /)
  expect(await client.ask('PSUBSCRIBE', 'news/*')).toEqual(['psubscribe', 'news/*', 1])
  expect(await client.ask('SUBSCRIBE', 'news/a')).toEqual(['subscribe', 'news/a', 2])
})

it('names of channels are told to those who may follow them', async () => {
  const { file, key, client } = await start(CLOSED)
  const all = file.make('all', { publish: ['/'] })
  await client.ask('AUTH', all).then(async (answer) => {
    // It may be known a moment later.
    for (let said = answer; said !== '+OK'; said = await client.ask('AUTH', all));
  })
  await client.ask('PUBLISH', 'news/a', 'x')
  await client.ask('PUBLISH', 'secret', 'x')
  await client.ask('AUTH', key)
  expect(await client.ask('SCAN', '0')).toEqual(['0', ['news/a']])
})

it('a key that is revoked ends the connection, with the reason', async () => {
  const { file, key, client } = await start()
  await client.ask('AUTH', key)
  await client.ask('SUBSCRIBE', 'news/a')
  file.revoke('app')
  expect(await client.raw.rest()).toBe('-NOAUTH The key was revoked.\r\n')
})

it('RESET forgets who it was', async () => {
  const { key, client } = await start(CLOSED)
  await client.ask('AUTH', key)
  await client.ask('RESET')
  expect(await client.ask('SUBSCRIBE', 'news/a')).toMatch(/^-NOPERM /)
})

it('takes tokens, whose replies keep their order', async () => {
  const { client } = await start(`${CLOSED}, jwt: { secret: "${SECRET}" }`)
  const claims = { sub: 'u', fanfare: { subscribe: ['news/'], publish: ['news/'] } }
  client.send('AUTH', 'u', token(claims))
  client.send('PUBLISH', 'news/a', 'x')
  client.send('SUBSCRIBE', 'news/a')
  expect(await client.values(3)).toEqual(['+OK', 0, ['subscribe', 'news/a', 1]])
})

it('who has subscribed with one key and comes to be somebody else must be allowed all of it', async () => {
  const file = new KeyFile()
  const [key, other] = ['one', 'other'].map((name) => file.make(name, { subscribe: ['news/'] }))
  const yaml = `trustedPeers: []\n${file.yaml(CLOSED)}`
  const client = await RespClient.connect((await startRedis('', yaml)).redisPort)
  await client.ask('HELLO', '3', 'AUTH', 'default', String(key))
  await client.ask('SUBSCRIBE', 'news/a')

  // Anybody may say any password where none is asked for: it must not cut a subscription loose from its key.
  expect(await client.ask('AUTH', 'default', 'x')).toMatch(/^-NOPERM .* subscribe to "news\/a"/)

  expect(await client.ask('AUTH', String(other))).toBe('+OK')
  file.revoke('other')
  expect(await client.raw.rest()).toBe('-NOAUTH The key was revoked.\r\n')
})

it('a token is known for one, whatever space its JSON begins with', async () => {
  const { redisPort } = await startRedis('', `access: { jwt: { secret: "${SECRET}" } }`)
  const client = await RespClient.connect(redisPort)
  const head = Buffer.from('{ "alg": "HS256" }').toString('base64url')
  expect(await client.ask('AUTH', 'default', `${head}.e30.AAAA`)).toMatch(/^-WRONGPASS /)
})

it('a subscription that is asked about holds, though replies are off', async () => {
  const { asked, url } = await backend(() => [200, { allow: true }])
  const hook = `access: { hook: { url: "${url}", on: [subscribe] } }`
  const { redisPort } = await startRedis('', hook)
  const [client, other] = [await RespClient.connect(redisPort), await RespClient.connect(redisPort)]
  client.send('CLIENT', 'REPLY', 'OFF')
  client.send('SUBSCRIBE', 'c')
  expect(await client.value()).toEqual(['subscribe', 'c', 1])
  expect(asked).toHaveLength(1)
  expect(await other.ask('PUBLISH', 'c', 'x')).toBe(1)
  expect(await client.value()).toEqual(['message', 'c', 'x'])
})

it('HELLO with a name that is none says who nobody is', async () => {
  const { redisPort } = await startRedis('password: hunter2')
  const client = await RespClient.connect(redisPort)
  const said = await client.ask('HELLO', '3', 'AUTH', 'default', 'hunter2', 'SETNAME', 'a b')
  expect(said).toMatch(/^-ERR Client names cannot/)
  expect(await client.ask('PUBLISH', 'c', 'x')).toMatch(/^-NOAUTH /)
})
