import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KINDS } from '../../src/users/kinds.ts'
import type { Login } from '../../src/users/contract.ts'
import { Nodes } from './nodes.ts'
import { named, Told } from './rig.ts'

/**
 * Facts that answer late, in any order: whatever one node or several do at once, bounds hold, and what
 * is known is of one piece when all is done.
 *
 * FANFARE_TEST_RUNS raises the number of runs. A failure prints its seed.
 */
const RUNS = Math.max(100, Number(process.env['FANFARE_TEST_RUNS'] ?? 800))
const timeout = 30_000 + RUNS * 50

const CHANNELS = [named('chat/a'), named('chat/b')]
const USERS = ['1', '2']

function late(scheduler: fc.Scheduler): () => Promise<void> {
  return () => scheduler.schedule(Promise.resolve())
}

async function countOf(all: Promise<unknown>[], scheduler: fc.Scheduler): Promise<number> {
  const ends = Promise.allSettled(all)
  await scheduler.waitIdle()
  return (await ends).filter(({ status }) => status === 'fulfilled').length
}

describe('bounds hold, however much is asked for at once', () => {
  it('of connections, of subscriptions, of sessions', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const nodes = new Nodes(
          'maxConnections: 3, maxSubscriptions: 2, maxSessions: 2',
          late(scheduler),
        )
        const both = [nodes.start('a', 'x').users, nodes.start('b', 'x').users]
        const users = Array.from({ length: 8 }, (_, n) => both[n % 2]).filter((one) => !!one)

        const connects = users.map((one, n) => one.connect('1', new Told(`c${n}`)))
        expect(await countOf(connects, scheduler)).toBe(3)
        expect(nodes.facts.list(KINDS.connections, '1').size).toBe(3)

        const subscribes = users.map((one, n) => one.subscribe('1', named(`chat/${n}`)))
        expect(await countOf(subscribes, scheduler)).toBe(2)
        expect(nodes.facts.list(KINDS.subscriptions, '1').size).toBe(2)
        expect(nodes.facts.count(KINDS.subscribers)).toBe(2)

        const adds = users.map((one, n) => one.sessions.add('1', `session ${n}`))
        expect(await countOf(adds, scheduler)).toBe(8)
        // On several nodes the last one to look trims: one too few at the worst, never none.
        const sessions = nodes.facts.list(KINDS.sessions, '1').size
        expect(sessions).toBeGreaterThan(0)
        expect(sessions).toBeLessThanOrEqual(2)
        expect(nodes.errors).toEqual([])
      }),
      { numRuns: RUNS / 4 },
    )
  })

  it('of users', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const nodes = new Nodes('maxUsers: 3', late(scheduler))
        const both = [nodes.start('a', 'x').users, nodes.start('b', 'x').users]
        const users = Array.from({ length: 8 }, (_, n) => both[n % 2]).filter((one) => !!one)
        const connects = users.map((one, n) => one.connect(String(n), new Told(`c${n}`)))
        expect(await countOf(connects, scheduler)).toBe(3)
        const subscribes = users.map((one, n) => one.subscribe(String(n), named('news')))
        expect(await countOf(subscribes, scheduler)).toBe(3)
        const adds = users.map((one, n) => one.sessions.add(String(n), `session ${n}`))
        expect(await countOf(adds, scheduler)).toBe(3)
      }),
      { numRuns: RUNS / 4 },
    )
  })
})

interface Step {
  readonly node: number
  readonly user: string
  readonly channel: number
  readonly what: 'connect' | 'leave' | 'subscribe' | 'unsubscribe' | 'remove' | 'rest'
}

const step: fc.Arbitrary<Step> = fc.record({
  node: fc.nat(1),
  user: fc.constantFrom(...USERS),
  channel: fc.nat(1),
  what: fc.constantFrom(
    'connect',
    'connect',
    'leave',
    'leave',
    'subscribe',
    'subscribe',
    'unsubscribe',
    'remove',
    'rest',
  ),
})

interface Open {
  readonly told: Told
  readonly login: Promise<Login>
}

it('two nodes: all that is known is of one piece at rest, presence is told once', {
  timeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(step, { maxLength: 14 }),
      async (scheduler, steps) => {
        const nodes = new Nodes(
          'presence: [chat/], removeUserAfterDisconnectTimeOut: 0',
          late(scheduler),
        )
        const both = [nodes.start('a', 'x').users, nodes.start('b', 'x').users]
        const open: (Open & { user: string; node: number })[] = []
        const work: Promise<unknown>[] = []
        for (const [index, { node, user, channel, what }] of steps.entries()) {
          const users = both[node]
          const name = CHANNELS[channel]
          if (!users || name === undefined) throw new Error('there is no such node or channel')
          if (what === 'rest') await scheduler.waitIdle()
          else if (what === 'subscribe') work.push(users.subscribe(user, name))
          else if (what === 'unsubscribe') work.push(users.unsubscribe(user, name))
          else if (what === 'remove') work.push(users.remove(user))
          else if (what === 'connect') {
            const told = new Told(String(index))
            open.push({ told, user, node, login: users.connect(user, told) })
          } else {
            const at = open.findIndex((one) => one.user === user && one.node === node)
            const [gone] = at === -1 ? [] : open.splice(at, 1)
            if (gone) work.push(gone.login.then((login) => login.left()))
          }
        }
        await scheduler.waitIdle()
        await Promise.all([...work, ...open.map(({ login }) => login)])
        await scheduler.waitIdle()

        expect(nodes.errors).toEqual([])
        const { facts } = nodes
        const held = new Map<string, string>()
        for (const life of facts.owners(KINDS.held)) {
          for (const [id, user] of facts.list(KINDS.held, life)) held.set(id, user)
        }
        const known = new Set<string>()
        for (const user of USERS) {
          const there = open
            .filter((one) => one.user === user && !one.told.log.includes('removed'))
            .map(({ told }) => told.id)
          const stated = [...facts.list(KINDS.connections, user).keys()]
          expect(stated.toSorted()).toEqual(there.toSorted())
          for (const id of stated) expect(held.get(id)).toBe(user)
          for (const id of stated) known.add(id)
          for (const channel of CHANNELS) {
            const isSubscribed = facts.list(KINDS.subscriptions, user).has(channel)
            expect(facts.list(KINDS.subscribers, channel).has(user)).toBe(isSubscribed)
            const isPresent = isSubscribed && there.length > 0
            expect(facts.list(KINDS.present, channel).has(user)).toBe(isPresent)
            const events = (await nodes.presence(channel)).filter((one) => one.user === user)
            const joins = events.filter(({ presence }) => presence === 'join').length
            expect(2 * joins - events.length).toBe(isPresent ? 1 : 0)
          }
        }
        expect(new Set(held.keys())).toEqual(known)
        expect(facts.list(KINDS.away, '').size).toBe(0)
        expect(facts.owners(KINDS.asked)).toEqual([])
      },
    ),
    { numRuns: RUNS },
  )
})
