/** A Redis that is paused, killed, and empty when it is back; with real processes, under load. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { NOW, type Since, type Sink } from '../../../src/hub/contract.ts'
import type { Hub } from '../../../src/hub/hub.ts'
import { LogHub } from '../../../src/hub/log-hub.ts'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { REDIS_DEFAULTS, type RedisOptions } from '../../../src/stores/redis/options.ts'
import { Lines } from '../../hub/rig.ts'
import { freePort } from '../../interop/redis-server.ts'
import { until } from '../../support/wait.ts'
import { Load, LONG, outcomeOf, WELL } from './load.ts'
import { Cable, draft, name, Node, RealRedis, startRedis } from './rig.ts'

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']
const KILLS = LONG ? 30 : 3
/** ms; without any, it lasts until everybody has noticed. */
const PAUSE = LONG ? 30_000 : 0
const nodes: Node[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map(({ store }) => store.close()))
})

async function redisWith(...options: string[]): Promise<RealRedis> {
  const redis = await startRedis(...options)
  onTestFinished(() => redis.end())
  return redis
}

function node(port: number, options: Partial<RedisOptions> = {}): Node {
  const one = new Node(port, options)
  nodes.push(one)
  return one
}

describe('a Redis that keeps all it acknowledges', () => {
  it('is killed and started again under load, some times', { timeout: 120_000 }, async () => {
    const redis = await redisWith(...DURABLE)
    const [one, two] = [node(redis.port), node(redis.port, { publishWait: 20_000 })]
    const loads = [new Load(one, 'one'), new Load(two, 'two')]
    for (let times = 0; times < KILLS; times++) {
      await Promise.all(loads.map((load) => load.reach(300)))
      await redis.kill()
      await until(() => one.reports.length > times * 2, 'it was reported')
      await redis.start()
    }
    await Promise.all(loads.map((load) => load.reach(300)))
    await Promise.all(loads.map((load) => load.stop()))

    const outcome = await outcomeOf(`killed ${KILLS} times`, [one, two], loads)
    expect(outcome).toMatchObject(WELL)
    // Whoever may wait is refused nothing.
    expect(loads[1]?.refused).toBe(0)
    expect(one.reports.join()).toMatch(/not available.*is available/)
  })

  it('is paused under load for longer than anybody waits', { timeout: 90_000 }, async () => {
    const redis = await redisWith(...DURABLE)
    const timeout = LONG ? REDIS_DEFAULTS.timeout : 400
    const [one, two] = [node(redis.port, { timeout }), node(redis.port, { timeout })]
    const load = new Load(one, 'one')
    await load.reach(300)
    redis.pause()
    await delay(PAUSE)
    await until(() => load.refused > 50, 'publishes fail', 10_000)
    await until(() => one.reports.length > 0 && two.reports.length > 0, 'both noticed', 10_000)
    expect(one.reports[0]).toMatch(/^Redis at 127\.0\.0\.1:\d+ is not available: it did not answer/)
    redis.goOn()
    await load.reach(300)
    await load.stop()

    const outcome = await outcomeOf(`paused for ${PAUSE / 1_000} s at least`, [two, one], [load])
    expect(outcome).toMatchObject(WELL)
  })
})

describe('while Redis is away', () => {
  it('publishes fail at once and say why; reads do, too', async () => {
    const redis = await redisWith()
    const one = node(redis.port)
    await one.store.append(draft('a', '1'))
    await redis.kill()
    await until(() => one.reports.length > 0, 'it was noticed')

    const begun = performance.now()
    const words = `Redis at 127.0.0.1:${redis.port} is not available`
    await expect(one.store.append(draft('a', '2'))).rejects.toThrow(words)
    await expect(one.store.stat(name('a'))).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(performance.now() - begun).toBeLessThan(1_000)
  })

  it('publishes wait as long as configured, within the bound', async () => {
    const redis = await redisWith()
    const one = node(redis.port, { publishWait: 300, maxWaitingBytes: 10_000 })
    await one.store.append(draft('a', '1'))
    await redis.kill()
    await until(() => one.reports.length > 0, 'it was noticed')

    const begun = performance.now()
    const waiting = one.store.append(draft('a', 'x'.repeat(20_000)))
    await expect(one.store.append(draft('a', 'over the bound'))).rejects.toThrow(/not available/)
    expect(performance.now() - begun).toBeLessThan(250)
    await expect(waiting).rejects.toThrow(/not available/)
    expect(performance.now() - begun).toBeGreaterThanOrEqual(290)
  })

  it('a node that begins without it is there when it comes', async () => {
    const redis = new RealRedis(await freePort(), [])
    onTestFinished(() => redis.end())
    const one = node(redis.port)
    await expect(one.store.append(draft('a', '1'))).rejects.toThrow(/ECONNREFUSED/)
    await redis.start()
    await until(() => one.reports.length === 2, 'it was connected')

    await one.store.append(draft('a', '2'))

    await until(() => one.heard.length === 1, 'it was heard')
    expect(one.heard).toEqual(['2'])
  })

  it('what waits when the store is closed is answered', async () => {
    const redis = await redisWith()
    const one = node(redis.port, { publishWait: 60_000 })
    await one.store.append(draft('a', '1'))
    await redis.kill()
    await until(() => one.reports.length > 0, 'it was noticed')
    const waiting = one.store.append(draft('a', '2'))
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'store_unavailable' })

    await one.store.close()

    await outcome
  })
})

