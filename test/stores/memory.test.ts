import { describe, expect, it } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import { idSecond, type MessageId } from '../../src/model/id.ts'
import { Selectors } from '../../src/model/selector.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { storeContract } from './contract.ts'
import { below, channels, FakeTime, type StoreLimits, Subject } from './contract/harness.ts'

storeContract('MemoryStore', async (limits, clock) => {
  const store = new MemoryStore(limits, clock)
  return { store, close: async () => store.close() }
})

function open(limits: StoreLimits = {}): Subject {
  const time = new FakeTime()
  return new Subject(new MemoryStore(limits, time.clock), time)
}

/** Goes back when it is set back: a look from earlier shows what was dropped, not what is hidden. */
class LooseClock extends Clock {
  readonly #time: FakeTime

  constructor(time: FakeTime) {
    super()
    this.#time = time
  }

  override now(): number {
    return this.#time.ms
  }

  override advance(ms: number): void {
    this.#time.ms = Math.max(this.#time.ms, ms)
  }
}

describe('MemoryStore', () => {
  it('has its start as its floor and its head', async () => {
    const { store, time } = open()
    const start = Math.floor(time.ms / 1000)

    expect(idSecond(store.head)).toBe(start)
    expect((await store.read({ selectors: below(''), after: store.head, limit: 1 })).floor).toBe(
      store.head,
    )
  })

  it('gives its first id in a later second than its start, so that every older cursor is below', async () => {
    const subject = open()
    const start = subject.store.head

    const id = await subject.publish('a')

    expect(id).toBeGreaterThan(start)
    expect(idSecond(id)).toBeGreaterThan(idSecond(start))
    const [message] = (await subject.page(channels('a'))).messages
    expect(message?.time).toBe(idSecond(id) * 1000)
    expect(subject.time.clock.now()).toBe(message?.time)
  })

  it('keeps so many messages in all, the newest', async () => {
    const subject = open({ maxTotalMessages: 3 })
    for (const channel of ['a', 'b', 'a', 'c', 'b']) await subject.publish(channel, channel)

    expect(await subject.bodies(below(''))).toEqual(['a', 'c', 'b'])
    expect(await subject.stat('b')).toMatchObject({ messages: 1 })
  })

  it('reads nothing that has run out, however much that is at once', async () => {
    const subject = open({ maxTotalMessages: 10_000 })
    for (let count = 0; count < 3_000; count++) await subject.publish('x/a', 'x', { ttl: 1 })
    subject.time.pass(5_000)

    // More than one call takes the time to drop: they are passed by.
    expect(await subject.bodies(channels('x/a'))).toEqual([])
    expect(await subject.bodies(channels('x/a', 'b'))).toEqual([])
    expect(await subject.bodies(channels('x/a'), { newest: true, limit: 1 })).toEqual([])
  })

  it('calls it no gap when what is too old had run out before, however much that is', async () => {
    const subject = open({ maxAge: 10_000 })
    const start = subject.store.head
    for (let count = 0; count < 3_000; count++) await subject.publish('a', 'x', { ttl: 1 })
    subject.time.pass(60_000)

    expect(await subject.floor(channels('a'))).toBe(start)
    expect(await subject.floor(below(''))).toBe(start)
  })

  it('has room again for what has run out', async () => {
    const subject = open({ maxBytes: 20_000, maxChannelBytes: 20_000 })
    const large = 'x'.repeat(8_000)
    await subject.publish('a', large, { ttl: 1 })
    await subject.publish('b', large, { ttl: 1 })
    subject.time.pass(5_000)

    await subject.publish('a', large)
    await subject.publish('a', large)

    expect(await subject.bodies(channels('a'))).toHaveLength(2)
  })

  it('has room again for what was removed or forgotten', async () => {
    const subject = open({ maxBytes: 20_000, maxChannels: 2 })
    const large = 'x'.repeat(8_000)
    await subject.publish('a', large)
    await subject.publish('b', large)
    await subject.remove('a')
    await subject.publish('c', large)
    // Forgets b.
    await subject.publish('d', large)

    expect(await subject.bodies(below(''))).toHaveLength(2)
  })

  it('reads a rare subtree out of many messages without losing one where a page ends', async () => {
    const subject = open()
    const expected: MessageId[] = []
    for (let index = 0; index < 16_000; index++) {
      // Around each border of the stretches that a page looks at.
      const rare = Math.abs(((index + 2_500) % 5_000) - 2_500) < 4
      const id = await subject.publish(rare ? 'x/a' : 'y')
      if (rare) expected.push(id)
    }

    const found = await subject.walk(below('x/'), () => ({ limit: 100 }))

    expect(found.map(({ id }) => id)).toEqual(expected)
    const newest = await subject.page(below('x/'), { newest: true, limit: 10 })
    expect(newest.messages.map(({ id }) => id)).toEqual(expected.slice(-10))
  })

  it('says nothing more after it was closed', async () => {
    const subject = open()
    await subject.store.close()

    await subject.publish('a')

    expect(subject.heard).toEqual([])
  })

  it('sweeps what nobody reads', async () => {
    const time = new FakeTime()
    const store = new MemoryStore({ maxAge: 10_000 }, new LooseClock(time))
    const subject = new Subject(store, time)
    await subject.publish('short', 'x', { ttl: 1 })
    await subject.publish('old')
    time.pass(60_000)

    store.sweep()

    time.pass(-60_000)
    expect(await subject.bodies(below(''))).toEqual([])
  })

  it('sweeps past what min_messages protects', async () => {
    // As many protected messages as one sweep looks at, in front of one that may go.
    const protectedOnes = 20_000
    const time = new FakeTime()
    const store = new MemoryStore({ maxAge: 10_000, minMessages: 1 }, new LooseClock(time))
    const subject = new Subject(store, time)
    for (let index = 0; index < protectedOnes; index++) await subject.publish(`c${index}`)
    await subject.publishMany('busy', 2)
    time.pass(60_000)

    store.sweep()
    store.sweep()

    time.pass(-60_000)
    expect(await subject.bodies(channels('busy'))).toEqual(['2'])
  })
})

