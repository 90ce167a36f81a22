import { describe, expect, it } from 'vitest'
import { ALL, type Since } from '../../src/hub/contract.ts'
import type { MessageId } from '../../src/model/id.ts'
import { after, channels, Following, gapLine, Lines, name, Rig } from './rig.ts'

const once = true

describe('a follower of one message', () => {
  it('is served with the next message alone, and ended', () => {
    const rig = new Rig()
    const poll = rig.follow(channels('a'), { once })

    rig.say('a:1', 'a:2')
    expect(poll.endings).toEqual([])
    rig.turns.end()
    rig.say('a:3')
    rig.turns.rest()

    expect(poll.lines).toEqual(['a:1'])
    expect(poll.endings).toEqual(['served'])
    expect(rig.hub.receivers(name('a'))).toBe(0)
  })

  it('shares its answer with all who wait', () => {
    const rig = new Rig()
    const polls = Array.from({ length: 20 }, () => rig.follow(channels('a'), { once }))
    const stream = rig.follow(channels('a'))

    rig.say('a:1', 'a:2')
    rig.turns.end()

    expect(rig.lines.calls).toHaveLength(2)
    expect(new Set(polls.map(({ chunks }) => chunks[0])).size).toBe(1)
    expect(stream.lines).toEqual(['a:1', 'a:2'])
  })

  it('is served at once, and ended within the call, where there is a message', () => {
    const rig = new Rig()
    const [first] = rig.say('a:1', 'a:2', 'a:3')

    const poll = rig.follow(channels('a'), { once, since: after(first as MessageId) })

    expect(poll.lines).toEqual(['a:2'])
    expect(poll.endings).toEqual(['served'])
    expect(poll.subscription.position).toBeGreaterThan(first as number)
  })

  it('that joins while a batch waits is served with what comes after it joined', () => {
    const rig = new Rig()
    const early = rig.follow(channels('a'), { once })
    rig.say('a:1')
    const late = rig.follow(channels('a'), { once })
    rig.turns.end()
    expect([early.lines, late.lines]).toEqual([['a:1'], []])
    const third = rig.follow(channels('a'), { once })
    rig.say('a:2')
    const fourth = rig.follow(channels('a'), { once })
    rig.say('a:3')
    rig.turns.end()

    expect([late.lines, third.lines, fourth.lines]).toEqual([['a:2'], ['a:2'], ['a:3']])
  })

  it('hears of a gap with its message, not before', () => {
    const rig = new Rig({ store: { maxAge: 10_000 } })
    const [first, second] = rig.say('a:1', 'a:2') as [MessageId, MessageId]
    rig.ms += 60_000
    const poll = rig.follow(channels('a'), { once, since: after(first) })
    expect(poll.lines).toEqual([])

    rig.say('a:3')
    rig.turns.end()

    expect(poll.lines).toEqual([gapLine(first, second), 'a:3'])
    expect(poll.endings).toEqual(['served'])
  })

  it('hears of a gap with a message that is kept', () => {
    const rig = new Rig({ store: { maxMessages: 2 } })
    const [first, second] = rig.say('a:1', 'a:2', 'a:3', 'a:4') as [MessageId, MessageId]

    const poll = rig.follow(channels('a'), { once, since: after(first) })

    expect(poll.lines).toEqual([gapLine(first, second), 'a:3'])
  })

  it('is ended by a gap that its encoder has no word for', () => {
    const rig = new Rig({ store: { maxMessages: 1 } })
    const [first] = rig.say('a:1', 'a:2', 'a:3')

    const poll = rig.follow(channels('a'), {
      once,
      since: after(first as MessageId),
      encoder: new Lines('mute', false),
    })

    expect([poll.lines, poll.endings]).toEqual([[], ['gap']])
  })

  it('is let go when its channel is deleted, when it waits for that one alone', () => {
    const rig = new Rig()
    rig.say('a:1', 'b:1')
    const alone = rig.follow(channels('a'), { once })
    const several = rig.follow(channels('a', 'b'), { once })
    const other = rig.follow(channels('b'), { once })
    const stream = rig.follow(channels('a'))

    void rig.hub.remove(name('a'))
    rig.turns.rest()
    rig.say('a:2')
    rig.turns.rest()

    expect(alone.endings).toEqual(['deleted'])
    expect(alone.lines).toEqual([])
    expect(several.lines).toEqual(['a:2'])
    expect(other.endings).toEqual([])
    expect(stream.lines).toEqual(['a:2'])
  })

  it('is not let go of a channel that nobody knows', () => {
    const rig = new Rig()
    const poll = rig.follow(channels('a'), { once })

    expect(rig.hub.remove(name('a'))).toBeUndefined()
    rig.turns.rest()

    expect(poll.endings).toEqual([])
  })

  it('is not told any more once it has left, in whichever order', () => {
    const rig = new Rig()
    rig.say('a:1')
    const [first, second] = [
      rig.follow(channels('a'), { once }),
      rig.follow(channels('a'), { once }),
    ]

    void rig.hub.remove(name('a'))
    first.subscription.close()
    rig.turns.rest()

    expect(first.endings).toEqual([])
    expect(second.endings).toEqual(['deleted'])
  })
})

