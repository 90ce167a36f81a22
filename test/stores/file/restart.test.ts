import { readdirSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ChannelName, privateName } from '../../../src/model/channel.ts'
import { idIndex, IDS_PER_SECOND, makeId } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import type { FileOptions } from '../../../src/stores/file/options.ts'
import { until } from '../../support/wait.ts'
import { below, channels, draft, FakeTime, name } from '../contract/harness.ts'
import { FileSubject, folder, logsOf, open } from './support.ts'

const DAY = 24 * 3_600_000

/** Small files, and room for few messages: segments come and go. */
const SMALL: Partial<FileOptions> = { segmentBytes: 4_096, maxTotalMessages: 50 }

async function reopen(
  subject: FileSubject,
  path: string,
  options: Partial<FileOptions> = {},
): Promise<FileSubject> {
  await subject.file.close()
  return open(path, subject.time, options)
}

/** Publishes until the first so many files of the log are gone. */
async function publishUntilGone(subject: FileSubject, path: string, serial: number): Promise<void> {
  const gone = (): boolean => Number(/(\d+)\.log$/.exec(logsOf(path)[0] ?? '')?.[1]) > serial
  for (let count = 0; !gone() && count < 2_000; count++) {
    await subject.publish('filler', `filler ${count}`.padEnd(200, 'x'))
    subject.file.sweep()
  }
  await until(gone, `segment ${serial} is deleted`)
}

