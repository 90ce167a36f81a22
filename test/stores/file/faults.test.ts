import { EventEmitter, once } from 'node:events'
import { statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { FanfareError } from '../../../src/model/errors.ts'
import type { FileOptions } from '../../../src/stores/file/options.ts'
import { until } from '../../support/wait.ts'
import { below, channels, draft, FakeTime } from '../contract/harness.ts'
import { FaultyFiles, type FileSubject, folder, logsOf, open } from './support.ts'

interface Rig {
  readonly path: string
  readonly files: FaultyFiles
  readonly subject: FileSubject
}

function start(options: Partial<FileOptions> = {}): Rig {
  const path = folder()
  const files = new FaultyFiles()
  return { path, files, subject: open(path, new FakeTime(), options, files) }
}

/** What a publisher is told. */
async function refused(publishing: Promise<unknown>): Promise<string> {
  try {
    await publishing
  } catch (error) {
    if (!(error instanceof FanfareError)) throw error
    return `${error.code}: ${error.message}`
  }
  throw new Error('it was stored')
}

/** Publishes until the store takes it again: it asks the disk now and then only. */
async function untilTaken(subject: FileSubject, body: string): Promise<void> {
  let taken = false
  const tryOnce = (): void => {
    void subject.publish('a', body).then(
      () => (taken = true),
      () => setTimeout(tryOnce, 5),
    )
  }
  tryOnce()
  await until(() => taken, 'the store takes messages again')
}

/** What is in the log for the next process. */
async function reopened({ path, subject }: Rig): Promise<FileSubject> {
  await subject.file.close()
  return open(path, subject.time)
}

describe('a disk that takes little at a time', () => {
  it('has everything in the end', async () => {
    const rig = start({ cacheBytes: 0 })
    rig.files.mostBytes = 7

    await Promise.all(Array.from({ length: 20 }, (_, n) => rig.subject.publish('a', `body ${n}`)))

    expect(await rig.subject.bodies(channels('a'))).toHaveLength(20)
    expect(await (await reopened(rig)).bodies(channels('a'))).toHaveLength(20)
  })
})

describe.each(['interval', 'always', 'os'] as const)('with durability %s', (durability) => {
  it.each([
    ['ENOSPC', 'the disk is full (ENOSPC)'],
    ['EROFS', 'the disk is read-only (EROFS)'],
    ['EIO', 'the disk failed (EIO)'],
  ])('%s while writing fails the publish in words, and is got over', async (code, words) => {
    const rig = start({ durability })
    const { files, subject } = rig
    await subject.publish('a', 'before')
    files.fail(code, 'write')

    const told = await refused(subject.publish('a', 'lost'))

    expect(told).toMatch(/^store_unavailable: The message was not stored: /)
    expect(told).toContain(words)
    expect(subject.reports).toEqual([expect.stringContaining(words)])
    expect(await subject.bodies(channels('a'))).toEqual(['before'])
    expect(subject.heard).toHaveLength(1)

    files.heal()
    await untilTaken(subject, 'after')
    expect(subject.reports.at(-1)).toContain('takes messages again')
    expect(await subject.bodies(channels('a'))).toEqual(['before', 'after'])
    const again = await reopened(rig)
    expect(await again.bodies(channels('a'))).toEqual(['before', 'after'])
    expect(again.reports).toEqual([])
  })

  it('half a batch is cut off again when the disk gets full in it', async () => {
    const rig = start({ durability })
    const { files, subject, path } = rig
    await subject.publish('a', 'before')
    const size = statSync(logsOf(path)[0] as string).size
    files.room = 1_000

    const publishes = Array.from({ length: 10 }, () => subject.publish('a', 'x'.repeat(200)))
    const told = await Promise.all(publishes.map(refused))

    expect(new Set(told)).toEqual(new Set([expect.stringContaining('ENOSPC')]))
    expect(statSync(logsOf(path)[0] as string).size).toBe(size)
    files.heal()
    await untilTaken(subject, 'after')
    expect(await (await reopened(rig)).bodies(channels('a'))).toEqual(['before', 'after'])
  })

  it('what cannot be cut off does not count at the next start', async () => {
    const rig = start({ durability })
    const { files, subject } = rig
    await subject.publish('a', 'before')
    files.room = 100
    files.fail('EIO', 'truncate')
    // The first of the two records is whole on the disk.
    await Promise.all([
      refused(subject.publish('a', 'y'.repeat(50))),
      refused(subject.publish('a', 'y'.repeat(50))),
    ])

    files.heal()
    await untilTaken(subject, 'after')

    const again = await reopened(rig)
    expect(await again.bodies(channels('a'))).toEqual(['before', 'after'])
    expect(again.reports).toEqual([])
  })

  it('keys of what was not stored are free again', async () => {
    const { files, subject } = start({ durability })
    const keyed = draft('a', 'once', { key: 'k' })
    files.fail('ENOSPC', 'write')
    const both = [subject.append(keyed), subject.append(keyed)]
    for (const one of both) expect(await refused(one)).toContain('ENOSPC')

    files.heal()
    await untilTaken(subject, 'between')

    expect(await subject.append(keyed)).toMatchObject({ duplicate: false })
    expect(await subject.append(keyed)).toMatchObject({ duplicate: true })
  })

  it('what came with a key twice in one turn is stored once', async () => {
    const { subject } = start({ durability })
    const keyed = draft('a', 'once', { key: 'k' })

    const [first, second, other] = await Promise.allSettled([
      subject.append(keyed),
      subject.append(keyed),
      subject.append({ ...keyed, body: Buffer.from('other') }),
    ])

    expect(first).toMatchObject({ value: { duplicate: false } })
    expect(second).toMatchObject({ value: { duplicate: true } })
    expect(other).toMatchObject({ reason: { code: 'key_reused' } })
    expect(await subject.bodies(channels('a'))).toEqual(['once'])
  })

  it('removing and making channels fails and recovers as publishing does', async () => {
    const { files, subject } = start({ durability })
    await subject.publish('a', 'kept')
    files.fail('EROFS', 'write')

    expect(await refused(subject.remove('a'))).toContain('EROFS')
    expect(await refused(subject.stat('b', true))).toContain('EROFS')

    expect(await subject.bodies(channels('a'))).toEqual(['kept'])
    expect(await subject.stat('b')).toBeUndefined()
    files.heal()
    await untilTaken(subject, 'after')
    expect(await subject.remove('a')).toMatchObject({ messages: 2 })
  })

  it('a full disk that cannot begin a file goes on once it can', async () => {
    const rig = start({ durability, segmentBytes: 300 })
    const { files, subject } = rig
    await subject.publish('a', 'x'.repeat(200))
    files.fail('ENOSPC', 'open')

    expect(await refused(subject.publish('a', 'y'.repeat(200)))).toContain('ENOSPC')

    files.heal()
    await untilTaken(subject, 'after')
    const again = await reopened(rig)
    expect(await again.bodies(channels('a'))).toEqual(['x'.repeat(200), 'after'])
    expect(again.reports).toEqual([])
  })

  it('asks a broken disk now and then only', async () => {
    const { files, subject } = start({ durability })
    files.fail('EIO', 'write')
    await refused(subject.publish('a'))
    const { calls } = files

    for (let count = 0; count < 50; count++) await refused(subject.publish('a'))

    expect(files.calls - calls).toBeLessThan(20)
  })
})

describe('a failed sync', () => {
  it('with durability always fails the publish, and a new file is begun', async () => {
    const rig = start({ durability: 'always' })
    const { files, subject, path } = rig
    await subject.publish('a', 'before')
    files.fail('EIO', 'sync')

    expect(await refused(subject.publish('a', 'lost'))).toContain('the disk failed (EIO)')

    expect(subject.heard).toHaveLength(1)
    files.heal()
    await untilTaken(subject, 'after')
    expect(logsOf(path)).toHaveLength(2)
    const again = await reopened(rig)
    expect(await again.bodies(channels('a'))).toEqual(['before', 'after'])
    expect(again.reports).toEqual([])
  })

  it('with durability interval has what is in doubt written anew', async () => {
    const rig = start({ syncInterval: 5, cacheBytes: 0 })
    const { files, subject, path } = rig
    await subject.publish('a', 'synced')
    await subject.append(draft('a', 'with key', { key: 'k', ttl: 1_000 }))
    let failed = 0
    files.fault = (method) => (method === 'sync' && failed++ === 0 ? 'EIO' : undefined)

    await subject.publish('a', 'in doubt')
    await subject.publish('b', 'in doubt, too')
    await subject.remove('b')
    await until(() => logsOf(path).length === 2, 'a new file is begun')
    await subject.publish('a', 'after')

    expect(subject.reports).toEqual([expect.stringContaining('written anew')])
    const expected = ['synced', 'with key', 'in doubt', 'after']
    expect(await subject.bodies(below(''))).toEqual(expected)
    const again = await reopened(rig)
    expect(await again.bodies(below(''))).toEqual(expected)
    expect(again.reports).toEqual([])
    const keyed = draft('a', 'with key', { key: 'k', ttl: 1_000 })
    expect(await again.append(keyed)).toMatchObject({ duplicate: true })
  })

  it('that goes on refuses publishes, keeps what was taken, and recovers by itself', async () => {
    const rig = start({ syncInterval: 5 })
    const { files, subject } = rig
    files.fail('EIO', 'sync', 'truncate')
    await subject.publish('a', 'taken')
    await until(() => subject.reports.length > 0, 'the sync fails')
    let told = ''
    await until(() => {
      void refused(subject.publish('a', 'not taken')).then(
        (text) => (told = text),
        () => {},
      )
      return told !== ''
    }, 'publishing is refused')
    expect(told).toContain('EIO')
    expect((await subject.bodies(channels('a')))[0]).toBe('taken')

    files.heal()
    await untilTaken(subject, 'after')

    const bodies = await subject.bodies(channels('a'))
    expect(bodies[0]).toBe('taken')
    expect(bodies.at(-1)).toBe('after')
    expect(await (await reopened(rig)).bodies(channels('a'))).toEqual(bodies)
  })
})

describe('a disk that cannot be read', () => {
  it('fails the read in words, and loses nothing', async () => {
    const { files, subject } = start({ cacheBytes: 0 })
    await subject.publish('a', 'there')
    files.fail('EIO', 'read')

    expect(await refused(subject.page(channels('a')))).toContain('cannot be read')

    files.heal()
    expect(await subject.bodies(channels('a'))).toEqual(['there'])
  })
})

describe('a disk that stands still', () => {
  it('has publishes wait, then fail: what waits is bounded', async () => {
    const { files, subject } = start({ maxWaitingBytes: 1_000 })
    const disk = new EventEmitter()
    const stalled = once(disk, 'moves on')
    const write = files.write.bind(files)
    files.write = async (...args) => {
      await stalled
      return write(...args)
    }
    const outcomes: string[] = []
    const publish = (): Promise<void> =>
      subject.publish('a', 'x'.repeat(200)).then(
        () => void outcomes.push('stored'),
        (error: unknown) => void outcomes.push(String(error)),
      )

    const all = Array.from({ length: 10 }, publish)
    await until(() => outcomes.length > 0, 'publishes are refused')

    expect(outcomes.every((one) => one.includes('slower than what is published'))).toBe(true)
    expect(outcomes.length).toBeLessThan(10)
    disk.emit('moves on')
    await Promise.all(all)
    const stored = outcomes.filter((one) => one === 'stored')
    expect(stored.length).toBeGreaterThan(2)
    expect(await subject.bodies(channels('a'))).toHaveLength(stored.length)
  })
})

describe('room on a full disk', () => {
  it('is made by what is too old, though nothing can be written first', async () => {
    const rig = start({ segmentBytes: 1_000, maxAge: 10_000 })
    const { files, subject, path } = rig
    for (let count = 0; count < 20; count++) await subject.publish('a', 'x'.repeat(200))
    const old = await subject.stat('a')
    subject.time.pass(60_000)
    files.room = 0
    await refused(subject.publish('a', 'no room'))

    await until(() => {
      subject.file.sweep()
      return logsOf(path).length === 1
    }, 'old files are deleted')

    files.heal()
    await untilTaken(subject, 'after')
    // What is owed goes before the next message.
    subject.file.sweep()
    await subject.publish('a', 'last')
    await subject.file.close()
    const again = open(path, subject.time, { maxAge: 10_000 })
    expect(again.reports).toEqual([])
    expect(await again.bodies(channels('a'))).toEqual(['after', 'last'])
    expect(await again.floor(channels('a'))).toBeGreaterThanOrEqual(old?.last as number)
  })
})
