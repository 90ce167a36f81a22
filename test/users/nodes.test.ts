import { beforeEach, describe, expect, it, vi } from 'vitest'
import { KINDS } from '../../src/users/kinds.ts'
import type { Users } from '../../src/users/users.ts'
import { Nodes } from './nodes.ts'
import { json, named, Told } from './rig.ts'

const NEWS = named('chat/news')
const YAML = 'presence: [chat/], removeUserAfterDisconnectTimeOut: 20s'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 })
  return () => vi.useRealTimers()
})

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

async function connect(users: Users, user: string, id: string): Promise<Told> {
  const told = new Told(id)
  await users.connect(user, told)
  return told
}

/** Ids of all connections of a user, as all nodes know them. */
function idsOf(nodes: Nodes, user: string): string[] {
  return [...nodes.facts.list(KINDS.connections, user).keys()]
}

describe('a node that is gone', () => {
  it('holds nothing any more; its users are away, and come back to what they had', async () => {
    const nodes = new Nodes(YAML)
    const dead = nodes.start('a', 'one').users
    const { users } = nodes.start('b', 'one')
    await connect(dead, '1', 'x')
    await connect(dead, '2', 'y')
    await connect(users, '2', 'z')
    await users.subscribe('1', NEWS)
    dead.stop()

    await users.reap('a', 'one')

    expect([idsOf(nodes, '1'), idsOf(nodes, '2')]).toEqual([[], ['z']])
    expect(nodes.facts.owners(KINDS.held)).toEqual(['1:bone'])
    expect(nodes.facts.owners(KINDS.lives)).toEqual(['b'])
    await pass(15_000)
    await users.publish('1', json('while away'))
    await connect(users, '1', 'w')
    await pass(60_000)
    expect(await users.subscriptionsOf('1')).toEqual([NEWS])
    expect((await nodes.presence(NEWS)).map(({ presence }) => presence)).toEqual(['join'])
    expect(nodes.errors).toEqual([])
  })

  it('of users who do not come back, nothing stays', async () => {
    const nodes = new Nodes(YAML)
    const dead = nodes.start('a', 'one').users
    const { users } = nodes.start('b', 'one')
    await connect(dead, '1', 'x')
    await users.subscribe('1', NEWS)
    dead.stop()
    await users.reap('a', 'one')
    await pass(19_999)
    expect(await users.isThere('1')).toBe(true)
    await pass(1)
    expect(await users.isThere('1')).toBe(false)
    expect(await users.subscriptionsOf('1')).toEqual([])
    expect((await nodes.presence(NEWS)).map(({ presence }) => presence)).toEqual(['join', 'leave'])
    expect(nodes.facts.total).toBe(0)
  })

  it('may be reaped twice, and by several at once', async () => {
    const nodes = new Nodes(YAML)
    const dead = nodes.start('a', 'one').users
    const [b, c] = [nodes.start('b', 'one').users, nodes.start('c', 'one').users]
    for (let n = 0; n < 100; n++) await connect(dead, String(n % 40), `x${n}`)
    await b.subscribe('1', NEWS)
    dead.stop()
    await Promise.all([b.reap('a', 'one'), c.reap('a', 'one'), b.reap('a', 'one')])
    await c.reap('a', 'one')
    expect(nodes.facts.owners(KINDS.connections)).toEqual([])
    expect(nodes.facts.list(KINDS.away, '').size).toBe(40)
    await pass(20_000)
    expect(nodes.facts.list(KINDS.away, '').size).toBe(0)
    expect((await nodes.presence(NEWS)).map(({ presence }) => presence)).toEqual(['join', 'leave'])
    expect(nodes.errors).toEqual([])
  })

  it.each(Array.from({ length: 16 }, (_, steps) => steps))(
    'and the one that reaps it goes, too, after %i steps: another one finishes that',
    async (steps) => {
      const nodes = new Nodes(YAML)
      const dead = nodes.start('a', 'one').users
      const second = nodes.start('b', 'one')
      const third = nodes.start('c', 'one').users
      third.start()
      await connect(dead, '1', 'x')
      await third.subscribe('1', NEWS)
      await pass(60_000)
      dead.stop()
      second.facts.works = steps
      await second.users.reap('a', 'one').catch(() => {})
      second.users.stop()

      await third.reap('a', 'one')
      expect(idsOf(nodes, '1')).toEqual([])
      expect(await third.isThere('1')).toBe(true)
      await pass(40_000)
      expect(await third.subscriptionsOf('1')).toEqual([])
      expect(nodes.facts.owners(KINDS.held)).toEqual([])
      const told = (await nodes.presence(NEWS)).map(({ presence }) => presence)
      expect(told).toEqual(['join', 'leave'])
    },
  )

  it.each(Array.from({ length: 12 }, (_, steps) => steps))(
    'and the one that unsubscribes its users, too, after %i steps',
    async (steps) => {
      const nodes = new Nodes(YAML)
      const second = nodes.start('b', 'one')
      const third = nodes.start('c', 'one').users
      third.start()
      const told = new Told('x')
      const login = await second.users.connect('1', told)
      await third.subscribe('1', NEWS)
      await pass(60_000)
      login.left()
      await pass(19_000)
      second.facts.works = steps
      await pass(2_000)
      second.users.stop()
      await pass(120_000)
      expect(await third.subscriptionsOf('1')).toEqual([])
      expect(nodes.facts.list(KINDS.present, NEWS).size).toBe(0)
      expect(nodes.facts.list(KINDS.away, '').size).toBe(0)
    },
  )

  it('finds, when it is back, what it held before, and its users have their time from then on', async () => {
    const nodes = new Nodes(YAML)
    const before = nodes.start('a', 'one').users
    await connect(before, '1', 'x')
    await connect(before, '2', 'y')
    const gone = await before.connect('3', new Told('z'))
    for (const user of ['1', '2', '3']) await before.subscribe(user, NEWS)
    gone.left()
    await pass(15_000)
    before.stop()
    await pass(3_600_000)

    const { users } = nodes.start('a', 'two')
    users.start()
    const back = await users.connect('1', new Told('v'))
    expect(back.channels).toEqual([NEWS])
    expect(idsOf(nodes, '1')).toEqual(['v'])
    expect(idsOf(nodes, '2')).toEqual([])
    await pass(19_000)
    // Who was away already when the server ended has its time again, too.
    expect((await users.connect('3', new Told('u'))).channels).toEqual([NEWS])
    expect(await users.subscribersOf(NEWS)).toEqual(['1', '2', '3'])
    await pass(20_000)
    expect(await users.subscribersOf(NEWS)).toEqual(['1', '3'])
    const told = (await nodes.presence(NEWS)).map(({ presence, user }) => `${presence} ${user}`)
    expect(told).toEqual(['join 1', 'join 2', 'join 3', 'leave 2'])
  })
})

