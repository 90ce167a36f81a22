import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ChannelName, MAX_CHANNEL_BYTES } from '../../../src/model/channel.ts'
import { makeId, type MessageId } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { below, channels, name, type Start, type Subject } from './harness.ts'

/** Six messages over channels that look alike. */
async function publishSix(subject: Subject): Promise<MessageId[]> {
  const ids = []
  for (const channel of ['x', 'x/', 'x/a', 'xa', 'x/a/b', 'y']) {
    ids.push(await subject.publish(channel, channel))
  }
  return ids
}

export function readingContract(start: Start): void {
  it('gives back a message as it was published', async () => {
    const subject = await start()
    const id = await subject.publish('a', 'hello', {
      contentType: 'text/x-odd; q=1',
      data: '{"a": 1}',
      attributes: { revision: 'abc', event: 'push' },
    })

    const [message] = (await subject.page(channels('a'))).messages

    expect(message).toMatchObject({
      id,
      channel: 'a',
      contentType: 'text/x-odd; q=1',
      data: '{"a": 1}',
      attributes: { revision: 'abc', event: 'push' },
      expires: 0,
    })
    expect(message?.body.toString()).toBe('hello')
    expect(message?.time).toBeGreaterThanOrEqual(subject.time.ms)
    expect(message?.time).toBeLessThanOrEqual(subject.time.clock.now())
  })

  it('reads one channel and no other', async () => {
    const subject = await start()
    await publishSix(subject)

    expect(await subject.bodies(channels('x'))).toEqual(['x'])
    expect(await subject.bodies(channels('y'))).toEqual(['y'])
    expect(await subject.bodies(channels('unknown'))).toEqual([])
  })

  it('merges several channels in the order of ids', async () => {
    const subject = await start()
    await publishSix(subject)
    await subject.publish('x', 'again')

    expect(await subject.bodies(channels('y', 'x', 'unknown', 'x/a'))).toEqual([
      'x',
      'x/a',
      'y',
      'again',
    ])
  })

  it('knows the channel x/ from the subtree x/', async () => {
    const subject = await start()
    await publishSix(subject)

    expect(await subject.bodies(channels('x/'))).toEqual(['x/'])
    expect(await subject.bodies(below('x/'))).toEqual(['x/', 'x/a', 'x/a/b'])
    expect(await subject.bodies(below('x/a/'))).toEqual(['x/a/b'])
  })

  it('reads everything as the subtree without a prefix', async () => {
    const subject = await start()
    await publishSix(subject)

    expect(await subject.bodies(below(''))).toEqual(['x', 'x/', 'x/a', 'xa', 'x/a/b', 'y'])
  })

  it('reads channels and subtrees together, each message once', async () => {
    const subject = await start()
    await publishSix(subject)
    const selectors = new Selectors([name('y'), name('x/a')], ['x/', 'x/a/'])

    expect(await subject.bodies(selectors)).toEqual(['x/', 'x/a', 'x/a/b', 'y'])
  })

  it('takes a name of any bytes', async () => {
    const subject = await start()
    const names = [
      '\0',
      '\n',
      ' ',
      '\xff\xfe',
      'a\0b',
      'a\r\nb',
      '*',
      '?',
      '[a]',
      '{a}',
      ':',
      '\xe2\x82\xac',
      '\xe9'.repeat(MAX_CHANNEL_BYTES),
    ] as ChannelName[]
    for (const [index, channel] of names.entries()) {
      await subject.append({ channel, body: Buffer.from([index]) })
    }

    for (const [index, channel] of names.entries()) {
      const { messages } = await subject.page(Selectors.channel(channel))
      expect(messages.map((message) => [message.channel, message.body[0]])).toEqual([
        [channel, index],
      ])
    }
    const all = await subject.page(below(''))
    expect(all.messages.map(({ channel }) => channel)).toEqual(names)
  })

  it('takes any bytes as a body, none included', async () => {
    const subject = await start()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    await subject.append({ channel: name('a'), body: bytes })
    await subject.append({ channel: name('a'), body: Buffer.alloc(0) })

    const { messages } = await subject.page(channels('a'))

    expect(messages.map(({ body }) => body.toString('hex'))).toEqual([bytes.toString('hex'), ''])
  })

  /** With channel b known, so that it and a are two. */
  const startWithTwo = async (): Promise<Subject> => {
    const subject = await start()
    await subject.stat('b', true)
    return subject
  }

  for (const [kind, selectors] of [
    ['one channel', channels('a')],
    ['several channels', channels('a', 'b')],
    ['a subtree', below('')],
  ] as const) {
    it(`reads ${kind} after one id and up to another`, async () => {
      const subject = await startWithTwo()
      const ids = await subject.publishMany('a', 6)
      const [, second, , , fifth] = ids as [MessageId, MessageId, MessageId, MessageId, MessageId]

      expect(await subject.bodies(selectors, { after: second, upTo: fifth })).toEqual([
        '3',
        '4',
        '5',
      ])
      expect(await subject.bodies(selectors, { after: fifth })).toEqual(['6'])
      const page = await subject.page(selectors, { after: second, upTo: fifth })
      expect(page.upTo).toBe(fifth)
    })

    it(`bounds a page of ${kind} by number`, async () => {
      const subject = await startWithTwo()
      const ids = await subject.publishMany('a', 5)

      const page = await subject.page(selectors, { limit: 2 })

      expect(page.messages.map(({ body }) => body.toString())).toEqual(['1', '2'])
      expect(page.upTo).toBeGreaterThanOrEqual(ids[1] as number)
      expect(page.upTo).toBeLessThan(ids[2] as number)
    })

    it(`does not call a page of ${kind} without room complete`, async () => {
      const subject = await startWithTwo()
      const [first] = await subject.publishMany('a', 2)

      const page = await subject.page(selectors, { limit: 0 })

      expect(page.messages).toEqual([])
      expect(page.upTo).toBeLessThan(first as number)
    })

    it(`bounds a page of ${kind} by bytes, but always gives one message`, async () => {
      const subject = await startWithTwo()
      for (const body of ['a'.repeat(100), 'b'.repeat(10), 'c'.repeat(10), 'd'.repeat(10)]) {
        await subject.publish('a', body)
      }
      const [first] = (await subject.page(selectors)).messages

      const large = await subject.bodies(selectors, { bytes: 50 })
      const small = await subject.bodies(selectors, { bytes: 20, after: first?.id as MessageId })

      expect(large).toEqual(['a'.repeat(100)])
      expect(small).toEqual(['b'.repeat(10), 'c'.repeat(10)])
    })

    it(`counts data beside the body in a page's bytes of ${kind}`, async () => {
      const subject = await startWithTwo()
      const data = JSON.stringify('d'.repeat(1_000))
      for (const body of ['1', '2', '3']) await subject.publish('a', body, { data })

      expect(await subject.bodies(selectors, { bytes: 1_500 })).toEqual(['1', '2'])
    })

    it(`gives the newest of ${kind}, the oldest of them first`, async () => {
      const subject = await startWithTwo()
      const ids = await subject.publishMany('a', 6)

      const page = await subject.page(selectors, { limit: 2, newest: true })

      expect(page.messages.map(({ body }) => body.toString())).toEqual(['5', '6'])
      expect(page.upTo).toBe(ids[5])
    })

    it(`gives the newest of ${kind} within all bounds`, async () => {
      const subject = await startWithTwo()
      const ids = await subject.publishMany('a', 6)
      const [first, , , , fifth] = ids as [MessageId, MessageId, MessageId, MessageId, MessageId]
      const newest = true

      expect(await subject.bodies(selectors, { limit: 2, newest, upTo: fifth })).toEqual(['4', '5'])
      expect(await subject.bodies(selectors, { newest, after: first, upTo: fifth })).toEqual([
        '2',
        '3',
        '4',
        '5',
      ])
      expect(await subject.bodies(selectors, { newest, bytes: 3 })).toEqual(['4', '5', '6'])
    })

    it(`says how far a page of ${kind} is complete, though nothing lies there`, async () => {
      const subject = await startWithTwo()
      const [, , third] = await subject.publishMany('a', 3)
      const last = await subject.publish('elsewhere/a')

      expect((await subject.page(selectors, { after: third as MessageId })).upTo).toBe(last)
      expect((await subject.page(selectors, { after: last })).upTo).toBe(last)
    })

    it(`never calls a page of ${kind} complete beyond the end of the log`, async () => {
      const subject = await startWithTwo()
      const last = await subject.publish('a')
      const far = makeId(4_000_000_000, 0)

      expect((await subject.page(selectors, { upTo: far })).upTo).toBe(last)
      expect((await subject.page(selectors, { after: far })).upTo).toBeLessThan(far)
      expect(await subject.bodies(selectors, { after: far })).toEqual([])
    })
  }

  it('gives the newest of several channels over all of them', async () => {
    const subject = await start()
    for (const channel of ['a', 'b', 'a', 'a', 'b']) await subject.publish(channel, channel)

    const query = { limit: 3, newest: true }
    expect(await subject.bodies(channels('a', 'b'), query)).toEqual(['a', 'a', 'b'])
    expect(await subject.bodies(channels('a', 'b'), { newest: true, bytes: 2 })).toEqual(['a', 'b'])
  })

  it('gives the whole log, page by page, whatever the sizes of pages', {
    timeout: 60_000,
  }, async () => {
    const pool = ['a', 'b', 'x/', 'x/1', 'x/2/3', 'y']
    const log = fc.array(fc.constantFrom(...pool), { maxLength: 60 })
    const sizes = fc.infiniteStream(
      fc.record({ limit: fc.nat(7).map((n) => n + 1), bytes: fc.nat(9) }),
    )
    const wanted = fc.constantFrom(
      channels('a'),
      channels('a', 'b', 'y'),
      below('x/'),
      below(''),
      new Selectors([name('b'), name('x/1')], ['x/2/']),
    )
    await fc.assert(
      fc.asyncProperty(log, sizes, wanted, async (published, pages, selectors) => {
        const subject = await start()
        const expected: MessageId[] = []
        for (const [index, channel] of published.entries()) {
          const id = await subject.publish(channel, 'b'.repeat(index % 5))
          if (selectors.matches(name(channel))) expected.push(id)
        }

        const found = await subject.walk(selectors, () => pages.next().value)

        expect(found.map(({ id }) => id)).toEqual(expected)
      }),
      { numRuns: 40 },
    )
  })
}
