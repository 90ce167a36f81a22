/** What a hub of several partitions keeps of what a hub is, beside what spans.property.test.ts shows. */
import { beforeEach, describe, expect, it } from 'vitest'
import { ALL, type Encoder, type Since } from '../../src/hub/contract.ts'
import { hubOver } from '../../src/hub/hub.ts'
import { LogHub } from '../../src/hub/log-hub.ts'
import { PartitionedHub } from '../../src/hub/partitioned-hub.ts'
import { firstLevel, split } from '../../src/hub/split.ts'
import { privateName } from '../../src/model/channel.ts'
import { Clock } from '../../src/model/clock.ts'
import { type Cursor, parseCursor } from '../../src/model/cursor.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { BEFORE_ALL, type MessageId } from '../../src/model/id.ts'
import { Selectors } from '../../src/model/selector.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { partitionOf } from '../../src/stores/partition.ts'
import type { Page, ReadQuery, Watcher } from '../../src/stores/store.ts'
import { below, channels, Connection, Lines, name, Turns } from './rig.ts'
import { CursorLines, type Line } from './spans/lines.ts'

const PARTITIONS = 3

/** A memory store that can be away. */
class AwayStore extends MemoryStore {
  readonly tellsAvailable = true
  away = false
  #watcher: Watcher | undefined

  override watch(watcher: Watcher): void {
    this.#watcher = watcher
    super.watch(watcher)
  }

  override read(query: ReadQuery): Page {
    if (this.away) throw new FanfareError('store_unavailable')
    return super.read(query)
  }

  comeBack(): void {
    this.away = false
    this.#watcher?.available?.()
  }
}

/** A channel of this partition. */
function at(place: number, more = ''): string {
  for (let n = 0; ; n++) {
    if (partitionOf(name(`c${n}`), PARTITIONS) === place) return `c${n}${more}`
  }
}

let turns: Turns
let stores: AwayStore[]
let hub: PartitionedHub
let errors: unknown[]

beforeEach(() => {
  let ms = 1_700_000_000_000
  const clock = new Clock(() => ms++)
  turns = new Turns()
  errors = []
  stores = Array.from({ length: PARTITIONS }, () => new AwayStore({}, clock))
  const onError = (error: unknown): void => void errors.push(error)
  hub = new PartitionedHub(stores, { soon: turns.soon, onError, maxUnsentBytes: 10 })
})

function say(channel: string, body: string): MessageId {
  const published = hub.publish({ channel: name(channel), body: Buffer.from(body) })
  if (published instanceof Promise) throw new Error('these stores answer at once')
  return published.id
}

function follow(selectors: Selectors, since?: Since, encoder: Encoder = new Lines()) {
  const connection = new Connection()
  const options = { selectors, encoder, sink: connection }
  const subscription = hub.follow(since ? { ...options, since } : options)
  return { connection, subscription }
}

const EVERYTHING = below('')

function partsOf(selectors: Selectors): unknown {
  return split(selectors, PARTITIONS).map((part) => [part.place, part.selectors.key])
}

function bodies(slice: { readonly messages: readonly { readonly body: Buffer }[] }): string[] {
  return slice.messages.map(({ body }) => body.toString())
}

describe('a selection', () => {
  it('is one part where it lies in one partition, and that is the very selection', () => {
    for (const selectors of [
      channels(at(1)),
      new Selectors([name(at(1)), name(at(1, '/x'))], [at(1, '/'), at(1, '/y/')], [at(1, '/*')]),
    ]) {
      expect(split(selectors, PARTITIONS)).toEqual([{ place: 1, selectors }])
      expect(split(selectors, PARTITIONS)[0]?.selectors).toBe(selectors)
    }
  })

  it('is taken apart otherwise', () => {
    const both = new Selectors([name(at(2)), name(at(0))], [at(2, '/')])
    expect(partsOf(both)).toEqual([
      [0, channels(at(0)).key],
      [2, new Selectors([name(at(2))], [at(2, '/')]).key],
    ])
    expect(partsOf(EVERYTHING)).toEqual([0, 1, 2].map((place) => [place, EVERYTHING.key]))
    expect(partsOf(new Selectors([]))).toEqual([])
  })

  it('knows a user’s log by all of its name', () => {
    const logs = [1, 2, 3, 4, 5, 6, 7, 8].map((user) => privateName('user', String(user)))
    expect(new Set(logs.map((log) => split(new Selectors([log]), PARTITIONS)[0]?.place)).size).toBe(
      PARTITIONS,
    )
  })

  it.each([
    ['a/b*', 'a'],
    ['a', 'a'],
    ['a\\/b*', 'a'],
    ['\\*a/x', '*a'],
    ['a\\', 'a\\'],
    ['a*', undefined],
    ['a?/b', undefined],
    ['[a]/b', undefined],
    ['*', undefined],
    ['', ''],
  ])('by the pattern %j has the first level %j', (pattern, level) => {
    expect(firstLevel(pattern)).toBe(level)
  })
})

