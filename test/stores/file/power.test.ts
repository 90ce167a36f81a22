import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'
import type { FileOptions } from '../../../src/stores/file/options.ts'
import { until } from '../../support/wait.ts'
import { channels, FakeTime } from '../contract/harness.ts'
import { FaultyFiles, type FileSubject, folder, logsOf, open } from './support.ts'

/** A disk that knows what it would still have if the machine lost its power now. */
class MortalFiles extends FaultyFiles {
  readonly #open = new Map<number, string>()
  readonly #written = new Map<string, number>()
  /** By path: bytes that are on the disk for certain. */
  readonly #safe = new Map<string, number>()
  /** When the last sync that succeeded began. */
  syncedAt = 0

  override async open(path: string, flags: string): Promise<number> {
    const fd = await super.open(path, flags)
    this.#open.set(fd, path)
    return fd
  }

  override async write(
    fd: number,
    from: Buffer,
    offset: number,
    length: number,
    at: number,
  ): Promise<number> {
    const count = await super.write(fd, from, offset, length, at)
    const path = this.#open.get(fd)
    if (path) this.#written.set(path, at + count)
    else this.first = Math.max(this.first, at + count)
    return count
  }

  override async sync(fd: number): Promise<void> {
    const began = performance.now()
    const path = this.#open.get(fd)
    const size = path ? (this.#written.get(path) ?? 0) : this.first
    await super.sync(fd)
    this.syncedAt = began
    if (path) this.#safe.set(path, size)
    else this.firstSafe = Math.max(this.firstSafe, size)
  }

  /** The first file is opened before the store asks us anything. */
  first = 64
  firstSafe = 64

  /** The folder as another machine would find it. */
  lose(path: string): string {
    const left = `${path}+`
    cpSync(path, left, { recursive: true })
    for (const log of logsOf(left)) {
      const own = join(path, basename(log))
      const known = this.#written.has(own) || this.#safe.has(own)
      truncateSync(log, known ? (this.#safe.get(own) ?? 0) : this.firstSafe)
    }
    const lock = join(left, 'lock')
    const holder = JSON.parse(readFileSync(lock, 'utf8')) as object
    writeFileSync(lock, JSON.stringify({ ...holder, boot: 'the former run' }))
    return left
  }
}

interface Survivors {
  /** When the last sync began that had succeeded by then. */
  readonly syncedAt: number
  readonly left: FileSubject
  /** When each was acknowledged, by its body. */
  readonly acknowledged: ReadonlyMap<string, number>
  readonly found: readonly string[]
}

/** Publishes until so many are acknowledged, then pulls the plug. */
async function pullThePlug(options: Partial<FileOptions>, count: number): Promise<Survivors> {
  const path = join(folder(), 'log')
  const files = new MortalFiles()
  const subject = open(path, new FakeTime(), { segmentBytes: 8_192, ...options }, files)
  const acknowledged = new Map<string, number>()
  let number = 0
  const publisher = async (): Promise<void> => {
    while (acknowledged.size < count) {
      const body = `${number++}`
      await subject.publish('a', body)
      acknowledged.set(body, performance.now())
    }
  }
  const publishers = Array.from({ length: 8 }, publisher)
  await until(() => acknowledged.size >= count, 'enough is published')
  const folderLeft = files.lose(path)
  const { syncedAt } = files
  const known = new Map(acknowledged)
  await Promise.all(publishers)
  const left = open(folderLeft, subject.time, options)
  return {
    syncedAt,
    left,
    acknowledged: known,
    found: await left.bodies(channels('a'), { limit: 1e6 }),
  }
}

it('a machine without power has every acknowledged message, with durability always', async () => {
  const { left, acknowledged, found } = await pullThePlug({ durability: 'always' }, 500)

  expect(new Set(found).size).toBe(found.length)
  expect([...acknowledged.keys()].filter((body) => !found.includes(body))).toEqual([])
  expect(left.reports.filter((text) => !text.includes('torn'))).toEqual([])
})

it('a machine without power has all but the last moment, and says so, with interval', async () => {
  const options = { durability: 'interval', syncInterval: 20 } as const
  const { syncedAt, left, acknowledged, found } = await pullThePlug(options, 3_000)

  const lost = [...acknowledged].filter(([body]) => !found.includes(body))
  expect(new Set(found).size).toBe(found.length)
  expect(found.length).toBeGreaterThan(100)
  // What was written before a sync began is not lost.
  for (const [body, at] of lost) expect(at, body).toBeGreaterThan(syncedAt)
  expect(left.reports.join()).toContain('the machine went down')
  const floor = await left.floor(channels('a'))
  expect(floor).toBe(left.file.head)
})
