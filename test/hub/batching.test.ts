import { describe, expect, it } from 'vitest'
import { Selectors } from '../../src/model/selector.ts'
import { below, channels, Connection, Lines, name, Rig } from './rig.ts'

describe('a loop turn', () => {
  it('writes nothing before it ends', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a'))

    rig.say('a:1', 'a:2')
    expect(listener.chunks).toEqual([])
    rig.turns.end()

    expect(listener.lines).toEqual(['a:1', 'a:2'])
  })

  it('is asked for once, however much is published, and not at all when nobody listens', () => {
    const rig = new Rig()
    let asked = 0
    const turns = rig.turns
    const quiet = rig.follow(channels('quiet'))
    rig.say('a:nobody')
    expect(turns.due).toBe(false)

    rig.say('quiet:1', 'quiet:2')
    while (turns.due) {
      turns.end()
      asked++
    }

    expect(asked).toBe(1)
    expect(quiet.chunks).toHaveLength(1)
  })

  it('encodes once for everyone of an audience, and writes the same Buffer to each', () => {
    const rig = new Rig()
    const listeners = Array.from({ length: 50 }, () => rig.follow(channels('a')))

    rig.say('a:1', 'a:2', 'a:3')
    rig.turns.end()

    expect(rig.lines.calls).toHaveLength(1)
    const [first] = listeners[0]?.chunks ?? []
    expect(first?.toString()).toBe('a:1\na:2\na:3\n')
    for (const { chunks } of listeners) {
      expect(chunks).toHaveLength(1)
      expect(chunks[0]).toBe(first)
    }
  })

  it('makes one audience of what selects the same, however it was written', () => {
    const rig = new Rig()
    rig.follow(channels('a', 'b', 'a'))
    rig.follow(channels('b', 'a'))

    rig.say('a:1', 'b:2')
    rig.turns.end()

    expect(rig.lines.calls).toHaveLength(1)
  })

  it('keeps apart different encoders, and shares those with one key', () => {
    const rig = new Rig()
    const [json, same, plain] = [new Lines('json'), new Lines('json'), new Lines('plain')]
    for (const encoder of [json, same, plain]) rig.follow(channels('a'), { encoder })

    rig.say('a:1')
    rig.turns.end()

    expect([json, same, plain].map(({ calls }) => calls.length)).toEqual([1, 0, 1])
  })

  it('is not mixed up by names that look like several', () => {
    const rig = new Rig()
    const odd = rig.follow(channels('ac1:b'))
    const two = rig.follow(channels('a', 'b'))
    const tree = rig.follow(below('a'))
    const channel = rig.follow(channels('a'))

    rig.say('a:1', 'b:2')
    rig.publish('ac1:b', 'odd')
    rig.turns.end()

    expect(odd.lines).toEqual(['odd'])
    expect(two.lines).toEqual(['a:1', 'b:2'])
    expect(channel.lines).toEqual(['a:1'])
    expect(tree.lines).toEqual([])
  })

  it('flushes a batch within the turn when it holds enough', () => {
    const rig = new Rig({ maxBatchBytes: 10 })
    const listener = rig.follow(channels('a'))
    const other = rig.follow(channels('b'))

    rig.say('b:1', 'a:4567', 'a:1234')
    expect(listener.lines).toEqual(['a:4567', 'a:1234'])
    rig.say('a:x')
    expect(other.lines).toEqual([])
    rig.turns.end()

    expect(listener.lines).toEqual(['a:4567', 'a:1234', 'a:x'])
    expect(other.lines).toEqual(['b:1'])
  })

  it('counts data beside the body in what a batch holds', () => {
    const rig = new Rig({ maxBatchBytes: 1_000 })
    const listener = rig.follow(channels('a'))

    rig.publish('a', 'small', { data: JSON.stringify('x'.repeat(1_000)) })

    expect(listener.lines).toEqual(['small'])
  })

  it('gives nothing to a connection that was closed in it', () => {
    const rig = new Rig()
    const [leaving, staying] = [rig.follow(channels('a')), rig.follow(channels('a'))]
    rig.say('a:1')

    leaving.subscription.close()
    rig.turns.end()
    rig.say('a:2')
    rig.turns.end()

    expect(leaving.lines).toEqual([])
    expect(staying.lines).toEqual(['a:1', 'a:2'])
  })

  it('serves everyone, whoever leaves in whatever order', () => {
    const rig = new Rig()
    const listeners = Array.from({ length: 9 }, () => rig.follow(channels('a')))
    for (const index of [0, 8, 4, 3]) listeners[index]?.subscription.close()

    rig.say('a:1')
    rig.turns.end()

    expect(listeners.map(({ lines }) => lines.length)).toEqual([0, 1, 1, 0, 0, 1, 1, 1, 0])
  })

  it('is not confused by a batch that outlived its audience', () => {
    const rig = new Rig()
    const first = rig.follow(channels('a'))
    rig.say('a:1')
    first.subscription.close()
    const second = rig.follow(channels('a'))
    rig.turns.end()
    const third = rig.follow(channels('a'))

    rig.say('a:2')
    rig.turns.end()

    expect([first.lines, second.lines, third.lines]).toEqual([[], ['a:2'], ['a:2']])
    expect(rig.lines.calls).toHaveLength(1)
  })

  it('keeps nothing of an audience whose last follower was served', () => {
    const rig = new Rig()
    rig.follow(channels('a'), { once: true })
    rig.say('a:1')
    rig.turns.rest()
    const encoder = new Lines()

    rig.follow(channels('a'), { once: true, encoder })
    rig.say('a:2')
    rig.turns.rest()

    // The same key, and so the same audience if that were still there.
    expect([rig.lines.calls.length, encoder.calls.length]).toEqual([1, 1])
  })

  it('comes to an end without work when the last one left', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a'))
    rig.say('a:1')
    listener.subscription.close()

    rig.turns.rest()

    expect(rig.lines.calls).toEqual([])
    const next = rig.follow(channels('a'))
    rig.say('a:2')
    rig.turns.rest()
    expect(next.lines).toEqual(['a:2'])
  })
})