function follow(hub: Hub, since: Since = NOW): { lines: string[]; endings: string[] } {
  const lines: string[] = []
  const endings: string[] = []
  const sink: Sink = {
    unsent: 0,
    write: (bytes) => void lines.push(...bytes.toString().trimEnd().split('\n')),
    whenSent: (call) => call(),
    ended: (reason) => void endings.push(reason),
  }
  hub.follow({ selectors: new Selectors([], ['']), sink, encoder: new Lines(), since })
  return { lines, endings }
}

describe('a follower on the hub', () => {
  it('is told of the gap when Redis comes back empty, and stays', async () => {
    const redis = await redisWith()
    const one = new Node(redis.port)
    nodes.push(one)
    const hub = new LogHub(one.store, { soon: setImmediate })
    const live = follow(hub)
    await hub.publish(draft('a', 'before'))
    await until(() => live.lines.length === 1, 'it was heard')
    await redis.kill()
    const late = follow(hub, { kind: 'id', after: BEFORE_ALL })
    await until(() => one.reports.length > 0, 'it was noticed')
    await redis.start()
    await until(() => one.reports.length === 2, 'it is back')
    await hub.publish(draft('a', 'after'))

    await until(() => live.lines.includes('after') && late.lines.includes('after'), 'both heard')
    // What others may have published before it was emptied, nobody can say.
    expect(live.lines).toEqual(['before', expect.stringMatching(/^gap /), 'after'])
    expect(late.lines).toEqual([expect.stringMatching(/^gap /), 'after'])
    expect([...live.endings, ...late.endings]).toEqual([])
  })

  it('is told of what was dropped elsewhere while its node was cut off', async () => {
    const redis = await redisWith(...DURABLE)
    const limits = { ...REDIS_DEFAULTS.limits, maxMessages: 3 }
    const cable = await Cable.to(redis.port)
    onTestFinished(() => cable.cut())
    const here = node(cable.port, { limits })
    const other = node(redis.port, { limits })
    const hub = new LogHub(here.store, { soon: setImmediate })
    const live = follow(hub)
    await other.store.append(draft('a', 'before'))
    await until(() => live.lines.length === 1, 'it was heard')

    await cable.cut()
    await until(() => here.reports.length > 0, 'it was noticed')
    for (let n = 0; n < 10; n++) await other.store.append(draft('a', String(n)))
    await cable.mend()

    await until(() => live.lines.length >= 5, 'it was heard')
    expect(live.lines).toEqual(['before', expect.stringMatching(/^gap /), '7', '8', '9'])
    await other.store.append(draft('a', 'live again'))
    await until(() => live.lines.at(-1) === 'live again', 'it was heard')
    expect(live.endings).toEqual([])
  })

  it('misses nothing while its node was cut off, when all of it is kept', async () => {
    const redis = await redisWith()
    const cable = await Cable.to(redis.port)
    onTestFinished(() => cable.cut())
    const here = node(cable.port)
    const other = node(redis.port)
    const hub = new LogHub(here.store, { soon: setImmediate })
    const live = follow(hub)
    await other.store.append(draft('a', 'before'))
    await until(() => live.lines.length === 1, 'it was heard')

    await cable.cut()
    await until(() => here.reports.length > 0, 'it was noticed')
    const bodies = Array.from({ length: 3_000 }, (_, n) => String(n))
    await Promise.all(bodies.map((body) => other.store.append(draft('a', body))))
    await other.store.remove(name('b'))
    await cable.mend()

    await until(() => live.lines.length > 3_000, 'all were heard')
    expect(live.lines).toEqual(['before', ...bodies])
    expect([here.skipped, live.endings]).toEqual([0, []])
  })
})
