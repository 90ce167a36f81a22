import { describe, expect, it } from 'vitest'
import type { MessageId } from '../../../src/model/id.ts'
import { below, channels, type Start, type Subject } from './harness.ts'

const HOUR = 3_600_000

export function retentionContract(start: Start): void {
  describe('retention', () => {
    it('keeps the newest so many messages of each channel', async () => {
      const subject = await start({ maxMessages: 3 })
      const ids = await subject.publishMany('a', 5)
      await subject.publishMany('b', 2)

      expect(await subject.bodies(channels('a'))).toEqual(['3', '4', '5'])
      expect(await subject.bodies(channels('b'))).toEqual(['1', '2'])
      expect(await subject.bodies(below(''))).toEqual(['3', '4', '5', '1', '2'])
      expect(await subject.stat('a')).toMatchObject({ messages: 3, last: ids[4] })
    })

    it('keeps a message for its time and not longer', async () => {
      const subject = await start({ maxAge: HOUR })
      await subject.publish('a', 'old')
      const time = await timeOfFirst(subject)
      await subject.publish('a/b', 'old too')

      subject.time.ms = time + HOUR - 1
      expect(await subject.bodies(channels('a'))).toEqual(['old'])
      await subject.publish('a', 'young')

      subject.time.ms = time + HOUR
      expect(await subject.bodies(channels('a'))).toEqual(['young'])
      subject.time.pass(1_000)
      expect(await subject.bodies(channels('a', 'a/b'))).toEqual(['young'])
      expect(await subject.bodies(below(''))).toEqual(['young'])
      expect(await subject.stat('a/b')).toMatchObject({ messages: 0 })
    })

    it('keeps so many of each channel although they are old', async () => {
      const subject = await start({ maxAge: HOUR, minMessages: 2 })
      await subject.publishMany('a', 4)
      await subject.publishMany('b', 1)

      subject.time.pass(2 * HOUR)

      expect(await subject.bodies(channels('a'))).toEqual(['3', '4'])
      expect(await subject.bodies(below(''))).toEqual(['3', '4', '1'])
      await subject.publish('a', 'new')
      expect(await subject.bodies(channels('a'))).toEqual(['4', 'new'])
      expect(await subject.bodies(below(''))).toEqual(['4', '1', 'new'])
    })

    it('lets go of what was kept although old once younger ones suffice', async () => {
      const subject = await start({ maxAge: HOUR, minMessages: 1 })
      for (const channel of ['a', 'b', 'c']) await subject.publish(channel, `old ${channel}`)
      subject.time.pass(2 * HOUR)
      // All three were looked at and kept.
      expect(await subject.bodies(below(''))).toEqual(['old a', 'old b', 'old c'])

      await subject.publish('b', 'young b')

      expect(await subject.bodies(below(''))).toEqual(['old a', 'old c', 'young b'])
      subject.time.pass(2 * HOUR)
      await subject.publish('a', 'young a')
      expect(await subject.bodies(below(''))).toEqual(['old c', 'young b', 'young a'])
    })

    it('keeps a channel within its bytes, and its newest message in any case', async () => {
      const subject = await start({ maxChannelBytes: 6_000 })
      const bodies = Array.from({ length: 20 }, (_, index) => `${index} `.padEnd(1_000, 'x'))
      for (const body of bodies) await subject.publish('a', body)
      await subject.publish('b', 'untouched')

      const kept = await subject.bodies(channels('a'))
      expect(kept.length).toBeGreaterThan(1)
      expect(kept.length).toBeLessThanOrEqual(6)
      expect(kept).toEqual(bodies.slice(-kept.length))
      expect(await subject.bodies(channels('b'))).toEqual(['untouched'])

      await subject.publish('a', 'y'.repeat(9_000))
      expect(await subject.bodies(channels('a'))).toEqual(['y'.repeat(9_000)])
    })

    it('keeps the whole within its bytes, dropping the oldest of all', async () => {
      const subject = await start({ maxBytes: 12_000 })
      const bodies = Array.from({ length: 30 }, (_, index) => `${index} `.padEnd(1_000, 'x'))
      for (const [index, body] of bodies.entries()) await subject.publish(`c${index % 3}`, body)

      const kept = await subject.bodies(below(''))
      expect(kept.length).toBeGreaterThan(1)
      expect(kept.length).toBeLessThanOrEqual(12)
      expect(kept).toEqual(bodies.slice(-kept.length))
    })
  })

  describe('floors', () => {
    it('rise to what a bound has dropped, in this channel alone', async () => {
      const subject = await start({ maxMessages: 2 })
      const before = await subject.floor(channels('a'))
      const ids = await subject.publishMany('a', 2)
      await subject.publish('b')
      expect(await subject.floor(channels('a'))).toBe(before)

      await subject.publish('a')

      expectBetween(await subject.floor(channels('a')), ids[0], ids[1])
      expect((await subject.stat('a'))?.floor).toBe(await subject.floor(channels('a')))
      expect(await subject.floor(channels('b'))).toBe(before)
    })

    it('rise with age', async () => {
      const subject = await start({ maxAge: HOUR })
      const before = await subject.floor(channels('a'))
      const old = await subject.publish('a')
      subject.time.ms = (await timeOfFirst(subject)) + HOUR - 1
      const young = await subject.publish('a')
      expect(await subject.floor(channels('a'))).toBe(before)

      subject.time.pass(1)

      expectBetween(await subject.floor(channels('a')), old, young)
    })

    it('rise with bytes, of a channel and in all', async () => {
      for (const limits of [{ maxChannelBytes: 6_000 }, { maxBytes: 6_000 }]) {
        const subject = await start(limits)
        const ids = []
        for (let count = 0; count < 20; count++) {
          ids.push(await subject.publish('a', 'x'.repeat(1_000)))
        }

        const { messages, floor } = await subject.page(channels('a'))

        const [first] = messages
        expectBetween(floor, ids[ids.length - messages.length - 1], first?.id)
      }
    })

    it('of several channels and subtrees are the highest of their own', async () => {
      const subject = await start({ maxMessages: 1 })
      for (const channel of ['x/a', 'x/a', 'y', 'y', 'x/b', 'x/b', 'z', 'z']) {
        await subject.publish(channel)
      }
      const floors: Record<string, MessageId> = {}
      for (const channel of ['x/a', 'x/b', 'y', 'z']) {
        floors[channel] = await subject.floor(channels(channel))
      }

      expect(floors['y']).toBeGreaterThan(floors['x/a'] as number)
      expect(await subject.floor(channels('x/a', 'y'))).toBe(floors['y'])
      expect(await subject.floor(below('x/'))).toBe(floors['x/b'])
      expect(await subject.floor(below(''))).toBe(floors['z'])
    })

    it('stay where they are when a message runs out or a channel is removed', async () => {
      const subject = await start()
      const before = await subject.floor(channels('a'))
      await subject.publish('a', 'short', { ttl: 1 })
      await subject.publish('a', 'long')
      subject.time.pass(2_000)
      expect(await subject.bodies(channels('a'))).toEqual(['long'])
      expect(await subject.floor(channels('a'))).toBe(before)

      await subject.remove('a')

      expect(await subject.floor(channels('a'))).toBe(before)
      expect(await subject.floor(below(''))).toBe(before)
      await subject.publish('a')
      expect(await subject.floor(channels('a'))).toBe(before)
    })

    it('stay where they are when a bound comes upon a message that has run out', async () => {
      const subject = await start({ maxMessages: 2, maxBytes: 4_000 })
      const before = await subject.floor(channels('a'))
      await subject.publish('a', 'short', { ttl: 1 })
      await subject.publish('a', '2')
      subject.time.pass(2_000)

      await subject.publish('a', '3')
      await subject.publish('b', 'x'.repeat(2_000))

      expect(await subject.bodies(channels('a'))).toEqual(['2', '3'])
      expect(await subject.floor(channels('a'))).toBe(before)
    })
  })

  describe('expiry of a message', () => {
    it('ends its being readable at its time, wherever it lies', async () => {
      const subject = await start()
      await subject.publish('a', '1')
      await subject.publish('a', '2', { ttl: 5 })
      await subject.publish('a', '3')
      await subject.publish('b', '4', { ttl: 3 })
      const all = await subject.page(below(''))
      const expires = all.messages.map((message) => message.expires - message.time)
      expect(expires[1]).toBe(5_000)

      subject.time.ms = (all.messages[1]?.expires as number) - 1
      expect(await subject.bodies(channels('a'))).toEqual(['1', '2', '3'])
      subject.time.pass(1)

      expect(await subject.bodies(channels('a'))).toEqual(['1', '3'])
      expect(await subject.bodies(channels('a'), { limit: 2, newest: true })).toEqual(['1', '3'])
      expect(await subject.bodies(channels('a', 'b'))).toEqual(['1', '3'])
      expect(await subject.bodies(below(''))).toEqual(['1', '3'])
      expect(await subject.bodies(below(''), { limit: 2, newest: true })).toEqual(['1', '3'])
      expect(await subject.stat('a')).toMatchObject({ messages: 2 })
      expect(await subject.stat('b')).toMatchObject({ messages: 0 })
    })

    it('comes in any order', async () => {
      const subject = await start()
      for (const ttl of [7, 3, 9, 1, 8, 2, 5, 4, 6]) await subject.publish('a', `${ttl}`, { ttl })
      const time = await timeOfFirst(subject)

      for (let second = 1; second <= 9; second++) {
        subject.time.ms = time + second * 1_000
        const left = await subject.bodies(channels('a'))
        expect(left.toSorted()).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9'].slice(second))
      }
    })

    it('of 0 seconds is heard and never read', async () => {
      const subject = await start()

      const id = await subject.publish('a', 'now or never', { ttl: 0 })

      expect(await subject.heardAtLeast(1)).toEqual([id])
      expect(await subject.bodies(channels('a'))).toEqual([])
      expect(await subject.bodies(below(''))).toEqual([])
      expect((await subject.page(channels('a'))).upTo).toBe(id)
    })

    it('does not outlive the retention of the store', async () => {
      const subject = await start({ maxMessages: 1 })
      await subject.publish('a', 'first', { ttl: 3_600 })
      await subject.publish('a', 'second', { ttl: 3_600 })
      await subject.remove('b')

      expect(await subject.bodies(channels('a'))).toEqual(['second'])
      subject.time.ms = (await timeOfFirst(subject)) + HOUR
      expect(await subject.bodies(channels('a'))).toEqual([])
      expect(await subject.stat('a')).toMatchObject({ messages: 0 })
    })
  })
}

/** When the oldest message of channel a was stored. */
async function timeOfFirst(subject: Subject): Promise<number> {
  const [message] = (await subject.page(channels('a'))).messages
  return message?.time ?? Number.NaN
}

/** From the newest that was dropped, and below the oldest that is kept. */
function expectBetween(floor: number, dropped: number | undefined, kept: number | undefined): void {
  expect(floor).toBeGreaterThanOrEqual(dropped as number)
  expect(floor).toBeLessThan(kept as number)
}
