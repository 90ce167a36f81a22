import { describe, expect, it } from 'vitest'
import { ALL } from '../../src/hub/contract.ts'
import { after, channels, Lines, Rig } from './rig.ts'

describe('an encoder that fails', () => {
  it('ends its own audience, and nobody else notices', () => {
    const rig = new Rig()
    const bad = new Lines('bad')
    bad.poison = 'a:2'
    const victims = [1, 2, 3].map(() => rig.follow(channels('a'), { encoder: bad }))
    const poll = rig.follow(channels('a'), { encoder: bad, once: true })
    const elsewhere = rig.follow(channels('b'), { encoder: bad })
    const good = rig.follow(channels('a'))

    rig.say('a:1', 'a:2', 'b:1')
    rig.turns.end()

    expect(victims.map(({ endings }) => endings)).toEqual([['failed'], ['failed'], ['failed']])
    expect(victims.map(({ lines }) => lines)).toEqual([[], [], []])
    // One that needs the first message alone gets that.
    expect([poll.lines, poll.endings]).toEqual([['a:1'], ['served']])
    expect([elsewhere.lines, elsewhere.endings]).toEqual([['b:1'], []])
    expect(good.lines).toEqual(['a:1', 'a:2'])
    expect(rig.takeErrors()).toEqual(['Error: poisoned'])
    expect(rig.publish('a', 'a:3').receivers).toBe(1)
  })

  it('ends those too who joined while the batch waited', () => {
    const rig = new Rig()
    rig.lines.poison = 'a:2'
    const early = rig.follow(channels('a'))
    rig.say('a:1')
    const late = rig.follow(channels('a'))
    rig.say('a:2')
    const latest = rig.follow(channels('a'))

    rig.turns.rest()

    expect([early, late, latest].map(({ endings }) => endings)).toEqual([
      ['failed'],
      ['failed'],
      ['failed'],
    ])
    expect(rig.takeErrors()).toHaveLength(1)
  })

  it('serves whom it could serve before it failed', () => {
    const rig = new Rig()
    rig.lines.poison = 'a:2'
    const early = rig.follow(channels('a'), { once: true })
    rig.say('a:1')
    const late = rig.follow(channels('a'), { once: true })
    rig.say('a:2')

    rig.turns.rest()

    expect([early.lines, early.endings]).toEqual([['a:1'], ['served']])
    expect(late.endings).toEqual(['failed'])
    expect(rig.takeErrors()).toEqual(['Error: poisoned'])
  })

  it('begins anew with the next follower', () => {
    const rig = new Rig()
    rig.lines.poison = 'a:1'
    rig.follow(channels('a'))
    rig.say('a:1')
    rig.turns.rest()
    expect(rig.takeErrors()).toHaveLength(1)

    const next = rig.follow(channels('a'))
    rig.say('a:2')
    rig.turns.rest()

    expect([next.lines, next.endings]).toEqual([['a:2'], []])
  })

  it('ends the one follower that was catching up with it', () => {
    const rig = new Rig()
    const [first] = rig.say('a:1', 'a:2')
    rig.lines.poison = 'a:1'
    const live = rig.follow(channels('a'))

    const victim = rig.follow(channels('a'), { since: ALL })
    const other = rig.follow(channels('a'), { since: after(first as never) })
    rig.say('a:3')
    rig.turns.rest()

    expect(victim.endings).toEqual(['failed'])
    expect(other.lines).toEqual(['a:2', 'a:3'])
    expect(live.lines).toEqual(['a:3'])
    expect(rig.takeErrors()).toEqual(['Error: poisoned'])
  })
})

describe('a store that fails', () => {
  it('throws at the publisher, and nobody hears of the message', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a'))
    rig.memory.append = () => {
      throw new Error('disk full')
    }

    expect(() => rig.say('a:1')).toThrow('disk full')
    rig.turns.rest()

    expect(listener.lines).toEqual([])
  })

  it('ends the follower that it could not be read for, and no other', () => {
    const rig = new Rig()
    rig.say('a:1')
    const live = rig.follow(channels('a'))
    const read = rig.memory.read.bind(rig.memory)
    rig.memory.read = () => {
      throw new Error('no disk')
    }
    const behind = rig.follow(channels('a'), { since: ALL })
    rig.memory.read = read

    rig.say('a:2')
    rig.turns.rest()

    expect(behind.endings).toEqual(['failed'])
    expect(live.lines).toEqual(['a:2'])
    expect(rig.takeErrors()).toEqual(['Error: no disk'])
  })
})

describe('a door that throws when it hears that it has caught up', () => {
  it('ends its own follower', () => {
    const rig = new Rig()
    rig.say('b:1')
    const [victim, other] = [rig.follow(channels('a')), rig.follow(channels('a', 'b'))]

    victim.subscription.add(channels('b'), ALL, () => {
      throw new Error('bad door')
    })
    rig.turns.rest()
    rig.say('a:2')
    rig.turns.rest()

    expect(victim.lines).toEqual(['b:1'])
    expect(victim.endings).toEqual(['failed'])
    expect(other.lines).toEqual(['a:2'])
    expect(rig.takeErrors()).toEqual(['Error: bad door'])
  })

  it('is not told of the end of what it has closed itself', () => {
    const rig = new Rig()
    rig.say('b:1')
    const listener = rig.follow(channels('a'))

    listener.subscription.add(channels('b'), ALL, () => {
      listener.subscription.close()
      throw new Error('bad door')
    })
    rig.turns.rest()

    expect(listener.endings).toEqual([])
    expect(rig.takeErrors()).toEqual(['Error: bad door'])
  })
})

describe('a sink that throws when it is ended', () => {
  it('harms nobody else', () => {
    const rig = new Rig()
    const polls = [1, 2, 3].map(() => rig.follow(channels('a'), { once: true }))
    const stream = rig.follow(channels('b'))
    const [first] = polls
    if (first) {
      first.onEnded = () => {
        throw new Error('bad sink')
      }
    }

    rig.say('a:1', 'b:1')
    rig.turns.rest()

    expect(polls.map(({ lines }) => lines)).toEqual([['a:1'], ['a:1'], ['a:1']])
    expect(polls.slice(1).map(({ endings }) => endings)).toEqual([['served'], ['served']])
    expect(stream.lines).toEqual(['b:1'])
    expect(rig.takeErrors()).toEqual(['Error: bad sink'])
  })

  it('is told once, though it was served while it caught up', () => {
    const rig = new Rig()
    rig.say('a:1')
    let told = 0
    const sink = {
      unsent: 0,
      write: () => {},
      whenSent: (then: () => void) => then(),
      ended: () => {
        told++
        throw new Error('bad sink')
      },
    }

    rig.hub.follow({ selectors: channels('a'), encoder: rig.lines, sink, since: ALL, once: true })
    rig.turns.rest()

    expect(told).toBe(1)
    expect(rig.takeErrors()).toEqual(['Error: bad sink'])
  })
})
