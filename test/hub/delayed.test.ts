import { describe, expect, it } from 'vitest'
import { ALL, NOW, type Published } from '../../src/hub/contract.ts'
import type { Cursor } from '../../src/model/cursor.ts'
import { idSecond, makeId } from '../../src/model/id.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { DelayedStore, settled } from './delayed-store.ts'
import { after, channels, gapLine, name, Rig, type RigOptions } from './rig.ts'

/** A hub on a store that answers when the test says so. */
function delayed(options: RigOptions = {}) {
  let store: DelayedStore | undefined
  const rig = new Rig({ ...options, wrap: (memory) => (store = new DelayedStore(memory)) })
  const publish = async (body: string): Promise<Published> =>
    await rig.hub.publish({
      channel: name(body.split(':')[0] as string),
      body: Buffer.from(body),
    })
  const rest = async (): Promise<void> => {
    const wire = store as DelayedStore
    while (!wire.idle || rig.turns.due) {
      wire.announce()
      await wire.answerAll()
      rig.turns.end()
    }
  }
  return { rig, store: store as unknown as DelayedStore, publish, rest }
}

describe('with a store that answers later', () => {
  it('answers a publish when the store has taken it, not before', async () => {
    const { rig, store, publish } = delayed()
    rig.follow(channels('a'))
    let answer: Published | undefined
    void publish('a:1').then((published) => (answer = published))

    store.announce()
    await settled()
    expect(answer).toBeUndefined()
    await store.answer()

    expect(answer).toEqual({ id: rig.hub.head, duplicate: false, receivers: 1 })
  })

  it('delivers what is announced, whether the append was answered or not', async () => {
    const { rig, store, publish } = delayed()
    const listener = rig.follow(channels('a'))
    void publish('a:1')
    const second = publish('a:2')

    store.announce(1)
    rig.turns.end()
    expect(listener.lines).toEqual(['a:1'])
    await store.answerAll()
    const { id } = await second
    expect(id).toBeGreaterThan(rig.hub.head)
    store.announce()
    rig.turns.end()

    expect(listener.lines).toEqual(['a:1', 'a:2'])
    expect(rig.hub.head).toBe(id)
  })

  it('does not double what a read saw before it was announced', async () => {
    const { rig, store, publish } = delayed()
    void publish('a:1')
    void publish('a:2')
    store.announce(1)

    const listener = rig.follow(channels('a'), { since: ALL })
    await store.answerAll()
    expect(listener.lines).toEqual(['a:1', 'a:2'])
    void publish('a:3')
    store.announce()
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1', 'a:2', 'a:3'])
  })

  it('does not double it when announcements come in several turns', async () => {
    const { rig, store, publish, rest } = delayed()
    for (const body of ['a:1', 'a:2', 'a:3']) void publish(body)
    const listener = rig.follow(channels('a'), { since: ALL })
    // The first was announced by then.
    store.announce(1)
    const late = rig.follow(channels('a'), { since: ALL })
    await store.answerAll()

    for (let turn = 0; turn < 3; turn++) {
      store.announce(1)
      rig.turns.end()
    }
    void publish('a:4')
    await rest()

    expect(listener.lines).toEqual(['a:1', 'a:2', 'a:3', 'a:4'])
    expect(late.lines).toEqual(['a:1', 'a:2', 'a:3', 'a:4'])
  })

  it('loses nothing that is announced while a page is on its way', async () => {
    const { rig, store, publish, rest } = delayed()
    void publish('a:1')
    store.announce()
    const listener = rig.follow(channels('a'), { since: ALL })

    void publish('a:2')
    store.announce()
    rig.turns.end()
    await rest()

    expect(listener.lines).toEqual(['a:1', 'a:2'])
  })

  it('knows where one stands that read ahead, also when nothing more comes for it', async () => {
    const { rig, store, publish } = delayed()
    const published = publish('b:1')
    const listener = rig.follow(channels('a'), { since: ALL })
    await store.answerAll()
    const { id } = await published
    expect(rig.hub.head).toBeLessThan(id)
    expect(listener.subscription.position).toBe(id)

    void publish('b:2')
    store.announce()

    expect(listener.subscription.position).toBe(rig.hub.head)
    expect(rig.hub.head).toBeGreaterThan(id)
  })

  it('takes an id that is not announced yet for what it is', async () => {
    const { rig, store, publish, rest } = delayed()
    void publish('a:1')
    const published = publish('a:2')
    await store.answerAll()
    const { id } = await published
    expect(id).toBeGreaterThan(rig.hub.head)

    const listener = rig.follow(channels('a'), { since: after(id) })
    void publish('a:3')
    await rest()

    expect(listener.lines).toEqual(['a:3'])
  })

  it('takes such an id for what it is when it is added', async () => {
    const { rig, store, publish, rest } = delayed({ catchUpBytes: 1 })
    const listener = rig.follow(channels('a'))
    void publish('a:1')
    void publish('b:1')
    const published = publish('b:2')
    void publish('a:2')
    await store.answerAll()
    const { id } = await published
    let caughtUp: Cursor | undefined

    listener.subscription.add(channels('b'), after(id), (position) => (caughtUp = position))
    void publish('b:3')
    await rest()

    expect(listener.lines).toEqual(['a:1', 'a:2', 'b:3'])
    expect(caughtUp).toBe(id)
  })

  it('still knows an id that cannot be', async () => {
    const { rig, publish, rest } = delayed()
    const floor = rig.hub.head
    void publish('a:1')
    await rest()
    const foreign = makeId(idSecond(rig.hub.head) + 100, 0)

    const listener = rig.follow(channels('a'), { since: after(foreign) })
    const other = rig.follow(channels('b'))
    other.subscription.add(channels('a'), after(foreign), () => {})
    await rest()

    expect(listener.lines).toEqual([gapLine(foreign, floor), 'a:1'])
    expect(other.lines).toEqual([gapLine(foreign, floor), 'a:1'])
  })

  it('begins a follower from now with what is announced from then on', async () => {
    const { rig, store, publish, rest } = delayed()
    void publish('a:1')
    store.announce()
    void publish('a:2')

    const listener = rig.follow(channels('a'), { since: NOW })
    await rest()

    expect(listener.lines).toEqual(['a:2'])
  })

  it('writes nothing to one that was closed while a page was on its way', async () => {
    const { rig, publish, rest } = delayed()
    void publish('a:1')
    await rest()
    const listener = rig.follow(channels('a'), { since: ALL })

    listener.subscription.close()
    await rest()

    expect(listener.lines).toEqual([])
  })

  it('uses only the page that was asked for last, when the selection changes meanwhile', async () => {
    const { rig, store, publish, rest } = delayed()
    for (const body of ['a:1', 'b:2', 'a:3']) void publish(body)
    await rest()
    const listener = rig.follow(channels('a'), { since: ALL })

    listener.subscription.drop(channels('a'))
    listener.subscription.add(channels('b'), ALL, () => {})
    // The page of channel a comes first, and is nobody's any more.
    await store.answer()
    await rest()

    expect(listener.lines).toEqual(['b:2'])
  })

  it('ends a follower that cannot be read for, and says why', async () => {
    const { rig, publish, rest } = delayed()
    void publish('a:1')
    await rest()
    rig.memory.read = () => {
      throw new FanfareError('store_unavailable')
    }

    const listener = rig.follow(channels('a'), { since: ALL })
    await rest()

    expect(listener.endings).toEqual(['failed'])
    expect(rig.takeErrors()).toHaveLength(1)
  })

  it('tells the publisher what the store refused', async () => {
    const { rig, store } = delayed()
    const one = { channel: name('a'), body: Buffer.from('1'), key: 'k' }
    const first = rig.hub.publish(one)
    const second = rig.hub.publish({ ...one, body: Buffer.from('2') })
    const outcome = expect(second).rejects.toMatchObject({ code: 'key_reused' })

    await store.answerAll()

    await outcome
    expect(await first).toMatchObject({ duplicate: false })
  })

  it('lets those go who wait for one message when the removal is announced', async () => {
    const { rig, publish, rest } = delayed()
    void publish('a:1')
    await rest()
    const poll = rig.follow(channels('a'), { once: true })

    void rig.hub.remove(name('a'))
    expect(poll.endings).toEqual([])
    await rest()

    expect(poll.endings).toEqual(['deleted'])
  })
})
