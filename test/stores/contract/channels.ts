import { describe, expect, it } from 'vitest'
import { below, channels, name, type Start } from './harness.ts'

export function channelContract(start: Start): void {
  describe('channels', () => {
    it('are unknown before their first message', async () => {
      const subject = await start()

      expect(await subject.stat('a')).toBeUndefined()
      await subject.page(channels('a'))
      expect(await subject.stat('a')).toBeUndefined()
      await subject.publish('a')
      expect(await subject.stat('a')).toMatchObject({ messages: 1 })
    })

    it('are made known without a message', async () => {
      const subject = await start()

      expect(await subject.stat('a', true)).toMatchObject({
        messages: 0,
        bytes: 0,
        last: undefined,
      })

      expect(await subject.stat('a')).toMatchObject({ messages: 0, last: undefined })
      const id = await subject.publish('a')
      expect(await subject.stat('a', true)).toMatchObject({ messages: 1, last: id })
    })

    it('tell what they hold', async () => {
      const subject = await start()
      await subject.publish('a', 'x'.repeat(1_000))
      const last = await subject.publish('a', 'x'.repeat(1_000))
      await subject.publish('b')

      const stat = await subject.stat('a')

      expect(stat).toMatchObject({ messages: 2, last })
      expect(stat?.bytes).toBeGreaterThanOrEqual(2_000)
      expect(stat?.floor).toBe(await subject.floor(channels('a')))
    })

    it('remember their last id when all messages have run out', async () => {
      const subject = await start()
      const id = await subject.publish('a', 'x', { ttl: 1 })
      subject.time.pass(5_000)

      expect(await subject.stat('a')).toMatchObject({ messages: 0, bytes: 0, last: id })
    })

    it('are gone when removed, and answer what they held', async () => {
      const subject = await start()
      const [, second] = await subject.publishMany('a', 2)
      await subject.publish('a/b', 'other')

      const held = await subject.remove('a')

      expect(held).toMatchObject({ messages: 2, last: second })
      expect(await subject.stat('a')).toBeUndefined()
      expect(await subject.bodies(channels('a'))).toEqual([])
      expect(await subject.bodies(below(''))).toEqual(['other'])
      expect(await subject.remove('a')).toBeUndefined()
      expect(await subject.remove('never')).toBeUndefined()
    })

    it('are listed, each at least once, and those that are gone are not', async () => {
      const subject = await start()
      const names = Array.from({ length: 25 }, (_, n) => `a/${n}`)
      for (const one of names) await subject.publish(one)
      await subject.remove('a/3')
      await subject.remove('a/4')
      await subject.publish('late')

      const seen = new Set<string>()
      let cursor = 0
      do {
        const page = await subject.store.channels(cursor, 4)
        expect(page.total).toBe(24)
        for (const one of page.names) seen.add(one)
        ;({ cursor } = page)
      } while (cursor !== 0)

      const left = names.filter((one) => one !== 'a/3' && one !== 'a/4')
      expect([...seen].sort()).toEqual([...left, 'late'].sort())
    })

    it('that stay are all listed while others come and go', async () => {
      const subject = await start()
      for (let n = 0; n < 20; n++) await subject.publish(`stays/${n}`)

      const seen = new Set<string>()
      let cursor = 0
      let round = 0
      do {
        const page = await subject.store.channels(cursor, 3)
        for (const one of page.names) seen.add(one)
        ;({ cursor } = page)
        await subject.publish(`comes/${round}`)
        if (round % 2 === 1) await subject.remove(`comes/${round - 1}`)
        round++
      } while (cursor !== 0 && round < 100)

      for (let n = 0; n < 20; n++) expect(seen).toContain(`stays/${n}`)
    })

    it('are no more than none at a cursor beyond the end', async () => {
      const subject = await start()
      await subject.publish('a')
      expect(await subject.store.channels(1_000_000, 10)).toEqual({
        names: [],
        cursor: 0,
        total: 1,
      })
    })

    it('begin anew after they were removed, with greater ids', async () => {
      const subject = await start()
      const former = await subject.publish('a', 'former')
      await subject.remove('a')

      const later = await subject.publish('a', 'later')

      expect(later).toBeGreaterThan(former)
      expect(await subject.bodies(channels('a'))).toEqual(['later'])
      expect(await subject.stat('a')).toMatchObject({ messages: 1, last: later })
    })
  })

  describe('the watcher', () => {
    it('hears of each message once, in order, over all channels', async () => {
      const subject = await start()
      const ids = []
      for (const channel of ['a', 'b', 'x/y', 'a'])
        ids.push(await subject.publish(channel, channel))

      expect(await subject.heardAtLeast(4)).toEqual(ids)
      expect(subject.store.head).toBe(ids.at(-1))
      expect(subject.messages.map(({ body }) => body.toString())).toEqual(['a', 'b', 'x/y', 'a'])
    })

    it('hears of a removal in its place between the messages', async () => {
      const subject = await start()
      const first = await subject.publish('a')
      await subject.remove('a')
      const second = await subject.publish('a')
      await subject.remove('a')

      expect(await subject.heardAtLeast(4)).toEqual([first, name('a'), second, name('a')])
    })

    it('does not hear of the removal of what is unknown', async () => {
      const subject = await start()
      await subject.remove('a')
      const id = await subject.publish('b')

      expect(await subject.heardAtLeast(1)).toEqual([id])
    })

    it('hears nothing of what retention drops or what runs out', async () => {
      const subject = await start({ maxMessages: 1, maxAge: 10_000 })
      const ids = await subject.publishMany('a', 3)
      await subject.page(channels('a'))
      subject.time.pass(60_000)
      await subject.page(below(''))
      const last = await subject.publish('b')

      expect(await subject.heardAtLeast(4)).toEqual([...ids, last])
    })

    it('has heard of all that a read can return by the time the log rests', async () => {
      const subject = await start()
      const id = await subject.publish('a')

      await subject.heardAtLeast(1)

      expect(subject.store.head).toBe(id)
      expect((await subject.page(channels('a'))).upTo).toBe(id)
    })
  })
}