describe('a file store that is opened again', () => {
  it('has every message as it was, of any channel', async () => {
    const path = folder()
    const subject = open(path, new FakeTime())
    const hidden = privateName('user', 'päul')
    await subject.append(
      draft('a/b', 'hello', {
        contentType: 'text/plain; charset=utf-8',
        data: '{"a": [1, "ü"]}',
        attributes: { revision: 'abc', event: 'push' },
        ttl: 3_600,
        key: 'k',
      }),
    )
    await subject.append({ channel: '\xff\0' as ChannelName, body: Buffer.from([0, 255, 10]) })
    await subject.append({ channel: hidden, body: Buffer.alloc(0) })
    const before = subject.messages.map(show)

    const again = await reopen(subject, path)

    const all = new Selectors([name('a/b'), '\xff\0' as ChannelName, hidden])
    expect((await again.page(all)).messages.map(show)).toEqual(before)
    expect(await again.bodies(below(''))).toHaveLength(2)
    expect(again.file.head).toBe(subject.messages.at(-1)?.id)
    expect(again.reports).toEqual([])
  })

  it('goes on with greater ids and later times, though the clock went back', async () => {
    const path = folder()
    const subject = open(path, new FakeTime())
    subject.time.pass(1_700)
    await subject.publishMany('a', 3)
    subject.time.pass(-DAY)

    const again = await reopen(subject, path)
    await again.publish('a', 'later')

    const { messages } = await again.page(channels('a'))
    expect(messages.map(({ body }) => String(body))).toEqual(['1', '2', '3', 'later'])
    expect(messages[3]?.id).toBeGreaterThan(messages[2]?.id as number)
    expect(messages[3]?.time).toBeGreaterThanOrEqual(messages[2]?.time as number)
  })

  it('tells every cursor of a life before its log that there is a gap', async () => {
    const path = folder()
    const subject = open(path, new FakeTime())
    const { floor } = await subject.page(below(''))
    await subject.publish('a')

    const again = await reopen(subject, path)

    expect((await again.page(below(''))).floor).toBe(floor)
    expect(await again.floor(channels('unknown'))).toBe(floor)
    expect(floor).toBeGreaterThanOrEqual(makeId(Math.floor(subject.time.ms / 1000), 0))
  })

  it('knows the channels that it knew, and none that was removed', async () => {
    const path = folder()
    const subject = open(path, new FakeTime())
    await subject.publish('kept')
    await subject.publish('removed', 'first life')
    await subject.stat('made', true)
    await subject.stat('gone', true)
    await subject.remove('gone')
    await subject.remove('removed')
    await subject.publish('again', 'first life')
    await subject.remove('again')
    await subject.publish('again', 'second life')

    const again = await reopen(subject, path)

    const { names, total } = again.file.channels(0, 100)
    expect(names.toSorted()).toEqual(['again', 'kept', 'made'])
    expect(total).toBe(3)
    expect(await again.bodies(below(''))).toEqual(['x', 'second life'])
    expect(await again.stat('again')).toMatchObject({ messages: 1, appended: 1 })
  })

  it('has the same floors as before', async () => {
    const path = folder()
    const limits = { ...SMALL, maxMessages: 2 }
    const subject = open(path, new FakeTime(), limits)
    await subject.publishMany('trimmed', 5)
    await subject.publish('other')
    const trimmed = await subject.stat('trimmed')
    const other = await subject.stat('other')
    expect(trimmed?.floor).toBeGreaterThan(other?.floor as number)

    const again = await reopen(subject, path, limits)
    expect(await again.stat('trimmed')).toEqual(trimmed)
    expect(await again.stat('other')).toEqual(other)
  })

  it('remembers floors, counts and keys of files that were deleted', async () => {
    const path = folder()
    const limits = { ...SMALL, maxMessages: 40 }
    const subject = open(path, new FakeTime(), limits)
    await subject.publishMany('old', 45)
    await subject.stat('made', true)
    const keyed = draft('old', 'once', { key: 'k' })
    const { id } = await subject.append(keyed)
    await subject.append(draft('old', 'decided', { key: 'k', keyDecides: true }))
    subject.time.pass(1_000)
    for (let count = 0; count < 60; count++) await subject.publish('new', 'x'.repeat(150))
    await publishUntilGone(subject, path, 2)
    const old = await subject.stat('old')
    const news = await subject.stat('new')
    const { floor } = await subject.page(below(''))
    expect(old).toMatchObject({ messages: 0, appended: 47 })

    const again = await reopen(subject, path, limits)

    expect(await again.stat('old')).toEqual(old)
    expect(await again.stat('new')).toEqual(news)
    expect(await again.stat('made')).toMatchObject({ messages: 0, appended: 0 })
    expect((await again.page(below(''))).floor).toBe(floor)
    expect(await again.append(keyed)).toEqual({ id, duplicate: true })
    const other = draft('old', 'other bytes', { key: 'k', keyDecides: true })
    expect(await again.append(other)).toMatchObject({ duplicate: true })
    await expect(again.append(draft('old', 'two', { key: 'k' }))).rejects.toThrow('Idempotency-Key')
    expect(again.reports).toEqual([])
  })

  it('reads the same without its indexes', async () => {
    const path = folder()
    const subject = open(path, new FakeTime(), { segmentBytes: 4_096 })
    for (let count = 0; count < 200; count++) {
      const key = count % 7 === 0 ? `k${count}` : undefined
      const ttl = count % 5 === 0 ? 60 + count : undefined
      await subject.publish(`c${count % 9}`, `body ${count}`.padEnd(99), { key, ttl })
      if (count % 40 === 39) await subject.remove(`c${count % 9}`)
    }
    subject.time.pass(100_000)
    const before = (await subject.page(below(''))).messages.map(show)
    await subject.file.close()
    const indexes = readdirSync(path).filter((file) => file.endsWith('.idx'))
    expect(indexes.length).toBeGreaterThan(2)

    const indexed = open(path, subject.time)
    expect((await indexed.page(below(''))).messages.map(show)).toEqual(before)
    const stats = await Promise.all(range(9).map((n) => indexed.stat(`c${n}`)))
    await indexed.file.close()
    for (const file of indexes) rmSync(`${path}/${file}`)
    const scanned = open(path, subject.time)

    expect((await scanned.page(below(''))).messages.map(show)).toEqual(before)
    expect(await Promise.all(range(9).map((n) => scanned.stat(`c${n}`)))).toEqual(stats)
    const again = draft('c0', 'body 189'.padEnd(99), { key: 'k189' })
    expect(await scanned.append(again)).toMatchObject({ duplicate: true })
    // They are written again.
    await scanned.file.close()
    expect(readdirSync(path)).toEqual(expect.arrayContaining(indexes))
  })

  it('forgets the same channels as before it was closed', async () => {
    const path = folder()
    const limits = { maxChannels: 5 }
    const subject = open(path, new FakeTime(), limits)
    for (let count = 0; count < 20; count++) await subject.publish(`c${count}`)
    const known = subject.file.channels(0, 100)
    const { floor } = await subject.page(below(''))
    expect(known.total).toBe(5)

    const again = await reopen(subject, path, limits)

    expect(again.file.channels(0, 100).names.toSorted()).toEqual(known.names.toSorted())
    expect((await again.page(below(''))).floor).toBe(floor)
    expect(await again.floor(channels('c0'))).toBe(await subject.floor(channels('c0')))
  })

  it('moves on to the next second when one is full', async () => {
    const path = folder()
    const subject = open(path, new FakeTime())
    const second = Math.floor(subject.time.ms / 1000) + 10
    await subject.file.restore(draft('a'), makeId(second, IDS_PER_SECOND - 2), second * 1000)

    const again = await reopen(subject, path)
    const last = await again.publish('a')
    const next = await again.publish('a')

    expect(idIndex(last)).toBe(IDS_PER_SECOND - 1)
    expect(next).toBe(makeId(second + 1, 0))
    const times = (await again.page(channels('a'))).messages.map(({ time }) => time)
    expect(times).toEqual([second * 1000, second * 1000, (second + 1) * 1000])
  })

  it('deletes files that hold nothing any more, and keeps within its bytes on disk', async () => {
    const path = folder()
    const subject = open(path, new FakeTime(), { segmentBytes: 8_192, maxBytes: 40_000 })
    for (let count = 0; count < 1_000; count++) {
      await subject.publish(`c${count % 3}`, 'x'.repeat(200))
      subject.file.sweep()
    }

    await until(() => logsOf(path).length <= 7, 'old files are deleted')
    const bodies = await subject.bodies(below(''))
    expect(bodies.length).toBeGreaterThan(100)
    expect(bodies.length).toBeLessThan(200)
  })

  it('lets go of an idle message rather than of its bound on disk', async () => {
    const path = folder()
    const limits = { segmentBytes: 8_192, maxBytes: 40_000, maxMessages: 1 }
    const subject = open(path, new FakeTime(), limits)
    const id = await subject.publish('idle', 'the oldest')
    for (let count = 0; count < 1_000; count++) {
      await subject.publish('busy', 'x'.repeat(200))
      subject.file.sweep()
    }

    await until(() => logsOf(path).length <= 9, 'old files are deleted')
    expect(await subject.bodies(channels('idle'))).toEqual([])
    expect(await subject.floor(channels('idle'))).toBe(id)
  })
})

function show(message: FileSubject['messages'][number]): unknown {
  const { id, time, channel, contentType, attributes, ownData, expires } = message
  return [id, time, channel, contentType, attributes, ownData, expires, String(message.body)]
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}