describe('a hub over several stores', () => {
  it('is the plain one where there is one', () => {
    expect(hubOver([new MemoryStore()], { soon: turns.soon })).toBeInstanceOf(LogHub)
    expect(hubOver(stores, { soon: turns.soon })).toBeInstanceOf(PartitionedHub)
    expect(() => hubOver([], { soon: turns.soon })).toThrow('at least one')
  })

  it('encodes once for all who follow one partition, and for all who need no cursors', () => {
    const lines = new Lines()
    const shown: Encoder = { ...plain(lines), key: 'shown', showsCursors: 'spanning' }
    const one = [
      follow(channels(at(1)), undefined, shown),
      follow(channels(at(1)), undefined, shown),
    ]
    const wide = [follow(EVERYTHING, undefined, lines), follow(EVERYTHING, undefined, lines)]
    say(at(1), 'x')
    turns.rest()
    expect(lines.calls).toHaveLength(2)
    for (const { connection } of [...one, ...wide]) expect(connection.lines).toEqual(['x'])
  })

  it('counts a follower of several once', () => {
    const wide = follow(EVERYTHING)
    follow(channels(at(0), at(2)))
    const socket = follow(new Selectors([]))
    expect(hub.followersByDoor()).toEqual(new Map([['test', 3]]))
    expect([0, 1, 2].map((place) => hub.receivers(name(at(place))))).toEqual([2, 1, 2])
    socket.subscription.add(channels(at(1), at(2)), { kind: 'now' }, () => {})
    wide.subscription.close()
    expect(hub.followersByDoor()).toEqual(new Map([['test', 2]]))
    socket.subscription.drop(channels(at(1), at(2)))
    socket.subscription.close()
    expect(hub.followersByDoor()).toEqual(new Map([['test', 1]]))
  })

  it('goes on with the others while one partition is away', () => {
    say(at(0), 'kept 0')
    say(at(1), 'kept 1')
    ;(stores[1] as AwayStore).away = true
    const { connection, subscription } = follow(EVERYTHING, ALL)
    turns.rest()
    say(at(2), 'live')
    turns.rest()
    expect(connection.lines).toEqual(['kept 0', 'live'])
    expect(subscription.isCurrent).toBe(false)

    ;(stores[1] as AwayStore).comeBack()
    turns.rest()
    expect(connection.lines).toEqual(['kept 0', 'live', 'kept 1'])
    expect(subscription.isCurrent).toBe(true)
  })

  it('shows that nothing was read yet of one that is away, so that no gap is told of it later', () => {
    const encoder = new CursorLines(PARTITIONS)
    say(at(1), 'kept')
    ;(stores[1] as AwayStore).away = true
    const first = follow(EVERYTHING, ALL, encoder)
    turns.rest()
    say(at(2), 'live')
    turns.rest()
    const { cursor } = JSON.parse(first.connection.lines.at(-1) ?? '') as { cursor: string }
    expect(cursor.split('.')[1]).toBe('*')
    first.subscription.close()

    ;(stores[1] as AwayStore).comeBack()
    const after = parseCursor(cursor, PARTITIONS) as Cursor
    const later = follow(EVERYTHING, { kind: 'id', after }, encoder)
    turns.rest()
    const lines = later.connection.lines.map((line) => JSON.parse(line) as Line)
    expect(lines).toMatchObject([{ kind: 'message', channel: at(1) }])
  })

  it('is current once every partition is', () => {
    const { connection, subscription } = follow(EVERYTHING)
    connection.slow = true
    say(at(0), '0123456789')
    turns.rest()
    say(at(2), 'x')
    expect(subscription.isCurrent).toBe(false)
    turns.end()
    connection.slow = false
    connection.sent()
    turns.rest()
    expect(connection.lines).toEqual(['0123456789', 'x'])
    expect(subscription.isCurrent).toBe(true)
  })

  it('ends as a whole when one partition cannot be read', () => {
    const { connection } = follow(EVERYTHING, ALL, new Lines('lines'))
    turns.rest()
    connection.slow = true
    say(at(1), 'longer than the bound')
    turns.end()
    say(at(1), 'next')
    turns.end()
    ;(stores[1] as AwayStore).read = () => {
      throw new Error('no disk')
    }
    connection.sent()
    turns.rest()
    expect(connection.endings).toEqual(['failed'])
    say(at(0), 'nobody hears this')
    turns.rest()
    expect(connection.lines).toEqual(['longer than the bound'])
    expect(hub.receivers(name(at(0)))).toBe(0)
    expect(errors.splice(0)).toEqual([new Error('no disk')])
  })

  it('lets everyone go with what was announced, wherever that was', () => {
    const { connection } = follow(EVERYTHING)
    const one = follow(channels(at(2)))
    for (const place of [0, 1, 2]) say(at(place), String(place))
    hub.endAll()
    expect(connection.lines.toSorted()).toEqual(['0', '1', '2'])
    expect(connection.endings).toEqual(['failed'])
    expect(one.connection.endings).toEqual(['failed'])
  })

  it('refuses cursors of another number of partitions', () => {
    const after = [BEFORE_ALL, BEFORE_ALL]
    const since: Since = { kind: 'id', after }
    expect(() => follow(EVERYTHING, since)).toThrow(new FanfareError('bad_cursor'))
    expect(() => hub.history(since, { selectors: EVERYTHING, limit: 1 })).toThrow(FanfareError)
    const plainHub = hubOver([new MemoryStore()], { soon: turns.soon })
    const options = { selectors: EVERYTHING, encoder: new Lines(), sink: new Connection() }
    expect(() => plainHub.follow({ ...options, since })).toThrow(new FanfareError('bad_cursor'))
  })
})