/** Polls again and again with the id of the last message, as a client does. */
function poller(rig: Rig, got: string[], since: Since = ALL): void {
  const poll: Following = rig.follow(channels('a'), { once, since })
  const goOn = (): void => {
    got.push(...poll.lines)
    poller(rig, got, after(poll.subscription.position))
  }
  if (poll.endings.length > 0) goOn()
  else poll.onEnded = goOn
}

describe('a sink that goes straight on when it is ended', () => {
  it('follows again and misses nothing, whatever is published meanwhile', () => {
    const rig = new Rig()
    const got: string[][] = [[], [], []]
    rig.say('a:1', 'a:2')
    for (const one of got) poller(rig, one)

    rig.say('a:3')
    rig.turns.end()
    rig.say('a:4', 'a:5', 'a:6')
    rig.turns.rest()
    rig.say('a:7')
    rig.turns.rest()

    const all = ['a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'a:6', 'a:7']
    expect(got).toEqual([all, all, all])
  })

  it('may publish, and everyone gets that, those who joined within the batch included', () => {
    const rig = new Rig()
    const poll = rig.follow(channels('a'), { once })
    poll.onEnded = () => void rig.say('a:answer')
    rig.say('a:1')
    // Both stand behind 'a:1', which still waits: they are owed what comes from now on.
    const late = rig.follow(channels('a'), { once })
    const stream = rig.follow(channels('a'))
    rig.turns.rest()

    expect(poll.lines).toEqual(['a:1'])
    expect(late.lines).toEqual(['a:answer'])
    expect(stream.lines).toEqual(['a:answer'])
  })

  it('may close its neighbours', () => {
    const rig = new Rig()
    const [first, second] = [
      rig.follow(channels('a'), { once }),
      rig.follow(channels('a'), { once }),
    ]
    const stream = rig.follow(channels('a'))
    first.onEnded = () => {
      second.subscription.close()
      stream.subscription.close()
    }

    rig.say('a:1')
    rig.turns.rest()

    // What was written before is written; what it closed hears nothing more.
    expect(second.lines).toEqual(['a:1'])
    expect(second.endings).toEqual([])
    expect(rig.hub.receivers(name('a'))).toBe(0)
  })

  it('may empty its audience while others of it wait', () => {
    const rig = new Rig()
    const poll = rig.follow(channels('a'), { once })
    rig.say('a:1')
    const leaving = rig.follow(channels('a'), { once })
    const staying = rig.follow(channels('a'), { once })
    poll.onEnded = () => leaving.subscription.close()
    rig.turns.rest()

    expect(rig.publish('a', 'a:2').receivers).toBe(1)
    rig.turns.rest()

    expect(staying.lines).toEqual(['a:2'])
  })

  it('may follow again when its channel was deleted', () => {
    const rig = new Rig()
    rig.say('a:1')
    const polls: Following[] = []
    const again = (number: number): void => {
      const encoder = new Lines(`lines ${number}`)
      const poll = rig.follow(channels('a'), { once, encoder })
      polls.push(poll)
      if (number < 10) poll.onEnded = () => again(number + 1)
    }
    again(0)

    void rig.hub.remove(name('a'))
    rig.turns.rest()

    // Let go by the one deletion, and not again.
    expect(polls.map(({ endings }) => endings)).toEqual([['deleted'], []])
  })

  it('is never called from within the store', () => {
    const rig = new Rig({ maxBatchBytes: 1 })
    let within = false
    const { memory } = rig
    const [append, remove] = [memory.append.bind(memory), memory.remove.bind(memory)]
    memory.append = (draft) => {
      within = true
      const answer = append(draft)
      within = false
      return answer
    }
    memory.remove = (channel) => {
      within = true
      const answer = remove(channel)
      within = false
      return answer
    }
    const called: [string, boolean][] = []
    for (const encoder of [new Lines('good'), new Lines('bad')]) {
      encoder.poison = encoder.key === 'bad' ? 'a:1' : undefined
      const poll = rig.follow(channels('a'), { once, encoder })
      poll.onEnded = (reason) => called.push([reason, within])
    }

    rig.say('a:1')
    rig.turns.rest()
    const poll = rig.follow(channels('a'), { once })
    poll.onEnded = (reason) => called.push([reason, within])
    void rig.hub.remove(name('a'))
    rig.turns.rest()

    expect(called.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
      ['deleted', false],
      ['failed', false],
      ['served', false],
    ])
    expect(rig.takeErrors()).toEqual(['Error: poisoned'])
  })
})