describe('several channels with one cursor', () => {
  it('come in the order of ids', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a', 'b', 'c'))

    rig.say('b:1', 'a:2', 'd:no', 'c:3', 'a:4')
    rig.turns.end()

    expect(listener.lines).toEqual(['b:1', 'a:2', 'c:3', 'a:4'])
  })

  it('come once where a subtree and a channel select the same', () => {
    const rig = new Rig({ maxBatchBytes: 1 })
    const listener = rig.follow(new Selectors([name('x/a'), name('y')], ['x/', '', 'x/a/']))

    rig.say('x/a:1', 'y:2', 'x/a/b:3', 'z:4')
    rig.turns.end()

    expect(listener.lines).toEqual(['x/a:1', 'y:2', 'x/a/b:3', 'z:4'])
  })
})

describe('a subtree', () => {
  it('is all names that begin with it, at any depth, and not the name itself', () => {
    const rig = new Rig()
    const listener = rig.follow(below('x/'))

    for (const channel of ['x', 'x/', 'x/a', 'x/a/b', 'x//', 'xa', 'a/x/', 'y']) {
      rig.publish(channel, channel)
    }
    rig.turns.end()

    expect(listener.lines).toEqual(['x/', 'x/a', 'x/a/b', 'x//'])
  })

  it('without a prefix is everything', () => {
    const rig = new Rig()
    const listener = rig.follow(below(''))

    for (const channel of ['x', 'x/', 'a/b/c', '//']) rig.publish(channel, channel)
    rig.turns.end()

    expect(listener.lines).toEqual(['x', 'x/', 'a/b/c', '//'])
  })
})

describe('publish', () => {
  it('answers the id, whether it was a duplicate, and how many follow the channel', () => {
    const rig = new Rig()
    for (const selectors of [channels('x/a'), channels('x/a'), channels('x/a', 'b'), below('x/')]) {
      rig.follow(selectors)
    }
    rig.follow(channels('other'))
    rig.follow(new Selectors([name('x/a')], ['x/']))

    const first = rig.publish('x/a', 'one', { key: 'k' })
    const again = rig.publish('x/a', 'one', { key: 'k' })

    expect(first).toEqual({ id: rig.hub.head, duplicate: false, receivers: 5 })
    expect(again).toEqual({ id: first.id, duplicate: true, receivers: 5 })
    expect(rig.publish('b', 'two').receivers).toBe(1)
    expect(rig.publish('nobody', 'three').receivers).toBe(0)
  })

  it('counts those that are behind and those that wait for one message, until they leave', () => {
    const rig = new Rig()
    const [first] = rig.say('a:1', 'a:2')
    const slow = new Connection()
    slow.slow = true
    slow.unsent = 2 ** 21
    const behind = rig.hub.follow({
      selectors: channels('a'),
      encoder: rig.lines,
      sink: slow,
      since: { kind: 'id', after: first as never },
    })
    const poll = rig.follow(channels('a'), { once: true })
    const fresh = rig.follow(channels('a'))
    expect(rig.hub.receivers(name('a'))).toBe(3)

    poll.subscription.close()
    behind.close()
    behind.close()
    fresh.subscription.close()

    expect(rig.hub.receivers(name('a'))).toBe(0)
  })

  it('tells nobody again of a duplicate', () => {
    const rig = new Rig()
    const listener = rig.follow(channels('a'))
    rig.publish('a', 'one', { key: 'k' })
    rig.publish('a', 'one', { key: 'k' })
    rig.turns.end()

    expect(listener.lines).toEqual(['one'])
  })
})

describe('lastAsked', () => {
  it('is when somebody last followed or read the channel alone, until it is removed', () => {
    const rig = new Rig()
    const before = Date.now()
    expect(rig.hub.lastAsked(name('a'))).toBeUndefined()

    rig.follow(channels('a'))
    void rig.hub.read({ selectors: channels('b'), after: rig.hub.head, limit: 1 })
    rig.follow(channels('c', 'd'))

    expect(rig.hub.lastAsked(name('a'))).toBeGreaterThanOrEqual(before)
    expect(rig.hub.lastAsked(name('b'))).toBeGreaterThanOrEqual(before)
    expect(rig.hub.lastAsked(name('c'))).toBeUndefined()
    rig.say('a:1')
    void rig.hub.remove(name('a'))
    expect(rig.hub.lastAsked(name('a'))).toBeUndefined()
  })
})
