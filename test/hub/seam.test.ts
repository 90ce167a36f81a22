import { describe, expect, it } from 'vitest'
import { ALL, NOW } from '../../src/hub/contract.ts'
import { before, type MessageId } from '../../src/model/id.ts'
import { after, below, channels, type Following, name, Rig } from './rig.ts'

/** A follower that is behind with 'a:2', 'a:3' unwritten, as its socket holds 'a:1'. */
function slowReader(rig: Rig) {
  const reader = rig.follow(channels('a'))
  reader.slow = true
  rig.say('a:1')
  rig.turns.end()
  rig.say('a:2')
  rig.turns.end()
  rig.say('a:3')
  rig.turns.end()
  return reader
}

describe('a slow connection', () => {
  it('gets a batch as long as both together are within the bound', () => {
    const rig = new Rig({ maxUnsentBytes: 8 })
    const reader = rig.follow(channels('a'))
    reader.slow = true

    rig.say('a:1')
    rig.turns.end()
    rig.say('a:2')
    rig.turns.end()
    expect(reader.unsent).toBe(8)
    rig.say('a:3')
    rig.turns.end()

    expect(reader.lines).toEqual(['a:1', 'a:2'])
    expect(reader.unsent).toBe(8)
  })

  it('gets a batch beyond the bound when nothing is unsent', () => {
    const rig = new Rig({ maxUnsentBytes: 8 })
    const reader = rig.follow(channels('a'))
    reader.slow = true

    rig.say('a:a message beyond the bound')
    rig.turns.end()

    expect(reader.lines).toEqual(['a:a message beyond the bound'])
    // With the batch, not by way of the store.
    expect(rig.lines.calls).toHaveLength(1)
  })

  it('costs no queue: what it misses is not encoded for it', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    slowReader(rig)
    const encoded = rig.lines.calls.length

    for (let number = 4; number < 100; number++) {
      rig.say(`a:${number}`)
      rig.turns.rest()
    }

    expect(rig.lines.calls).toHaveLength(encoded)
  })

  it('waits for its socket without being asked for again and again', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const reader = slowReader(rig)

    expect(reader.waiting).toHaveLength(1)
    expect(rig.turns.due).toBe(false)
  })

  it('gets all that it missed, once, and then what comes, at an exact seam', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const reader = slowReader(rig)
    reader.slow = false

    rig.say('a:4')
    reader.sent()
    rig.say('a:5')
    rig.turns.rest()
    rig.say('a:6')
    rig.turns.rest()

    expect(reader.lines).toEqual(['a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'a:6'])
  })

  it('harms nobody else', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const fast = rig.follow(channels('a'))
    slowReader(rig)
    const late = rig.follow(channels('a'))
    rig.say('a:4')
    rig.turns.end()

    expect(fast.lines).toEqual(['a:1', 'a:2', 'a:3', 'a:4'])
    expect(late.lines).toEqual(['a:4'])
  })

  it('is fed in slices, one for each time that its socket is empty', () => {
    const rig = new Rig({ maxUnsentBytes: 4, catchUpBytes: 6 })
    const reader = slowReader(rig)
    rig.say('a:4', 'a:5')
    rig.turns.rest()

    const written = []
    while (reader.unsent > 0) {
      reader.sent()
      rig.turns.rest()
      written.push(reader.lines.length)
    }

    expect(written).toEqual([3, 5, 5])
    expect(reader.lines).toEqual(['a:1', 'a:2', 'a:3', 'a:4', 'a:5'])
  })

  it('is not fed any more once it was closed', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const reader = slowReader(rig)

    reader.subscription.close()
    reader.sent()
    rig.turns.rest()

    expect(reader.lines).toEqual(['a:1'])
  })

  it('knows where it stands', () => {
    const rig = new Rig({ maxUnsentBytes: 4 })
    const [zero] = rig.say('a:0')
    const reader = rig.follow(channels('a'))
    expect(reader.subscription.position).toBe(zero)
    reader.slow = true

    const [one] = rig.say('a:1')
    expect(reader.subscription.position).toBe(before(one as never))
    rig.turns.end()
    expect(reader.subscription.position).toBe(one)
    const [two, three] = rig.say('a:2', 'a:3')
    rig.turns.end()
    expect(reader.subscription.position).toBe(before(two as never))

    reader.sent()
    rig.turns.rest()
    expect(reader.subscription.position).toBe(three)
    const [elsewhere] = rig.say('b:1')
    expect(reader.subscription.position).toBe(elsewhere)
    reader.subscription.close()
    rig.say('a:4')
    expect(reader.subscription.position).toBe(elsewhere)
  })
})