describe('a node that others took for gone', () => {
  it('states what it holds anew, by itself or when it is told to', async () => {
    const nodes = new Nodes(YAML)
    const a = nodes.start('a', 'one').users
    const b = nodes.start('b', 'one').users
    a.start()
    await connect(a, '1', 'x')
    await connect(a, '2', 'y')
    await a.subscribe('1', NEWS)
    const before = await b.connectionsOf('1')

    await b.reap('a', 'one')
    expect(await b.connectionsOf('1')).toEqual([])
    await a.restate()
    expect(await b.connectionsOf('1')).toEqual(before)
    expect(nodes.facts.list(KINDS.away, '').size).toBe(0)

    await b.reap('a', 'one')
    await pass(10_000)
    expect(idsOf(nodes, '1')).toEqual(['x'])
    await pass(60_000)
    expect(await b.subscriptionsOf('1')).toEqual([NEWS])
    expect((await nodes.presence(NEWS)).map(({ presence }) => presence)).toEqual(['join'])
    expect(nodes.errors).toEqual([])
  })

  it('hears then what was asked of it meanwhile', async () => {
    const nodes = new Nodes(YAML)
    const a = nodes.start('a', 'one').users
    const told = await connect(a, '1', 'x')
    nodes.isHeard = false
    expect(await nodes.start('b', 'one').users.disconnect('x')).toBe(true)
    nodes.isHeard = true
    expect(told.log).toEqual([])
    await a.restate()
    expect(told.log).toEqual(['disconnect'])
    await pass(0)
    expect(nodes.facts.owners(KINDS.asked)).toEqual([])
  })
})

it('a node that missed changes looks what its users are subscribed to', async () => {
  const nodes = new Nodes(YAML)
  const { users, facts } = nodes.start('a', 'one')
  const other = nodes.start('b', 'one').users
  users.start()
  const told = [await connect(users, '1', 'x'), await connect(users, '2', 'y')]
  await users.subscribe('1', NEWS)
  nodes.isHeard = false
  await other.unsubscribe('1', NEWS)
  await other.subscribe('1', named('chat/a'))
  await other.subscribe('1', named('chat/b'))
  expect(await other.disconnect('y')).toBe(true)
  nodes.isHeard = true

  // Facts are away again at first.
  facts.works = 0
  facts.missed?.()
  await pass(0)
  facts.works = Number.POSITIVE_INFINITY
  await pass(10_000)

  expect(told.map(({ log }) => log)).toEqual([
    ['+chat/news', '=chat/a,chat/b'],
    ['disconnect', '='],
  ])
  expect(nodes.errors).toEqual([])
})

