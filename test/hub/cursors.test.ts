import { describe, expect, it } from 'vitest'
import { ALL, NOW, type Since } from '../../src/hub/contract.ts'
import { idBeforeTime, idSecond, makeId, type MessageId } from '../../src/model/id.ts'
import { after, below, channels, gapLine, Lines, Rig } from './rig.ts'

const since = (seconds: number): Since => ({ kind: 'time', after: idBeforeTime(seconds) })

describe('a subscription', () => {
  it.each([
    ['now', () => NOW, ['a:4']],
    ['all', () => ALL, ['a:1', 'a:2', 'a:3', 'a:4']],
    ['the first id', (ids: MessageId[]) => after(ids[0] as MessageId), ['a:2', 'a:3', 'a:4']],
    ['the last id', (ids: MessageId[]) => after(ids[2] as MessageId), ['a:4']],
  ] as const)('from %s gets what comes after it', (_what, from, expected) => {
    const rig = new Rig()
    const ids = rig.say('a:1', 'a:2', 'a:3')

    const listener = rig.follow(channels('a'), { since: from(ids) })
    rig.say('a:4')
    rig.turns.rest()

    expect(listener.lines).toEqual(expected)
  })

  it('from a time gets what was stored in its second and later', () => {
    const rig = new Rig()
    const [first] = rig.say('a:1')
    rig.ms += 10_000
    const [second] = rig.say('a:2')
    rig.say('a:3')

    const from = (id?: MessageId) =>
      rig.follow(channels('a'), { since: since(idSecond(id as MessageId)) }).lines

    expect(from(first)).toEqual(['a:1', 'a:2', 'a:3'])
    expect(from(second)).toEqual(['a:2', 'a:3'])
  })

  it('from a time to come begins now', () => {
    const rig = new Rig()
    rig.say('a:1')
    const future = since(Math.floor(rig.ms / 1000) + 3_600)

    const listener = rig.follow(channels('a'), { since: future })
    expect(listener.subscription.position).toBe(rig.hub.head)
    rig.say('a:2')
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:2'])
  })

  it('from an id of another channel goes on from there', () => {
    const rig = new Rig()
    const [, other] = rig.say('a:1', 'b:2', 'a:3')

    const listener = rig.follow(channels('a'), { since: after(other as MessageId) })

    expect(listener.lines).toEqual(['a:3'])
  })

  it('from all but what its caller has read is told of no gap', () => {
    const rig = new Rig({ store: { maxMessages: 2 } })
    const [, second] = rig.say('a:1', 'a:2', 'a:3', 'a:4')

    const listener = rig.follow(channels('a'), {
      since: { kind: 'all', after: second as MessageId },
    })

    expect(listener.lines).toEqual(['a:3', 'a:4'])
  })
})