describe('a follower that joins while a batch waits', () => {
  it('gets nothing of the batch when it follows from now on', () => {
    const rig = new Rig()
    const early = rig.follow(channels('a'))
    rig.say('a:1')

    const late = rig.follow(channels('a'), { since: NOW })
    rig.say('a:2')
    rig.turns.end()
    rig.say('a:3')
    rig.turns.end()

    expect(early.lines).toEqual(['a:1', 'a:2', 'a:3'])
    expect(late.lines).toEqual(['a:2', 'a:3'])
  })

  it('gets the batch once when it has read it from the store already', () => {
    const rig = new Rig()
    rig.follow(channels('a'))
    rig.say('a:1', 'a:2')

    const late = rig.follow(channels('a'), { since: ALL })
    expect(late.lines).toEqual(['a:1', 'a:2'])
    rig.say('a:3')
    rig.turns.rest()

    expect(late.lines).toEqual(['a:1', 'a:2', 'a:3'])
  })

  it('gets the batch once from any cursor inside it', () => {
    const rig = new Rig()
    rig.follow(channels('a'))
    const ids = rig.say('a:1', 'a:2', 'a:3')

    const followers = ids.map((id) => rig.follow(channels('a'), { since: after(id) }))
    rig.say('a:4')
    rig.turns.rest()
    rig.say('a:5')
    rig.turns.rest()

    expect(followers.map(({ lines }) => lines)).toEqual([
      ['a:2', 'a:3', 'a:4', 'a:5'],
      ['a:3', 'a:4', 'a:5'],
      ['a:4', 'a:5'],
    ])
  })

  it('gets what everyone gets when the batch does not concern it', () => {
    const rig = new Rig()
    rig.follow(channels('a', 'b'))
    rig.say('a:1')

    const late = rig.follow(channels('b'))
    rig.say('b:2')
    rig.turns.end()

    expect(late.lines).toEqual(['b:2'])
  })

  it('does not count twice, and can leave', () => {
    const rig = new Rig()
    const early = rig.follow(channels('a'))
    rig.say('a:1')
    const late = Array.from({ length: 5 }, () => rig.follow(channels('a')))

    late[0]?.subscription.close()
    late[3]?.subscription.close()
    expect(rig.publish('a', 'a:2').receivers).toBe(4)
    rig.turns.end()

    expect(early.lines).toEqual(['a:1', 'a:2'])
    expect(late.map(({ lines }) => lines.join())).toEqual(['', 'a:2', 'a:2', '', 'a:2'])
  })

  it('shares its bytes with those that stand where it stands', () => {
    const rig = new Rig()
    rig.follow(channels('a'))
    rig.say('a:1')
    const late = Array.from({ length: 20 }, () => rig.follow(channels('a')))
    rig.say('a:2')

    rig.turns.end()

    expect(rig.lines.calls).toHaveLength(2)
    expect(new Set(late.map(({ chunks }) => chunks[0])).size).toBe(1)
  })

  it('goes behind, too, when its socket is full', () => {
    const rig = new Rig({ maxUnsentBytes: 8 })
    rig.follow(channels('a'))
    rig.say('a:1')
    const late = rig.follow(channels('a'))
    late.slow = true
    late.write(Buffer.from('greeting\n'))
    rig.say('a:2')
    rig.turns.end()
    expect(late.lines).toEqual(['greeting'])

    rig.say('a:3')
    late.slow = false
    late.sent()
    rig.turns.rest()

    expect(late.lines).toEqual(['greeting', 'a:2', 'a:3'])
  })

  it('keeps its place in a batch that is flushed for its size', () => {
    const rig = new Rig({ maxBatchBytes: 9 })
    const early = rig.follow(channels('a'))
    rig.say('a:1')
    const late = rig.follow(channels('a'))

    rig.say('a:2', 'a:3', 'a:4')
    rig.turns.end()

    expect(early.lines).toEqual(['a:1', 'a:2', 'a:3', 'a:4'])
    expect(late.lines).toEqual(['a:2', 'a:3', 'a:4'])
  })
})