describe('forgetting channels', () => {
  it('begins with the one that was not used for longest', async () => {
    const subject = open({ maxChannels: 3 })
    for (const channel of ['a', 'b', 'c', 'd']) await subject.publish(channel, channel)

    expect(await subject.stat('a')).toBeUndefined()
    expect(await subject.bodies(below(''))).toEqual(['b', 'c', 'd'])
  })

  it('spares a channel that is published to again and again', async () => {
    const subject = open({ maxChannels: 3 })
    for (let number = 0; number < 50; number++) {
      await subject.publish('busy')
      await subject.publish(`c${number}`)
      expect(await subject.stat('busy')).toBeDefined()
      expect(await subject.stat(`c${number}`)).toBeDefined()
    }
    expect(await subject.stat('c40')).toBeUndefined()
  })

  it('leaves a gap, for nobody knows any more which channel it was', async () => {
    const subject = open({ maxChannels: 2 })
    const start = subject.store.head
    const forgotten = await subject.publish('a')
    await subject.publish('b')
    const known = await subject.floor(channels('b'))

    await subject.publish('c')

    expect(await subject.stat('a')).toBeUndefined()
    expect(await subject.floor(channels('a'))).toBe(forgotten)
    expect(await subject.floor(channels('unheard of'))).toBe(forgotten)
    expect(await subject.floor(below('x/'))).toBe(forgotten)
    expect(await subject.floor(channels('b'))).toBe(known)
    expect(known).toBe(start)
    // One that comes to be later may be the one that was forgotten.
    await subject.remove('c')
    await subject.stat('a', true)
    expect(await subject.floor(channels('a'))).toBe(forgotten)
  })

  it('leaves no gap where nothing was kept', async () => {
    const subject = open({ maxChannels: 2 })
    const start = subject.store.head
    await subject.stat('empty', true)
    await subject.publish('spent', 'x', { ttl: 1 })
    subject.time.pass(2_000)

    await subject.publish('c')
    await subject.publish('d')

    expect(await subject.stat('empty')).toBeUndefined()
    expect(await subject.stat('spent')).toBeUndefined()
    expect(await subject.floor(channels('spent'))).toBe(start)
  })

  it('keeps the bytes and the messages in all right', async () => {
    const subject = open({ maxChannels: 2, maxTotalMessages: 4 })
    for (const channel of ['a', 'a', 'a', 'b', 'c']) await subject.publish(channel, channel)
    expect(await subject.bodies(below(''))).toEqual(['a', 'a', 'a', 'c'])

    for (const body of ['1', '2', '3']) await subject.publish('c', body)

    expect(await subject.bodies(below(''))).toEqual(['c', '1', '2', '3'])
  })
})

describe("a subtree's floor", () => {
  it('is its highest member’s, found however far below the cursor lies', async () => {
    const subject = open({ maxMessages: 1 })
    for (const channel of ['x/a', 'x/a', 'x/b', 'x/b', 'y', 'y']) await subject.publish(channel)
    const highest = await subject.floor(channels('x/b'))
    const after = (id: number): Promise<MessageId> =>
      subject.page(below('x/'), { after: id as MessageId }).then(({ floor }) => floor)

    expect(await after(0)).toBe(highest)
    expect(await after(highest - 1)).toBe(highest)
    // A cursor that misses nothing need not be told which floor it is above.
    expect(await after(highest)).toBeLessThanOrEqual(highest)
  })

  it('is not raised by what lies beside it', async () => {
    const subject = open({ maxMessages: 1 })
    const start = subject.store.head
    await subject.publish('x/a')
    for (const channel of ['y', 'y', 'x', 'x']) await subject.publish(channel)

    expect(await subject.floor(below('x/'))).toBe(start)
    expect(await subject.floor(new Selectors([], []))).toBeLessThanOrEqual(start)
  })
})
