/** Several nodes on one real Redis. */
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { privateName } from '../../../src/model/channel.ts'
import { Clock } from '../../../src/model/clock.ts'
import { BEFORE_ALL, IDS_PER_SECOND, makeId, type MessageId } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { pack, packable } from '../../../src/stores/redis/codec.ts'
import { REDIS_DEFAULTS, type RedisOptions } from '../../../src/stores/redis/options.ts'
import { Scripts } from '../../../src/stores/redis/scripts.ts'
import { Tail } from '../../../src/stores/redis/tail.ts'
import { until } from '../../support/wait.ts'
import { ask, draft, name, Node, type RealRedis, startRedis } from './rig.ts'

let redis: RealRedis
let prefix = 0
const nodes: Node[] = []

beforeAll(async () => {
  redis = await startRedis()
  return () => redis.end()
})
afterEach(async () => {
  prefix++
  await Promise.all(nodes.splice(0).map(({ store }) => store.close()))
})

function node(options: Partial<RedisOptions> = {}, clock?: Clock): Node {
  const one = new Node(redis.port, { keyPrefix: `nodes-${prefix}:`, ...options }, clock)
  nodes.push(one)
  return one
}

/** Does something to Redis behind the stores' backs. */
async function behindTheirBacks(...command: (string | Buffer)[]): Promise<unknown> {
  return await ask<unknown>(redis.port, ...command)
}

async function all(one: Node, selectors = new Selectors([], [''])): Promise<string[]> {
  const page = await one.store.read({ selectors, after: BEFORE_ALL, limit: 10_000 })
  return page.messages.map(({ body }) => body.toString())
}

