import { describe, expect, it } from 'vitest'
import { ALL, NOW } from '../../src/hub/contract.ts'
import type { MessageId } from '../../src/model/id.ts'
import { add, after, channels, name, Rig, stuck, unstick } from './rig.ts'

describe('drop', () => {
  it('and add, over and over on a socket that does not move, leave nothing behind', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const listener = stuck(rig)
    for (let number = 0; number < 100; number++) {
      listener.subscription.add(channels(`c${number}`), NOW, () => {})
      rig.say(`c${number}:x`, 'a:more')
      listener.subscription.drop(channels(`c${number}`))
    }
    let reads = 0
    const read = rig.memory.read.bind(rig.memory)
    rig.memory.read = (query) => {
      reads++
      return read(query)
    }

    unstick(rig, listener)

    expect(reads).toBeLessThan(5)
    expect(listener.lines).toEqual(['a:1', 'a:2', ...Array.from({ length: 100 }, () => 'a:more')])
  })

  it('does not mix what was followed in different stretches', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const listener = stuck(rig)
    rig.say('e:old')
    listener.subscription.add(channels('b'), NOW, () => {})
    // Exactly where the follower now goes on: there is nothing to read for it.
    listener.subscription.add(channels('e'), NOW, () => {})
    rig.say('e:3', 'a:4')
    listener.subscription.add(channels('c'), NOW, () => {})

    listener.subscription.drop(channels('b'))
    unstick(rig, listener)

    expect(listener.lines).toEqual(['a:1', 'a:2', 'e:3', 'a:4'])
  })

  it('follows less from the next message on, and gives nothing that waits for it', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a', 'b'))
    rig.say('a:1', 'b:2')

    listener.subscription.drop(channels('b'))
    rig.say('b:3', 'a:4')
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1', 'a:4'])
    expect(rig.hub.receivers(name('b'))).toBe(0)
  })

  it('does not read any more what was added and is dropped again', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    rig.say('b:1', 'b:2', 'b:3', 'c:1')
    const listener = rig.follow(channels('a'))
    const caughtUp = add(listener, channels('b'), ALL)
    add(listener, channels('c'), ALL)

    listener.subscription.drop(channels('b'))
    rig.say('b:4', 'a:5')
    rig.turns.rest()

    expect(listener.lines).toEqual(['c:1', 'caught up', 'a:5'])
    expect(caughtUp).toEqual([])
  })

  it('of the former lets what was added catch up all the same', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    const ids = rig.say('a:1', 'b:2', 'a:3', 'b:4')
    const listener = rig.follow(channels('a'), { since: ALL })
    const caughtUp = add(listener, channels('b'), after(ids[1] as MessageId))

    listener.subscription.drop(channels('a'))
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1', 'caught up', 'b:4'])
    expect(caughtUp).toEqual([ids[1]])
  })

  it('of one of two that were added together keeps the other', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    rig.say('b:1', 'c:2', 'b:3', 'c:4')
    const listener = rig.follow(channels('a'))
    add(listener, channels('b', 'c'), ALL)

    listener.subscription.drop(channels('c'))
    rig.turns.rest()

    expect(listener.lines).toEqual(['b:1', 'b:3', 'caught up'])
  })

  it('of everything leaves a subscription that can be added to', () => {
    const rig = new Rig({ store: { maxMessages: 1 } })
    const listener = rig.follow(channels('a'))
    listener.slow = true
    rig.say('a:1')

    listener.subscription.drop(channels('a'))
    listener.slow = false
    rig.say('a:2', 'a:3')
    rig.turns.rest()
    expect(listener.lines).toEqual([])
    add(listener, channels('a'), NOW)
    rig.say('a:4')
    rig.turns.rest()

    expect(listener.lines).toEqual(['caught up', 'a:4'])
  })

  it('and add again goes on from a cursor of its own', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a', 'b'))
    const [, second] = rig.say('a:1', 'b:1') as [MessageId, MessageId]
    rig.turns.rest()
    listener.subscription.drop(channels('b'))
    rig.say('b:2', 'a:2')
    rig.turns.rest()

    add(listener, channels('b'), after(second))
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1', 'b:1', 'a:2', 'b:2', 'caught up'])
  })
})