describe('a user on several nodes', () => {
  it('has connections that any node closes by their ids', async () => {
    const nodes = new Nodes(YAML)
    const a = nodes.start('a', 'one').users
    const b = nodes.start('b', 'one').users
    const told = await connect(a, '1', 'x')
    const other = await connect(b, '1', 'y')
    expect(await b.disconnect('x')).toBe(true)
    await pass(0)
    expect([told.log, other.log]).toEqual([['disconnect'], []])
    expect(await b.disconnect('none')).toBe(false)
    expect(nodes.facts.owners(KINDS.asked)).toEqual([])
  })

  it('is removed from all of them', async () => {
    const nodes = new Nodes(YAML)
    const a = nodes.start('a', 'one').users
    const b = nodes.start('b', 'one').users
    const told = [await connect(a, '1', 'x'), await connect(b, '1', 'y')]
    const stays = await connect(a, '2', 'z')
    await b.subscribe('1', NEWS)
    await b.remove('1')
    await pass(0)
    for (const { log } of told) expect(log).toContain('removed')
    expect(stays.log).toEqual([])
    expect(await a.isThere('1')).toBe(false)
    expect(nodes.facts.list(KINDS.held, '1:aone')).toEqual(new Map([['z', '2']]))
    expect((await nodes.presence(NEWS)).map(({ presence }) => presence)).toEqual(['join', 'leave'])
  })

  it('hears on each of them what it is subscribed to by another', async () => {
    const nodes = new Nodes(YAML)
    const a = nodes.start('a', 'one').users
    const b = nodes.start('b', 'one').users
    const told = await connect(a, '1', 'x')
    await b.subscribe('1', NEWS)
    await b.unsubscribe('1', NEWS)
    expect(told.log).toEqual([`+${NEWS}`, `-${NEWS}`])
  })
})

describe('facts that are away for a while', () => {
  it('let nobody in, and say why; who is in stays', async () => {
    const nodes = new Nodes(YAML)
    const { users, facts } = nodes.start('a', 'one')
    users.start()
    const told = await connect(users, '1', 'x')
    for (let steps = 0; steps < 5; steps++) {
      facts.works = steps
      await expect(users.connect(`2${steps}`, new Told(`y${steps}`))).rejects.toMatchObject({
        code: 'store_unavailable',
      })
    }
    expect(told.log).toEqual([])

    facts.works = Number.POSITIVE_INFINITY
    await pass(10_000)
    expect(idsOf(nodes, '1')).toEqual(['x'])
    // What was begun and not finished is taken back.
    expect(nodes.facts.owners(KINDS.connections)).toEqual(['1'])
    expect([...nodes.facts.list(KINDS.held, '1:aone').keys()]).toEqual(['x'])
    await pass(60_000)
    expect(nodes.facts.list(KINDS.away, '').size).toBe(0)
    expect(nodes.errors).toEqual([])
  })

  it.each(Array.from({ length: 7 }, (_, steps) => steps))(
    'hear afterwards of those who left meanwhile, %i steps on their way',
    async (steps) => {
      const nodes = new Nodes(YAML)
      const { users, facts } = nodes.start('a', 'one')
      users.start()
      const login = await users.connect('1', new Told('x'))
      await users.subscribe('1', NEWS)
      facts.works = steps
      login.left()
      await pass(5_000)
      facts.works = Number.POSITIVE_INFINITY
      await pass(10_000)
      expect(idsOf(nodes, '1')).toEqual([])
      expect(nodes.facts.owners(KINDS.held)).toEqual([])
      await pass(60_000)
      expect(await users.subscriptionsOf('1')).toEqual([])
      expect(nodes.facts.list(KINDS.present, NEWS).size).toBe(0)
      expect(nodes.errors).toEqual([])
    },
  )
})

it('a new configuration holds at once, for bounds, times and rules', async () => {
  const nodes = new Nodes(`${YAML}, maxConnections: 1`)
  const { users } = nodes.start('a', 'one')
  await connect(users, '1', 'x')
  await expect(users.connect('1', new Told('y'))).rejects.toMatchObject({ code: 'too_many' })
  users.update({ ...users.config, maxConnections: 2, presence: [] })
  await connect(users, '1', 'y')
  expect(users.presence.isOn(NEWS)).toBe(false)
})

it('how many of each there are is asked for many users at once', async () => {
  const nodes = new Nodes(YAML)
  const { users } = nodes.start('a', 'one')
  await connect(users, '1', 'x')
  await connect(users, '1', 'y')
  await users.subscribe('2', NEWS)
  await users.sessions.add('2', 'test', 1_000)
  expect(await users.countsOf(['2', '1', '3'])).toEqual([
    { connections: 0, sessions: 1, subscriptions: 1 },
    { connections: 2, sessions: 0, subscriptions: 0 },
    { connections: 0, sessions: 0, subscriptions: 0 },
  ])
  await pass(1_000)
  expect(await users.countsOf(['2'])).toMatchObject([{ sessions: 0 }])
  expect(await users.connectedCount()).toBe(1)
})