describe('two nodes', () => {
  it('hear everything once, in one order, and read it in that order', async () => {
    const [one, two] = [node(), node()]
    await Promise.all([one.store.stat(name('x')), two.store.stat(name('x'))])
    const appends = []
    for (let n = 0; n < 500; n++) {
      appends.push(one.store.append(draft(`c${n % 7}`, `one ${n}`)))
      appends.push(two.store.append(draft(`c${n % 5}`, `two ${n}`)))
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const ids = (await Promise.all(appends)).map(({ id }) => id)
    await until(() => one.heard.length >= 1_000 && two.heard.length >= 1_000, 'all were heard')

    expect(new Set(ids).size).toBe(1_000)
    expect(one.heard).toHaveLength(1_000)
    expect(two.heard).toEqual(one.heard)
    expect(await all(one)).toEqual(one.heard)
    const heardIds = two.messages.map(({ id }) => id)
    expect(heardIds).toEqual(heardIds.toSorted((a, b) => a - b))
    // What each published stays in its order.
    for (const who of ['one', 'two']) {
      const own = one.heard.filter((body) => body.startsWith(who))
      expect(own).toEqual(Array.from({ length: 500 }, (_, n) => `${who} ${n}`))
    }
  })

  it('know each other’s keys, channels and removals', async () => {
    const [one, two] = [node(), node()]
    const first = await one.store.append(draft('a', 'body', { key: 'k' }))

    expect(await two.store.append(draft('a', 'body', { key: 'k' }))).toEqual({
      id: first.id,
      duplicate: true,
    })
    await expect(two.store.append(draft('a', 'other', { key: 'k' }))).rejects.toMatchObject({
      code: 'key_reused',
    })
    expect(await two.store.remove(name('a'))).toMatchObject({ messages: 1, last: first.id })
    await one.store.append(draft('a', 'after'))

    await until(() => one.heard.length >= 3 && two.heard.length >= 3, 'all was heard')
    expect(one.heard).toEqual(['body', 'removed a', 'after'])
    expect(two.heard).toEqual(one.heard)
    expect(await one.store.stat(name('a'))).toMatchObject({ messages: 1 })
  })

  it('hear nothing of what was before they began, and can read it', async () => {
    const one = node()
    await one.store.append(draft('a', 'before'))
    await until(
      () => Date.now() >= ((one.messages[0]?.time ?? Infinity) / 1000 + 1) * 1000,
      'a second',
    )

    const two = node()
    expect(await all(two)).toEqual(['before'])
    await one.store.append(draft('a', 'after'))

    await until(() => two.heard.length > 0, 'it was heard')
    expect(two.heard).toEqual(['after'])
    expect(two.store.head).toBe(two.messages[0]?.id)
  })

  it('count private channels for nobody’s listing or subtree', async () => {
    const one = node()
    const hidden = privateName('user', 'ä')
    await one.store.append({ channel: hidden, body: Buffer.from('hidden') })
    await one.store.append(draft('user/ä', 'seen'))

    expect(await one.store.channels(0, 10)).toMatchObject({ names: [name('user/ä')], total: 1 })
    expect(await all(one)).toEqual(['seen'])
    expect(await all(one, new Selectors([], [], ['*']))).toEqual(['seen'])
    expect(await all(one, new Selectors([hidden]))).toEqual(['hidden'])
    await until(() => one.heard.length === 2, 'both were heard')
    expect(one.messages[0]?.channel).toBe(hidden)
  })

  it('read patterns page by page, and the newest of them', async () => {
    const one = node({ limits: { ...REDIS_DEFAULTS.limits, maxMessages: 4 } })
    const ids: MessageId[] = []
    for (let n = 0; n < 12; n++) {
      const { id } = await one.store.append(draft(`${n % 2 ? 'odd' : 'even'}/${n % 3}`, String(n)))
      ids.push(id)
    }
    const selectors = new Selectors([], [], ['o*/[02]'])
    const wanted = ['3', '5', '9', '11']

    const found = []
    let after = BEFORE_ALL
    for (;;) {
      const page = await one.store.read({ selectors, after, limit: 1 })
      found.push(...page.messages.map(({ body }) => body.toString()))
      if (page.upTo <= after) break
      after = page.upTo
    }
    expect(found).toEqual(wanted)
    const newest = await one.store.read({ selectors, after: BEFORE_ALL, limit: 2, newest: true })
    expect(newest.messages.map(({ body }) => body.toString())).toEqual(['9', '11'])
    for (let n = 0; n < 5; n++) await one.store.append(draft('odd/0', 'more'))
    const { floor } = await one.store.read({ selectors, after: BEFORE_ALL, limit: 2 })
    expect(floor).toBeGreaterThanOrEqual(ids[9] as number)
  })

  it('read many channels at once by the index', async () => {
    const one = node()
    const names = Array.from({ length: 40 }, (_, n) => `c${n}`)
    for (const channel of names) await one.store.append(draft(channel, channel))
    await one.store.append(draft('other', 'other'))

    expect(await all(one, new Selectors(names.map(name)))).toEqual(names)
  })

  it.each([
    ['by the next one', 1],
    ['though no other comes', 2],
  ])('notice an announcement that was lost, %s', async (_how, lost) => {
    const [one, two] = [node(), node()]
    await Promise.all([one.store.stat(name('x')), two.store.stat(name('x'))])
    const hear = vi.spyOn(Tail.prototype, 'hear')
    // Both nodes miss each of them.
    for (let n = 0; n < lost * 2; n++) hear.mockImplementationOnce(() => {})
    await one.store.append(draft('a', '1'))
    await one.store.append(draft('a', '2'))

    await until(() => one.heard.length === 2 && two.heard.length === 2, 'both heard both')
    hear.mockRestore()
    expect([one.heard, two.heard]).toEqual([
      ['1', '2'],
      ['1', '2'],
    ])
  })

  it('hear of large messages, too, each whole', async () => {
    const [one, two] = [node(), node()]
    await two.store.stat(name('x'))
    const large = 'x'.repeat(3 * 2 ** 20)
    await one.store.append(draft('a', 'small'))
    await one.store.append(draft('a', large))
    await one.store.append(draft('a', 'small again'))

    await until(() => two.heard.length === 3, 'all were heard')
    expect(two.heard.map(({ length }) => length)).toEqual([5, large.length, 11])
  })
})

describe('Redis behind their backs', () => {
  it('forgets its scripts: nothing is lost, doubled or out of order', async () => {
    const [one, two] = [node(), node()]
    const bodies = Array.from({ length: 400 }, (_, n) => String(n))
    const appends = []
    for (const [n, body] of bodies.entries()) {
      appends.push(one.store.append(draft('a', body)))
      if (n % 40 === 0) await behindTheirBacks('SCRIPT', 'FLUSH')
    }
    await Promise.all(appends)

    expect(await all(two)).toEqual(bodies)
    await until(() => two.heard.length >= 400, 'all were heard')
    expect(two.heard).toEqual(bodies)
  })

  it('loses everything: ids go on, and every cursor from before is below the floor', async () => {
    const [one, two] = [node(), node()]
    const { id } = await one.store.append(draft('a', 'lost'))
    await until(() => two.heard.length === 1, 'it was heard')
    await behindTheirBacks('FLUSHALL')

    const later = await two.store.append(draft('a', 'later'))

    expect(later.id).toBeGreaterThan(id)
    await until(() => one.heard.length === 2, 'it was heard')
    const page = await one.store.read({
      selectors: Selectors.channel(name('a')),
      after: 0 as MessageId,
      limit: 9,
    })
    expect(page.messages.map(({ body }) => body.toString())).toEqual(['later'])
    expect(page.floor).toBeGreaterThanOrEqual(id)
  })

  it('gives more ids in a second than there are: they go on in the next', async () => {
    const one = node({ maxSkew: undefined }, new Clock(() => 1_000_000_500))
    await one.store.append(draft('a', 'first'))
    const key = `nodes-${prefix}:{0}:m`
    const state = String(await behindTheirBacks('GET', key)).split(' ')
    // A new store begins in the second after its start.
    const last = makeId(1_000_001, IDS_PER_SECOND - 2)
    await behindTheirBacks('SET', key, [String(last), ...state.slice(1)].join(' '))

    const ids = []
    for (const body of ['last', 'next', 'after']) {
      ids.push((await one.store.append(draft('a', body))).id)
    }

    expect(ids).toEqual([last + 1, makeId(1_000_002, 0), makeId(1_000_002, 1)])
    await until(() => one.heard.length === 4, 'all were heard')
    expect(one.messages.map(({ time }) => time).slice(1)).toEqual([
      1_000_001_000, 1_000_002_000, 1_000_002_000,
    ])
  })

  it('forgot how much a node has sent: that costs it no time', async () => {
    const { limits, maxSkew } = REDIS_DEFAULTS
    const scripts = new Scripts(`nodes-${prefix}:{0}:`, limits, maxSkew, false)
    const batch = pack([packable(draft('a', 'body'))])
    const [seq, acked] = ['5000001', '5000000']
    const args = [String(Date.now()), '0', '0', 'node', seq, acked, '0', batch, '1000']
    await behindTheirBacks('CONFIG', 'RESETSTAT')

    const reply = await behindTheirBacks(...scripts.command('append', args, true))

    expect(reply).toMatch(/^\d+ \d+ \d+-\d+$/)
    expect(await behindTheirBacks('INFO', 'commandstats')).not.toMatch(/cmdstat_hdel/)
  })

  it('drops the connections: everybody is caught up', async () => {
    const [one, two] = [node({ publishWait: 10_000 }), node({ publishWait: 10_000 })]
    const bodies = Array.from({ length: 2_000 }, (_, n) => String(n))
    const appends = []
    for (const [n, body] of bodies.entries()) {
      appends.push(one.store.append(draft(`c${n % 3}`, body)))
      if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
      if (n % 500 === 250) {
        await behindTheirBacks('CLIENT', 'KILL', 'TYPE', n % 1_000 === 250 ? 'pubsub' : 'normal')
      }
    }
    await Promise.all(appends)

    await until(() => one.heard.length >= 2_000 && two.heard.length >= 2_000, 'all were heard')
    expect(await all(two)).toEqual(bodies)
    expect(one.heard).toEqual(bodies)
    expect(two.heard).toEqual(bodies)
    expect(one.skipped + two.skipped).toBe(0)
  })

  it('refuses for want of memory: the publisher is told Redis’s words, and it recovers', async () => {
    const one = node()
    await one.store.append(draft('a', 'before'))
    await behindTheirBacks('CONFIG', 'SET', 'maxmemory', '1')
    await expect(one.store.append(draft('a', 'refused'))).rejects.toThrow(/OOM/)
    await behindTheirBacks('CONFIG', 'SET', 'maxmemory', '0')

    await one.store.append(draft('a', 'after'))

    expect(await all(one)).toEqual(['before', 'after'])
  })
})