describe('catching up', () => {
  it('begins at once, within the call', () => {
    const rig = new Rig()
    rig.say('a:1', 'b:2')

    expect(rig.follow(below('')).lines).toEqual([])
    expect(rig.follow(below(''), { since: ALL }).lines).toEqual(['a:1', 'b:2'])
  })

  it('reads several channels with one cursor, in the order of ids', () => {
    const rig = new Rig({ catchUpBytes: 4 })
    rig.say('b:1', 'a:2', 'c:3', 'a:4', 'b:5')

    const listener = rig.follow(channels('a', 'b'), { since: ALL })
    rig.turns.rest()
    rig.say('b:6')
    rig.turns.rest()

    expect(listener.lines).toEqual(['b:1', 'a:2', 'a:4', 'b:5', 'b:6'])
  })

  it('goes on while messages come in faster than a slice', () => {
    const rig = new Rig({ catchUpBytes: 4 })
    rig.say(...Array.from({ length: 20 }, (_, index) => `a:${index}`))
    const listener = rig.follow(channels('a'), { since: ALL })

    for (let index = 20; index < 30; index++) {
      rig.turns.end()
      rig.say(`a:${index}`)
    }
    rig.turns.rest()

    expect(listener.lines).toEqual(Array.from({ length: 30 }, (_, index) => `a:${index}`))
  })

  it('is shared out: a turn gives so many slices, to everyone in turn', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    rig.say('a:1', 'a:2', 'a:3')
    const listeners = Array.from({ length: 200 }, () => rig.follow(channels('a'), { since: ALL }))
    const slices = (): number => listeners.reduce((sum, { chunks }) => sum + chunks.length, 0)
    const given = []
    const leads = []
    while (rig.turns.due) {
      const former = slices()
      rig.turns.end()
      given.push(slices() - former)
      const counts = listeners.map(({ chunks }) => chunks.length)
      leads.push(Math.max(...counts) - Math.min(...counts))
    }

    expect(slices()).toBe(600)
    expect(Math.max(...given)).toBe(128)
    // Nobody gets a second slice while another still waits for its first, give or take a turn.
    expect(Math.max(...leads)).toBeLessThanOrEqual(2)
    for (const { lines } of listeners) expect(lines).toEqual(['a:1', 'a:2', 'a:3'])
  })

  it('encodes one page once for those who come back one after the other, until it is another', () => {
    const rig = new Rig()
    const [first] = rig.say('a:1', 'a:2', 'a:3') as [MessageId]
    const back = (): Following => {
      const follower = rig.follow(channels('a'), { since: after(first) })
      rig.turns.rest()
      return follower
    }

    const [one, other] = [back(), back()]
    expect(rig.lines.calls).toHaveLength(1)
    expect(one.lines).toEqual(['a:2', 'a:3'])
    expect(other.chunks[0]).toBe(one.chunks[0])

    rig.say('a:4')
    rig.turns.rest()
    expect(back().lines).toEqual(['a:2', 'a:3', 'a:4'])

    void rig.hub.remove(name('a'))
    rig.say('a:5', 'a:6')
    rig.turns.rest()
    expect(back().lines.slice(-2)).toEqual(['a:5', 'a:6'])
    expect(back().lines).not.toContain('a:2')
  })

  it('encodes one page once for all who read it in one turn', () => {
    const rig = new Rig()
    rig.say('a:1', 'a:2')

    const listeners = Array.from({ length: 50 }, () => rig.follow(channels('a'), { since: ALL }))

    expect(rig.lines.calls).toHaveLength(1)
    expect(new Set(listeners.map(({ chunks }) => chunks[0])).size).toBe(1)
  })

  it('forgets such a page with the turn: what ran out or was deleted is not given later', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    const [first] = rig.say('a:1')
    rig.publish('a', 'short', { ttl: 1 })
    rig.follow(channels('a'), { since: after(first as never) })
    // The second slice is read in a turn, not by the call.
    rig.follow(channels('a'), { since: ALL })
    rig.turns.rest()
    rig.ms += 10_000

    const late = rig.follow(channels('a'), { since: after(first as never) })
    rig.turns.rest()

    expect(late.lines).toEqual([])
  })

  it('does not begin on a connection that holds too much already', () => {
    const rig = new Rig({ maxUnsentBytes: 100 })
    rig.say('a:1')
    const listener = rig.follow(channels('b'))
    listener.slow = true
    listener.write(Buffer.alloc(101))

    rig.hub.follow({ selectors: channels('a'), encoder: rig.lines, sink: listener, since: ALL })
    rig.turns.rest()
    expect(listener.unsent).toBe(101)
    listener.sent()
    rig.turns.rest()

    expect(listener.chunks[1]?.toString()).toBe('a:1\n')
  })

  it('stops within the turn when the subscription is closed', () => {
    const rig = new Rig({ catchUpBytes: 1 })
    rig.say('a:1', 'a:2', 'a:3')
    const listener = rig.follow(channels('a'), { since: ALL })

    listener.subscription.close()
    rig.turns.rest()

    expect(listener.lines).toEqual(['a:1'])
  })
})
