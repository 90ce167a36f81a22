import { describe, expect, it } from 'vitest'
import { ALL, NOW } from '../../src/hub/contract.ts'
import { idBeforeTime, idSecond, makeId, type MessageId } from '../../src/model/id.ts'
import { Selectors } from '../../src/model/selector.ts'
import {
  add,
  after,
  below,
  channels,
  Connection,
  gapLine,
  name,
  Rig,
  stuck,
  unstick,
} from './rig.ts'

describe('add', () => {
  it('follows something more from now on', () => {
    const rig = new Rig()
    rig.say('b:old')
    const listener = rig.follow(channels('a'))

    const caughtUp = add(listener, channels('b'), NOW)
    expect(caughtUp).toEqual([rig.hub.head])
    rig.say('b:1', 'a:2', 'c:3')
    rig.turns.rest()

    expect(listener.lines).toEqual(['caught up', 'b:1', 'a:2'])
  })

  it('first gives what the new one is owed, then says so, then all in one order', () => {
    const rig = new Rig({ catchUpBytes: 4 })
    rig.say('b:1', 'a:2', 'b:3', 'b:4')
    const listener = rig.follow(channels('a'))

    const caughtUp = add(listener, channels('b'), ALL)
    rig.say('a:5', 'b:6')
    rig.turns.rest()
    rig.say('a:7')
    rig.turns.rest()

    expect(listener.lines).toEqual(['b:1', 'b:3', 'b:4', 'caught up', 'a:5', 'b:6', 'a:7'])
    expect(caughtUp).toHaveLength(1)
  })

  it('loses nothing of a batch that waits, and doubles nothing of it', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a'))
    const [first] = rig.say('b:1', 'a:2', 'b:3')

    add(listener, channels('b'), after(first as MessageId))
    rig.say('a:4')
    rig.turns.rest()

    expect(listener.lines.filter((line) => line !== 'caught up')).toEqual(['a:2', 'b:3', 'a:4'])
  })

  it('takes in several with cursors of their own, each without a double or a loss', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    const ids = rig.say('a:1', 'b:1', 'c:1', 'a:2', 'b:2', 'c:2', 'a:3', 'b:3', 'c:3')
    const listener = rig.follow(channels('a'), { since: after(ids[0] as MessageId) })

    // Two reads under way, one further ahead than where the follower stands, one further back.
    add(listener, channels('b'), after(ids[4] as MessageId))
    add(listener, channels('c'), after(ids[2] as MessageId))
    rig.say('b:4', 'a:4', 'c:4')
    rig.turns.rest()

    const of = (channel: string) => listener.lines.filter((line) => line.startsWith(`${channel}:`))
    expect(of('a')).toEqual(['a:2', 'a:3', 'a:4'])
    expect(of('b')).toEqual(['b:3', 'b:4'])
    expect(of('c')).toEqual(['c:2', 'c:3', 'c:4'])
    expect(listener.lines.filter((line) => line === 'caught up')).toHaveLength(2)
    expect(listener.subscription.position).toBe(rig.hub.head)
  })

  it('is read first, though a page is at hand for where the follower goes on', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const [, second] = rig.say('b:1', 'a:2', 'b:3') as [0, MessageId]
    const sink = new Connection()
    sink.slow = true
    sink.write(Buffer.from('hello\n'))
    const { hub, lines: encoder } = rig
    const follower = hub.follow({ selectors: channels('a'), encoder, sink, since: after(second) })
    follower.add(channels('b'), ALL, () => {})

    // In the same turn another of the same audience reads from there.
    const other = rig.follow(channels('a', 'b'), { since: after(second) })
    expect(other.lines).toEqual(['b:3'])
    sink.slow = false
    sink.sent()
    rig.turns.rest()

    expect(sink.lines).toEqual(['hello', 'b:1', 'b:3'])
  })

  it('reads what was followed before up to where the new one stands', () => {
    const rig = new Rig({ catchUpBytes: 4, maxUnsentBytes: 4 })
    const ids = rig.say('a:1', 'b:2', 'a:3', 'b:4', 'a:5', 'b:6')
    const listener = rig.follow(channels('a'), { since: ALL })

    add(listener, channels('b'), after(ids[3] as MessageId))
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1', 'a:3', 'caught up', 'a:5', 'b:6'])
  })

  it('does not stand where the new one begins before the former has come there', () => {
    const rig = new Rig()
    const listener = stuck(rig)
    const before = listener.subscription.position

    add(listener, channels('b'), NOW)
    expect(listener.subscription.position).toBe(before)
    unstick(rig, listener)
    expect(listener.subscription.position).toBe(rig.hub.head)
  })

  it('tells the gap of the new one alone', () => {
    const rig = new Rig({ store: { maxMessages: 2 } })
    const [first, second] = rig.say('b:1', 'b:2', 'b:3', 'b:4', 'a:1') as [MessageId, MessageId]
    const listener = rig.follow(channels('a'))

    add(listener, channels('b'), after(first))
    rig.turns.rest()
    rig.say('a:2')
    rig.turns.rest()

    expect(listener.lines).toEqual([gapLine(first, second), 'b:3', 'b:4', 'caught up', 'a:2'])
  })

  it('tells a gap, too, of an id that the store never gave', () => {
    const rig = new Rig()
    const floor = rig.hub.head
    rig.say('b:1')
    const listener = rig.follow(channels('a'))
    const foreign = makeId(idSecond(rig.hub.head) + 1_000, 0)

    add(listener, channels('b'), after(foreign))
    rig.say('b:2')
    rig.turns.rest()

    expect(listener.lines).toEqual([gapLine(foreign, floor), 'b:1', 'caught up', 'b:2'])
  })

  it('takes a time to come for now', () => {
    const rig = new Rig()
    rig.say('b:1')
    const listener = rig.follow(channels('a'))

    add(listener, channels('b'), { kind: 'time', after: idBeforeTime(4_000_000_000) })
    rig.say('b:2', 'a:3')
    rig.turns.rest()

    expect(listener.lines).toEqual(['caught up', 'b:2', 'a:3'])
  })

  it('from now on gives nothing older, however far behind the reader is', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const listener = stuck(rig)
    rig.say('b:2', 'a:3')

    add(listener, channels('b'), NOW)
    rig.say('b:4', 'a:5')
    unstick(rig, listener)

    expect(listener.lines).toEqual(['a:1', 'a:2', 'a:3', 'caught up', 'b:4', 'a:5'])
    expect(rig.hub.receivers(name('b'))).toBe(1)
  })

  it('tells a gap in what joined, though one was told up to there before', () => {
    const rig = new Rig({ store: { maxMessages: 3 }, maxUnsentBytes: 20, catchUpBytes: 1 })
    const [a1] = rig.say('a:1', 'b:1', 'c:1', 'c:2') as [MessageId]
    const [, a3, , a5] = rig.say('a:2', 'a:3', 'a:4', 'a:5', 'a:6', 'a:7', 'a:8') as [
      0,
      MessageId,
      0,
      MessageId,
    ]
    const listener = rig.follow(new Selectors([name('a'), name('b')], []), { since: after(a1) })
    listener.slow = true
    // Its first slice: the gap of channel a, and 'b:1', from where it stands below that floor.
    expect(listener.lines).toEqual([gapLine(a1, a5), 'b:1'])
    const standing = listener.subscription.position
    expect(standing).toBeLessThan(a3)

    listener.subscription.add(channels('c'), after(standing), () => {})
    rig.say('c:3', 'c:4')
    unstick(rig, listener)

    // 'c:1' was dropped: a gap was told up to beyond it, but that was before c was followed.
    expect(listener.lines).toEqual([
      gapLine(a1, a5),
      'b:1',
      gapLine(standing, a5),
      'c:2',
      'a:6',
      'a:7',
      'a:8',
      'c:3',
      'c:4',
    ])
  })

  it('tells a gap in what was followed before, though one was told up to there of what joined', () => {
    const rig = new Rig({ store: { maxMessages: 2 }, maxUnsentBytes: 4 })
    const [b0] = rig.say('b:0') as [MessageId]
    const listener = stuck(rig)
    const standing = listener.subscription.position
    const [, , b3] = rig.say('b:1', 'b:2', 'b:3', 'b:4', 'b:5') as [0, 0, MessageId]
    listener.subscription.add(channels('b'), after(b0), () => {})

    rig.say('a:3', 'a:4')
    unstick(rig, listener)

    expect(listener.lines).toEqual([
      'a:1',
      gapLine(b0, b3),
      // 'a:2' is gone, too.
      gapLine(standing, b3),
      'b:4',
      'b:5',
      'a:3',
      'a:4',
    ])
  })

  it('tells a gap that opens behind the stretch that was read first, of all, too', () => {
    const rig = new Rig({ store: { maxMessages: 2 }, maxUnsentBytes: 4, catchUpBytes: 1 })
    const [, b1] = rig.say('a:1', 'b:1') as [0, MessageId]
    const sink = new Connection()
    sink.slow = true
    sink.write(Buffer.from('a greeting\n'))
    const { hub, lines: encoder } = rig
    const follower = hub.follow({ selectors: channels('a'), encoder, sink, since: ALL })
    follower.add(channels('b'), after(b1), () => {})

    const [, , b4] = rig.say('b:2', 'b:3', 'b:4', 'b:5', 'b:6') as [0, 0, MessageId]
    sink.slow = false
    sink.sent()
    rig.turns.rest()

    expect(sink.lines).toEqual(['a greeting', 'a:1', gapLine(b1, b4), 'b:5', 'b:6'])
  })

  it('waits for the socket of a reader that is behind', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const listener = rig.follow(channels('a'))
    listener.slow = true
    rig.say('a:1')
    rig.turns.end()
    rig.say('a:2')
    rig.turns.end()

    listener.subscription.add(channels('b'), ALL, () => {})
    rig.say('b:3')
    rig.turns.rest()
    expect(listener.lines).toEqual(['a:1'])
    listener.slow = false
    listener.sent()
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1', 'a:2', 'b:3'])
  })

  it('asks a socket that does not move to call once, however often selections change', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const listener = rig.follow(channels('a'))
    listener.slow = true
    rig.say('a:1')
    rig.turns.end()
    rig.say('a:2')
    rig.turns.end()

    for (let number = 0; number < 100; number++) {
      listener.subscription.add(channels(`c${number}`), NOW, () => {})
      listener.subscription.drop(channels(`c${number}`))
    }

    expect(listener.waiting).toHaveLength(1)
    listener.slow = false
    listener.sent()
    rig.turns.rest()
    expect(listener.lines).toEqual(['a:1', 'a:2'])
  })

  it('may be followed by more from within `caughtUp`', () => {
    const rig = new Rig()
    rig.say('b:1', 'c:2')
    const listener = rig.follow(channels('a'))

    listener.subscription.add(channels('b'), ALL, () => {
      listener.subscription.add(channels('c'), ALL, () => {})
    })
    rig.turns.rest()
    rig.say('a:3', 'b:4', 'c:5')
    rig.turns.rest()

    expect(listener.lines).toEqual(['b:1', 'c:2', 'a:3', 'b:4', 'c:5'])
  })

  it('may be answered by closing from within `caughtUp`', () => {
    const rig = new Rig()
    rig.say('b:1')
    const listener = rig.follow(channels('a'))
    const neighbour = rig.follow(channels('a', 'b'))

    listener.subscription.add(channels('b'), ALL, () => listener.subscription.close())
    rig.turns.rest()
    rig.say('a:2', 'b:3')
    rig.turns.rest()

    expect(listener.lines).toEqual(['b:1'])
    expect(neighbour.lines).toEqual(['a:2', 'b:3'])
    expect(rig.hub.receivers(name('a'))).toBe(1)
  })

  it('does nothing for one that is closed', () => {
    const rig = new Rig()
    rig.say('b:1')
    const listener = rig.follow(channels('a', 'c'))
    listener.subscription.close()

    expect(add(listener, channels('b'), NOW)).toEqual([])
    expect(add(listener, channels('b'), ALL)).toEqual([])
    listener.subscription.drop(channels('c'))
    rig.say('a:2', 'b:2')
    rig.turns.rest()

    expect(listener.lines).toEqual([])
    expect(rig.hub.receivers(name('a'))).toBe(0)
    expect(rig.hub.receivers(name('b'))).toBe(0)
  })

  it('begins from nothing', () => {
    const rig = new Rig()
    const [first] = rig.say('a:1', 'b:2', 'a:3')
    const listener = rig.follow(new Selectors([], []))
    rig.turns.rest()
    expect(listener.lines).toEqual([])

    add(listener, below(''), after(first as MessageId))
    rig.say('c:4')
    rig.turns.rest()

    expect(listener.lines).toEqual(['b:2', 'a:3', 'caught up', 'c:4'])
  })
})
