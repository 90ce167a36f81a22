/** Registry, leases and places on a real Redis: nodes without servers. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { JoinError } from '../../src/cluster/member.ts'
import { until } from '../support/wait.ts'
import { Cable, type RealRedis, startRedis } from '../stores/redis/rig.ts'
import { type Bare, bareNodes } from './bare-node.ts'

let redis: RealRedis
const bare = bareNodes(() => redis.port)
beforeAll(async () => {
  redis = await startRedis()
  return () => redis.end()
})
afterEach(() => bare.endAll())

const holders = (node: Bare, field: string): string | undefined =>
  node.view.places.find((place) => place.field === field)?.holder

describe('joining', () => {
  it('every node sees every other, and what it says of itself', async () => {
    const a = await bare.join('a', { roles: ['redis', 'manager'] })
    const b = await bare.join('b', { roles: ['feed'], spareFor: ['redis'] })
    await until(() => a.view.nodes.size === 2, 'a sees b')

    expect(a.view.nodes.get('b')).toMatchObject({ up: true, spareFor: ['redis'] })
    expect(b.view.nodes.get('a')).toMatchObject({ up: true, info: { url: 'http://a' } })
    expect(b.view.places.map(({ field, holder }) => [field, holder])).toEqual([
      ['feed/b', 'b'],
      ['manager', 'a'],
      ['manager/a', 'a'],
      ['redis/a', 'a'],
    ])
  })

  it('a second live node of the same name is refused, and told of the first', async () => {
    await bare.join('a')
    const second = bare.join('a')
    await expect(second).rejects.toThrow(JoinError)
    await expect(second).rejects.toThrow(/^Another node is called a: http:\/\/a \(process \d+ on /)
  })

  it('the name of a node that was killed is free when its lease has run out', async () => {
    const first = await bare.join('a', { roles: ['redis'] })
    await first.member.vanish()
    const second = await bare.join('a', { roles: ['redis'] })
    expect(second.held).toEqual(['redis/a'])
  })

  it('without a Redis it fails, and says where it looked', async () => {
    const dead = bareNodes(() => 1)
    await expect(dead.join('a')).rejects.toThrow('Redis at 127.0.0.1:1 is not available')
  })
})

describe('places', () => {
  it('of a node that is gone go to one spare, with a higher token; it stands by when it is back', async () => {
    const a = await bare.join('a', { roles: ['redis', 'feed'] })
    const before = a.view.places.find(({ field }) => field === 'redis/a')?.token ?? 0
    const spares = [
      await bare.join('s1', { roles: ['scan'], spareFor: ['redis'] }),
      await bare.join('s2', { roles: ['scan'], spareFor: ['redis'] }),
    ]
    await a.member.vanish()
    await until(() => spares.some(({ held }) => held.includes('redis/a')), 'a spare has taken it')

    // Whoever had it knows it from the reply to its own beat, so both are asked once more.
    await Promise.all(spares.map((spare) => spare.nextView()))
    const takers = spares.filter(({ held }) => held.includes('redis/a'))
    expect(takers).toHaveLength(1)
    const taker = takers[0] as Bare
    const place = taker.view.places.find(({ field }) => field === 'redis/a')
    expect(place?.token).toBeGreaterThan(before)

    const back = await bare.join('a', { roles: ['redis', 'feed'] })
    expect(back.held).toEqual(['feed/a'])
    await until(() => taker.view.nodes.get('a')?.spareFor[0] === 'redis', 'a stands by')

    // Now a is the spare of what was its own.
    await taker.member.leave()
    await until(
      () => [back, ...spares].some((node) => node !== taker && node.held.includes('redis/a')),
      'somebody has taken it again',
    )
  })

  it('of a node that stops go to the spare at once, and those that nobody waits for go with it', async () => {
    const slow = { heartbeat: 400, lease: 60_000 }
    const a = await bare.join('a', { roles: ['redis', 'feed'], ...slow })
    const spare = await bare.join('s', { roles: ['scan'], spareFor: ['redis'], ...slow })
    await a.member.leave()
    await until(() => spare.held.includes('redis/a'), 'the spare has taken it', 5_000)
    expect(spare.view.places.map(({ field }) => field)).toEqual(['redis/a', 'scan/s'])
    expect(spare.view.nodes.get('a')?.up).toBe(false)
  })

  it('a node holds one place of a role at most', async () => {
    const a = await bare.join('a', { roles: ['redis'] })
    const b = await bare.join('b', { roles: ['redis'] })
    const spare = await bare.join('s', { roles: ['scan'], spareFor: ['redis'] })
    await a.member.vanish()
    await b.member.vanish()
    await until(() => spare.held.includes('redis/a'), 'the spare has taken one')
    await spare.nextView()
    await spare.nextView()
    expect(spare.held).toEqual(['redis/a', 'scan/s'])
  })

  it('a node that is cut off stops claiming by its own clock, before another can take over', async () => {
    const cable = await Cable.to(redis.port)
    const a = await bare.join('a', { roles: ['redis', 'manager'], port: cable.port })
    const spare = await bare.join('s', { roles: ['manager'], spareFor: ['redis'] })
    expect(a.member.managing?.holder).toBe('a')
    const taken = spare.when(() => spare.held.includes('redis/a') && spare.member.managing)
    await cable.cut()
    await Promise.all([a.expired, taken])
    expect(a.expiredAt).toBeLessThan(spare.viewAt)
    expect(a.member.holds).toBe(false)
    expect(a.member.managing).toBeUndefined()
    expect(a.member.held).toEqual([])

    await cable.mend()
    await until(() => a.member.holds, 'a is back')
    // The answer may have come when little of the lease was left.
    await a.nextView()
    expect(a.view.lapsed || a.views.some(({ lapsed }) => lapsed)).toBe(true)
    expect(a.held).toEqual(['manager/a'])
    expect(a.member.managing).toBeUndefined()
    await cable.cut()
  })

  it('a node that was cut off takes its places again where nobody was there to take them', async () => {
    const cable = await Cable.to(redis.port)
    const a = await bare.join('a', { roles: ['redis', 'manager'], port: cable.port })
    const token = a.member.managing?.token
    await cable.cut()
    await a.expired
    await cable.mend()
    await until(() => a.member.holds, 'a is back')
    // The answer may have come when little of the lease was left.
    await a.nextView()
    expect(a.held).toEqual(['manager/a', 'redis/a'])
    expect(a.member.managing?.token).toBe(token)
    await cable.cut()
  })

  it('are the same again when Redis has lost everything', async () => {
    const a = await bare.join('a', { roles: ['redis', 'manager'] })
    const b = await bare.join('b', { roles: ['manager'], spareFor: ['redis'] })
    await redis.kill()
    await Promise.all([a.expired, b.expired])
    expect([a.member.managing, b.member.managing]).toEqual([undefined, undefined])
    await redis.start()
    await until(() => a.member.holds && b.member.holds, 'both are back')
    await until(() => a.view.nodes.size === 2 && a.held.includes('redis/a'), 'a has its place')
    expect([a, b].filter(({ member }) => member.managing)).toHaveLength(1)
  })

  it('a node whose name another process has taken meanwhile is out', async () => {
    const cable = await Cable.to(redis.port)
    const a = await bare.join('a', { port: cable.port })
    await cable.cut()
    await a.expired
    await bare.join('a')
    await cable.mend()
    await until(() => a.displaced !== undefined, 'a was told')
    expect(a.displaced?.message).toContain('Another node is called a')
    expect(a.member.holds).toBe(false)
    await cable.cut()
  })
})

describe('the manager', () => {
  it('is one node; another follows it when it is gone', async () => {
    const a = await bare.join('a', { roles: ['manager'] })
    const b = await bare.join('b', { roles: ['manager'] })
    const c = await bare.join('c', { roles: ['redis'] })
    expect(holders(b, 'manager')).toBe('a')
    await a.member.vanish()
    await until(() => b.member.managing !== undefined, 'b is manager')
    await c.nextView()
    expect(holders(c, 'manager')).toBe('b')
  })
})

describe('nodes that are gone', () => {
  it('are reaped by one of those that are left', async () => {
    const a = await bare.join('a')
    const others = [await bare.join('b'), await bare.join('c')]
    const { incarnation } = a.member
    await a.member.vanish()
    const reaped = (): object[] => others.flatMap(({ views }) => views.flatMap(({ reap }) => reap))
    await until(() => reaped().length > 0, 'somebody reaps')
    await Promise.all(others.map((one) => one.nextView()))
    expect(reaped()).toEqual([{ name: 'a', incarnation }])
  })

  it('are reaped by another when the reaper dies over it', async () => {
    const a = await bare.join('a')
    const b = await bare.join('b')
    const c = await bare.join('c')
    await a.member.vanish()
    await until(() => reaps(b) || reaps(c), 'somebody reaps')
    const [first, second] = reaps(b) ? [b, c] : [c, b]
    await first.member.vanish()
    await until(() => reaps(second), 'the other one reaps')
  })
})

function reaps(one: Bare): boolean {
  return one.views.some(({ reap }) => reap.some(({ name }) => name === 'a'))
}