describe('what is kept in several partitions', () => {
  it('is read merged, and page by page', async () => {
    const sent = [0, 1, 2, 0, 0, 2, 1].map((place, n) => {
      say(at(place), String(n))
      return String(n)
    })
    for (const limit of [1, 2, 3, 100]) {
      const got: string[] = []
      let { upTo } = await hub.read({ selectors: EVERYTHING, after: BEFORE_ALL, limit: 0 })
      for (let round = 0; round < 20; round++) {
        const page = await hub.read({ selectors: EVERYTHING, after: upTo, limit })
        expect(page.messages.length).toBeLessThanOrEqual(limit)
        got.push(...bodies(page))
        upTo = page.upTo
      }
      expect(got.toSorted()).toEqual(sent)
    }
    const newest = await hub.read({
      selectors: EVERYTHING,
      after: BEFORE_ALL,
      limit: 100,
      newest: true,
    })
    expect(bodies(newest).toSorted()).toEqual(sent)
  })

  it('has a history that says whether there is more, and where something is missing', async () => {
    for (const place of [0, 1]) for (const n of [1, 2]) say(at(place), `${place} ${n}`)
    const query = { selectors: EVERYTHING, limit: 3 }
    const first = await hub.history(ALL, query)
    expect([bodies(first).length, first.more, first.gap]).toEqual([3, true, undefined])
    expect(await hub.history(ALL, { ...query, limit: 4 })).toMatchObject({ more: false })
    const since: Since = { kind: 'id', after: [1 as MessageId, undefined, undefined] }
    expect((await hub.history(since, query)).gap?.from).toBe(1)
  })

  it('is listed over all of them, however many at a time', async () => {
    const names = [0, 1, 2].flatMap((place) => [at(place), at(place, '/x'), at(place, '/y')])
    for (const channel of names) say(channel, 'x')
    for (const limit of [1, 2, 100]) {
      const found = new Set<string>()
      let cursor = 0
      do {
        const page = await hub.channels(cursor, limit)
        for (const channel of page.names) found.add(channel)
        expect(page.total).toBe(names.length)
        cursor = page.cursor
      } while (cursor !== 0)
      expect([...found].toSorted()).toEqual(names.toSorted())
    }
  })

  it('is one channel’s in one of them', async () => {
    const ids = [say(at(1), 'a'), say(at(1), 'b')]
    const log = hub.at(name(at(1)))
    expect([log.place, log.head]).toEqual([1, ids[1]])
    expect(hub.headOf(channels(at(1)))).toBe(ids[1])
    expect(hub.headOf(channels(at(1), at(2)))).toEqual([undefined, ids[1], stores[2]?.head])
    expect(hub.parts(EVERYTHING).map((part) => part.log.place)).toEqual([0, 1, 2])
    expect(await hub.stat(name(at(1)))).toMatchObject({ messages: 2 })
    expect(await hub.remove(name(at(1)))).toMatchObject({ messages: 2 })
    expect(await hub.stat(name(at(1)))).toBeUndefined()
  })
})

/** An encoder as a plain object, to be spread. */
function plain(lines: Lines): Encoder {
  const { key, door, tellsGaps } = lines
  return { key, door, tellsGaps, encode: (messages, gap) => lines.encode(messages, gap) }
}