describe('a gap', () => {
  it('is told before what is kept, from the cursor to the floor', () => {
    const rig = new Rig({ store: { maxMessages: 2 } })
    const [first, , third] = rig.say('a:1', 'a:2', 'a:3', 'a:4', 'a:5') as [MessageId, 0, MessageId]

    const listener = rig.follow(channels('a'), { since: after(first) })

    expect(listener.lines).toEqual([gapLine(first, third), 'a:4', 'a:5'])
  })

  it('is none for a cursor at the floor', () => {
    const rig = new Rig({ store: { maxMessages: 2 } })
    const [, , third] = rig.say('a:1', 'a:2', 'a:3', 'a:4', 'a:5')

    const listener = rig.follow(channels('a'), { since: after(third as MessageId) })

    expect(listener.lines).toEqual(['a:4', 'a:5'])
  })

  it('is told alone when nothing is kept', () => {
    const rig = new Rig({ store: { maxAge: 10_000 } })
    const [first, second] = rig.say('a:1', 'a:2') as [MessageId, MessageId]
    rig.ms += 60_000

    const listener = rig.follow(channels('a'), { since: after(first) })
    rig.say('a:3')
    rig.turns.rest()

    expect(listener.lines).toEqual([gapLine(first, second), 'a:3'])
  })

  it('is told for a cursor of an earlier life of a memory store', () => {
    const rig = new Rig()
    const start = rig.hub.head
    const old = makeId(idSecond(start) - 100, 3)

    expect(rig.follow(channels('never'), { since: after(old) }).lines).toEqual([
      gapLine(old, start),
    ])
    expect(rig.follow(channels('never'), { since: since(idSecond(old)) }).lines).toHaveLength(1)
    expect(rig.follow(channels('never'), { since: ALL }).lines).toEqual([])
    expect(rig.follow(channels('never'), { since: NOW }).lines).toEqual([])
  })

  it('is told for an id that this store cannot have given, with all that is kept', () => {
    const rig = new Rig()
    const floor = rig.hub.head
    rig.say('a:1', 'a:2')
    const foreign = makeId(idSecond(rig.hub.head) + 3_600, 7)

    const listener = rig.follow(channels('a'), { since: after(foreign) })
    rig.say('a:3')
    rig.turns.rest()

    expect(listener.lines).toEqual([gapLine(foreign, floor), 'a:1', 'a:2', 'a:3'])
  })

  it('is told once of an id that this store cannot have given, however long that takes', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    const floor = rig.hub.head
    rig.say('a:1', 'a:2', 'a:3')
    const foreign = makeId(idSecond(rig.hub.head) + 3_600, 7)

    const listener = rig.follow(channels('a'), { since: after(foreign) })
    rig.turns.rest()

    expect(listener.lines).toEqual([gapLine(foreign, floor), 'a:1', 'a:2', 'a:3'])
  })

  it('is told once for each floor', () => {
    const rig = new Rig({ store: { maxMessages: 3 }, catchUpBytes: 1 })
    const ids = rig.say('a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'a:6')
    const listener = rig.follow(channels('a'), { since: after(ids[0] as MessageId) })
    listener.slow = true
    rig.turns.end()
    expect(listener.lines).toEqual([gapLine(ids[0] as never, ids[2] as never), 'a:4', 'a:5'])

    const more = rig.say('a:7', 'a:8', 'a:9', 'a:10')
    listener.slow = false
    listener.sent()
    rig.turns.rest()

    expect(listener.lines.slice(3)).toEqual([
      gapLine(ids[4] as never, more[0] as never),
      'a:8',
      'a:9',
      'a:10',
    ])
  })

  it('is told once of a subtree, though other members have higher floors than what comes next', () => {
    const rig = new Rig({ store: { maxMessages: 2 }, catchUpBytes: 1 })
    const ids = rig.say('x/a:1', 'x/b:1', 'x/a:2', 'x/a:3', 'x/a:4', 'x/b:2')

    const listener = rig.follow(below('x/'), { since: after(ids[0] as MessageId) })
    rig.turns.rest()

    // What x/a has dropped ends at its second; x/b has kept all.
    expect(listener.lines).toEqual([
      gapLine(ids[0] as never, ids[2] as never),
      'x/b:1',
      'x/a:3',
      'x/a:4',
      'x/b:2',
    ])
  })

  it('comes of a reader so slow that the log goes on without it', () => {
    const rig = new Rig({ store: { maxMessages: 2 }, maxUnsentBytes: 4 })
    const listener = rig.follow(channels('a'))
    listener.slow = true
    const [, second, , fourth] = ['a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'a:6'].map((body) => {
      const [id] = rig.say(body)
      rig.turns.end()
      return id
    }) as [0, MessageId, 0, MessageId]

    listener.slow = false
    listener.sent()
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1', gapLine((second - 1) as never, fourth), 'a:5', 'a:6'])
  })

  it('is not made by messages that ran out, nor by a channel that was deleted', () => {
    const rig = new Rig()
    const [first] = rig.say('a:1')
    rig.publish('a', 'short', { ttl: 1 })
    rig.say('b:1')
    rig.ms += 5_000
    void rig.hub.remove(channels('b').channels[0] as never)
    rig.say('b:2')

    const listener = rig.follow(channels('a', 'b'), { since: after(first as MessageId) })

    expect(listener.lines).toEqual(['b:2'])
  })

  it('ends a follower whose encoder has no word for it', () => {
    const rig = new Rig({ store: { maxMessages: 1 } })
    const [first] = rig.say('a:1', 'a:2', 'a:3')
    const mute = new Lines('mute', false)

    const listener = rig.follow(channels('a'), { since: after(first as never), encoder: mute })
    rig.say('a:4')
    rig.turns.rest()

    expect(listener.endings).toEqual(['gap'])
    expect(listener.lines).toEqual([])
    expect(rig.publish('a', 'a:5').receivers).toBe(0)
  })

  it('does not end one whose encoder has no word, as long as there is none', () => {
    const rig = new Rig({ store: { maxMessages: 2 } })
    const [, second] = rig.say('a:1', 'a:2', 'a:3', 'a:4')
    const mute = new Lines('mute', false)

    const all = rig.follow(channels('a'), { since: ALL, encoder: mute })
    const exact = rig.follow(channels('a'), { since: after(second as never), encoder: mute })

    expect([all.lines, exact.lines]).toEqual([
      ['a:3', 'a:4'],
      ['a:3', 'a:4'],
    ])
    expect([all.endings, exact.endings]).toEqual([[], []])
  })

  it('is told of what one channel drops below the floor that another had from the start', () => {
    const rig = new Rig({ store: { maxMessages: 2 }, catchUpBytes: 1 })
    const quiet = rig.say('x/quiet:1', 'x/quiet:2') as [MessageId, MessageId]
    const busy = rig.say('x/busy:1', 'x/busy:2', 'x/busy:3') as [MessageId]
    // The floor of the subtree is the busy channel's; what is kept of the quiet one lies below it.
    const listener = rig.follow(below('x/'), { since: ALL })
    expect(listener.lines).toEqual(['x/quiet:1'])

    rig.say('x/quiet:3', 'x/quiet:4')
    rig.turns.rest()

    expect(listener.lines).toEqual([
      'x/quiet:1',
      gapLine(quiet[0], busy[0]),
      'x/busy:2',
      'x/busy:3',
      'x/quiet:3',
      'x/quiet:4',
    ])
  })

  it('is told to those from whom a later page is dropped, though they asked for all', () => {
    const rig = new Rig({ store: { maxMessages: 2 }, catchUpBytes: 1 })
    const ids = rig.say('a:1', 'a:2', 'a:3')
    const listener = rig.follow(channels('a'), { since: ALL })
    expect(listener.lines).toEqual(['a:2'])

    const more = rig.say('a:4', 'a:5', 'a:6')
    rig.turns.rest()

    expect(listener.lines).toEqual([
      'a:2',
      gapLine(ids[1] as never, more[0] as never),
      'a:5',
      'a:6',
    ])
  })
})
