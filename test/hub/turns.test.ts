/** A message for very many takes several loop turns; here, each turn writes once. */
import { describe, expect, it } from 'vitest'
import { NOW } from '../../src/hub/contract.ts'
import { add, channels, type Following, Rig } from './rig.ts'

/** Three who follow a, of whom only the first has its first message yet. */
function halfway(): { rig: Rig; first: Following; second: Following; third: Following } {
  const rig = new Rig({ maxTurn: 0 })
  const first = rig.follow(channels('a'))
  const second = rig.follow(channels('a'))
  const third = rig.follow(channels('a'))
  rig.say('a:1')
  rig.turns.end()
  expect([first, second, third].map(({ lines }) => lines)).toEqual([['a:1'], [], []])
  return { rig, first, second, third }
}

describe('a message for very many', () => {
  it('is encoded once, and written to a part of them in each turn', () => {
    const { rig, first, second, third } = halfway()
    rig.turns.end()
    expect([first, second, third].map(({ lines }) => lines)).toEqual([['a:1'], ['a:1'], []])
    rig.turns.rest()
    expect(third.lines).toEqual(['a:1'])
    expect(rig.lines.calls).toHaveLength(1)
  })

  it('lets another channel have its turn in between', () => {
    const { rig, third } = halfway()
    const other = rig.follow(channels('b'))
    rig.say('b:1')
    // Its own turn comes behind the one that was asked for before.
    rig.turns.end()
    rig.turns.end()
    expect(third.lines).toEqual([])
    expect(other.lines).toEqual(['b:1'])
    rig.turns.rest()
    expect(third.lines).toEqual(['a:1'])
  })

  it('comes before what is published meanwhile, which goes out as one batch', () => {
    const { rig, first, second, third } = halfway()
    rig.say('a:2', 'a:3')
    rig.turns.rest()
    for (const { lines } of [first, second, third]) expect(lines).toEqual(['a:1', 'a:2', 'a:3'])
    expect(rig.lines.calls).toHaveLength(2)
  })

  it.each(['first', 'second', 'third'] as const)(
    'comes to everybody once when the %s leaves meanwhile',
    (which) => {
      const world = halfway()
      const { rig, first, second, third } = world
      world[which].subscription.close()
      rig.say('a:2')
      rig.turns.rest()
      for (const one of [first, second, third].filter((each) => each !== world[which])) {
        expect(one.lines).toEqual(['a:1', 'a:2'])
      }
    },
  )

  it('does not come to one who joins meanwhile; what follows does', () => {
    const { rig, second } = halfway()
    const late = rig.follow(channels('a'))
    second.subscription.close()
    rig.say('a:2')
    rig.turns.rest()
    expect(late.lines).toEqual(['a:2'])
  })

  it('comes once to one who follows something more meanwhile, whether it had it or not', () => {
    const { rig, first, third } = halfway()
    add(first, channels('b'), NOW)
    add(third, channels('b'), NOW)
    rig.say('b:2')
    rig.turns.rest()
    for (const { lines } of [first, third]) {
      expect(lines.filter((line) => line !== 'caught up')).toEqual(['a:1', 'b:2'])
    }
  })

  it('leaves one who does not read behind, with everything once it reads', () => {
    const rig = new Rig({ maxTurn: 0, maxUnsentBytes: 1 })
    const [, slow] = [
      rig.follow(channels('a')),
      rig.follow(channels('a')),
      rig.follow(channels('a')),
    ]
    if (slow) slow.slow = true
    rig.say('a:1')
    rig.turns.rest()
    rig.say('a:2')
    rig.turns.rest()
    expect(slow?.lines).toEqual(['a:1'])
    slow?.sent()
    rig.turns.rest()
    expect(slow?.lines).toEqual(['a:1', 'a:2'])
  })

  it('answers long polls likewise, and those that ask again meanwhile with the next one', () => {
    const rig = new Rig({ maxTurn: 0 })
    const polls = [1, 2, 3].map(() => rig.follow(channels('a'), { once: true }))
    rig.say('a:1')
    rig.turns.end()
    expect(polls.filter(({ lines }) => lines.length > 0)).toHaveLength(1)
    const again = rig.follow(channels('a'), { once: true })
    rig.turns.rest()
    for (const { lines, endings } of polls) expect([lines, endings]).toEqual([['a:1'], ['served']])
    expect(again.lines).toEqual([])
    rig.say('a:2')
    rig.turns.rest()
    expect(again.lines).toEqual(['a:2'])
  })

  it('goes out at once where a batch grows beyond its bound', () => {
    const rig = new Rig({ maxTurn: 0, maxBatchBytes: 10 })
    const both = [rig.follow(channels('a')), rig.follow(channels('a'))]
    rig.say('a:1')
    rig.turns.end()
    rig.say('a:a-long-message')
    for (const { lines } of both) expect(lines).toEqual(['a:1', 'a:a-long-message'])
  })

  it('goes out at once when everyone is let go', () => {
    const { rig, first, second, third } = halfway()
    rig.hub.endAll()
    for (const { lines, endings } of [first, second, third]) {
      expect([lines, endings]).toEqual([['a:1'], ['failed']])
    }
  })
})
