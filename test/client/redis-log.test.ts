/** redis: URLs at our own door: it follows the log, and resumes exactly. */
import { describe, expect, it } from 'vitest'
import { valueOf } from '../../src/client/redis-connection.ts'
import { RespError } from '../../src/client/resp.ts'
import { Clock } from '../../src/model/clock.ts'
import { publish, publishTogether } from '../protocols/events/events-client.ts'
import { until } from '../support/wait.ts'
import { Follower } from './follower.ts'
import { Proxy } from './proxy.ts'
import { startRedisDoor } from './redis-server.ts'

const texts = (...bodies: string[]) => bodies.map((body) => ({ body }))

describe('following redis: URLs at a Fanfare', () => {
  it('gives messages with type, data and attributes, as they come', async () => {
    const { port, redisPort } = await startRedisDoor()
    const follower = new Follower(new URL(`redis://127.0.0.1:${redisPort}/a%20b/c`))
    await until(() => follower.count('connected') === 1, 'it is connected')
    const attributes = { url: 'https://example.com/', urgency: 'low' }
    const rich = { body: 'hällo', type: 'text/x', data: { n: 1 }, attributes }
    const id = await publishTogether(port, 'a%20b/c', [rich])
    await publish(port, 'a%20b/c', Buffer.from([0xff, 0]))
    await until(() => follower.bodies.length === 2, 'both came')
    expect(follower.seen.slice(1)).toMatchObject([
      { kind: 'message', id, channel: 'a b/c', body: 'hällo', type: 'text/x', attributes },
      { body: '/wA=', encoding: 'base64' },
    ])
    const { json } = follower.seen[1] as { json: string }
    expect(JSON.parse(json)).toMatchObject({ ...rich, id, channel: 'a b/c' })
  })

  it('starts where it is told to', async () => {
    const { port, redisPort } = await startRedisDoor()
    const first = await publish(port, 'a', 'one')
    await publishTogether(port, 'a', texts('two', 'three'))
    const url = new URL(`redis://127.0.0.1:${redisPort}/a`)
    const second = first.split('-')[0] as string
    const followers = [{ since: 'all' }, { since: first }, { since: second }, { last: 1 }, {}].map(
      (options) => new Follower(url, options),
    )
    await until(() => followers.every((one) => one.count('connected') === 1), 'connected')
    await publish(port, 'a', 'four')
    await until(() => followers.every((one) => one.bodies.includes('four')), 'live ones came')
    expect(followers.map(({ bodies }) => bodies.length)).toEqual([4, 3, 4, 2, 1])
    expect(followers.map((one) => one.count('gap'))).toEqual([0, 0, 0, 0, 0])
  })

  it('goes on over cut connections with several channels: nothing lost, nothing twice', async () => {
    const { port, redisPort } = await startRedisDoor()
    const proxy = await Proxy.start(redisPort)
    const follower = new Follower(proxy.url('/?channel=a&channel=b', 'redis'))
    await until(() => follower.count('connected') === 1, 'it is connected')
    const sent: string[] = []
    const next = async (): Promise<void> => {
      sent.push(String(sent.length))
      await publish(port, sent.length % 3 === 0 ? 'a' : 'b', sent.at(-1) ?? '')
    }
    for (let round = 1; round <= 3; round++) {
      for (let n = 0; n < 20; n++) await next()
      proxy.cut()
      for (let n = 0; n < 5; n++) await next()
      await until(() => follower.count('caught-up') === round, 'it has caught up')
      await next()
      await until(() => follower.bodies.length >= sent.length, 'it has everything')
    }
    expect(follower.bodies).toEqual(sent)
    expect(follower.count('gap')).toBe(0)
    expect(follower.seen.find(({ kind }) => kind === 'lost')).toMatchObject({
      detail: expect.not.stringContaining('is lost'),
    })
  })

  it('resumes where an earlier run has come to, also far behind, and says how much', async () => {
    const { port, redisPort } = await startRedisDoor()
    const url = new URL(`redis://127.0.0.1:${redisPort}/?channel=a&channel=b`)
    const earlier = new Follower(url)
    await until(() => earlier.count('connected') === 1, 'it is connected')
    await publish(port, 'a', 'before')
    await until(() => earlier.bodies.length === 1, 'it came')
    await earlier.stop()
    const many = Array.from({ length: 1_000 }, (_, n) => String(n))
    await publishTogether(port, 'a', texts(...many))
    await publishTogether(port, 'b', texts(...many))

    const later = new Follower(url, { cursor: { id: earlier.cursor.id, retry: 0 } })
    await until(() => later.count('caught-up') === 1, 'it has caught up')
    expect(later.bodies.length).toBe(2_000)
    expect(later.seen.at(-1)).toEqual({ kind: 'caught-up', count: 2_000 })
  })

  it('tells what a restart of the server may have lost, once', async () => {
    const first = await startRedisDoor()
    const proxy = await Proxy.start(first.redisPort)
    const follower = new Follower(proxy.url('/a', 'redis'))
    await until(() => follower.count('connected') === 1, 'it is connected')
    const id = await publish(first.port, 'a', 'before')
    await until(() => follower.bodies.length === 1, 'the first came')
    proxy.target = undefined
    await first.server.stop()
    await until(() => follower.count('lost') >= 1, 'it noticed')
    const second = await startRedisDoor('', { clock: new Clock(() => Date.now() + 5_000) })
    await publish(second.port, 'a', 'after')
    proxy.target = second.redisPort
    await until(() => follower.bodies.length === 2, 'the second came')
    expect(follower.bodies).toEqual(['before', 'after'])
    expect(follower.seen.filter(({ kind }) => kind === 'gap')).toMatchObject([{ from: id }])
  })

  it('follows patterns by PSUBSCRIBE, which is live alone', async () => {
    const { port, redisPort } = await startRedisDoor()
    const proxy = await Proxy.start(redisPort)
    const follower = new Follower(proxy.url('/a/*', 'redis'))
    await until(() => follower.count('connected') === 1, 'it is connected')
    await publish(port, 'a/b', 'one')
    await until(() => follower.bodies.length === 1, 'it came')
    proxy.cut()
    await until(() => follower.count('lost') === 1, 'it noticed')
    expect(follower.seen.at(-1)).toMatchObject({ detail: expect.stringContaining('is lost') })
    const past = new Follower(new URL(`redis://127.0.0.1:${redisPort}/a*`), { since: 'all' })
    await past.done
    expect(String(past.failure)).toContain('a pattern has no history')
  })

  it('may want a password', async () => {
    const { redisPort } = await startRedisDoor('password: "se:cret"')
    const none = new Follower(new URL(`redis://127.0.0.1:${redisPort}/a`))
    const right = new Follower(new URL(`redis://:se%3Acret@127.0.0.1:${redisPort}/a`))
    await none.done
    expect(String(none.failure)).toContain('wants a password')
    await until(() => right.count('connected') === 1, 'it is connected')
  })

  it('says why a key is good no longer', () => {
    const revoked = new RespError('NOAUTH The key was revoked.')
    expect(() => valueOf(revoked)).toThrow(/^The key was revoked\.$/)
  })

  it('refuses a start that is none', async () => {
    const { redisPort } = await startRedisDoor()
    const url = new URL(`redis://127.0.0.1:${redisPort}/a`)
    const follower = new Follower(url, { since: 'yesterday' })
    await follower.done
    expect(String(follower.failure)).toContain('--since takes an id, a unix time, or all')
  })
})

it('a channel that nobody knew yet loses nothing, and no gap is told where there is none', async () => {
  const { port, redisPort } = await startRedisDoor()
  const proxy = await Proxy.start(redisPort)
  const follower = new Follower(proxy.url('/a', 'redis'))
  await until(() => follower.count('connected') === 1, 'it is connected')
  proxy.cut()
  await publish(port, 'a', 'first')
  await until(() => follower.bodies.length === 1, 'it came')
  expect(follower.count('gap')).toBe(0)
})
