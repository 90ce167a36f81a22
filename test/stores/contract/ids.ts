import { expect, it } from 'vitest'
import { idIndex, idSecond, IDS_PER_SECOND } from '../../../src/model/id.ts'
import { below, channels, draft, type Start } from './harness.ts'

/** @param overflow why the test of a full second is left out, if it is */
export function idContract(start: Start, overflow: string | undefined): void {
  it('gives ids that grow over all channels', async () => {
    const subject = await start()

    const ids = []
    for (const channel of ['a', 'b', 'a', 'c/d', 'b']) {
      ids.push(await subject.publish(channel))
      subject.time.pass(300)
    }

    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    expect(new Set(ids).size).toBe(5)
  })

  it('counts n over the whole store, from 0 in a new second', async () => {
    const subject = await start()
    await subject.publish('first')
    subject.time.pass(5_000)

    const ids = [await subject.publish('a'), await subject.publish('b'), await subject.publish('a')]

    expect(ids.map(idIndex)).toEqual([0, 1, 2])
    expect(new Set(ids.map(idSecond)).size).toBe(1)
  })

  it('gives different ids to appends that are under way at once', async () => {
    const subject = await start()
    const drafts = Array.from({ length: 50 }, (_, index) => draft(`c${index % 7}`, String(index)))

    const appended = await Promise.all(drafts.map((one) => subject.append(one)))

    const ids = appended.map(({ id }) => id).toSorted((a, b) => a - b)
    expect(new Set(ids).size).toBe(50)
    expect((await subject.page(below(''))).messages.map(({ id }) => id)).toEqual(ids)
  })

  it('lets neither ids nor times go back when the clock does', async () => {
    const subject = await start()
    for (const ms of [0, 1_700, -3_600_000, 10, 3_600_000, -1, -50_000, 100]) {
      subject.time.pass(ms)
      await subject.publish('a')
    }

    const { messages } = await subject.page(channels('a'))

    expect(messages).toHaveLength(8)
    for (const [index, message] of messages.entries()) {
      const former = messages[index - 1]
      if (!former) continue
      expect(message.id).toBeGreaterThan(former.id)
      expect(message.time).toBeGreaterThanOrEqual(former.time)
    }
  })

  it('gives a message a time in the second of its id, though the clock ticks in between', async () => {
    const subject = await start()
    const { time } = subject
    // Every look at the clock finds it later, over many borders of seconds.
    Object.defineProperty(time, 'ms', { get: () => (reads += 170), set: () => {} })
    let reads = 1_700_000_000_000

    for (let count = 0; count < 40; count++) await subject.publish('a')

    const { messages } = await subject.page(channels('a'))
    expect(messages).toHaveLength(40)
    for (const { id, time: stamped } of messages) {
      expect(Math.floor(stamped / 1000)).toBe(idSecond(id))
    }
  })

  it.skipIf(overflow !== undefined)(
    `moves on to the next second when one is full${overflow ? ` (${overflow})` : ''}`,
    { timeout: 60_000 },
    async () => {
      const subject = await start({ maxMessages: 3 })
      const { store } = subject
      const one = draft('a')
      let previous = await subject.publish('a')
      let steps = 0

      // Until the second in which the ids began is full.
      for (const second = idSecond(previous); idSecond(previous) === second; steps++) {
        const answer = store.append(one)
        const { id } = answer instanceof Promise ? await answer : answer
        if (id <= previous) throw new Error('an id went back')
        previous = id
        subject.messages.length = 0
        subject.heard.length = 0
      }

      expect(steps).toBeGreaterThanOrEqual(IDS_PER_SECOND - 2)
      expect(idIndex(previous)).toBe(0)
      const last = (await subject.page(channels('a'))).messages.at(-1)
      expect(last?.id).toBe(previous)
      // Its time lies in its id's second, and the clock has moved there too.
      expect(Math.floor((last?.time ?? 0) / 1000)).toBe(idSecond(previous))
      expect(subject.time.clock.now()).toBeGreaterThanOrEqual(last?.time ?? Infinity)
    },
  )
}
