import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Clock } from '../../../src/model/clock.ts'
import type { MessageId } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import type { Selectors } from '../../../src/model/selector.ts'
import { FileStore } from '../../../src/stores/file/file-store.ts'
import type { FileOptions } from '../../../src/stores/file/options.ts'
import { MemoryStore } from '../../../src/stores/memory.ts'
import { below, channels, draft, FakeTime, Subject } from '../contract/harness.ts'
import { folder, logsOf } from './support.ts'

const LIMITS = { maxMessages: 6, maxAge: 20_000, maxTotalMessages: 15, keyWindow: 60_000 }
/** Some six messages a file: files are deleted all the time. */
const SEGMENT = 512
const WANTED = [channels('a'), channels('a', 'x/1'), below('x/'), below('')]

type Step =
  | { kind: 'publish'; channel: string; ttl: number | undefined; key: string | undefined }
  | { kind: 'pass'; ms: number }
  | { kind: 'create'; channel: string }
  | { kind: 'remove'; channel: string }
  | { kind: 'read'; wanted: Selectors }
  | { kind: 'reopen' }
  | { kind: 'crash'; torn: number }

const channel = fc.constantFrom('a', 'b', 'x/1', 'x/2')
const key = fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined, freq: 3 })
const ttl = fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined, freq: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), channel, ttl, key }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(6_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('create' as const), channel }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), channel }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      wanted: fc.constantFrom(...WANTED),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), torn: fc.nat(40) }) },
)

/** A memory store and a file store that are told the same at the same times. */
class Pair {
  readonly time = new FakeTime()
  readonly memory: Subject
  readonly #options: Partial<FileOptions>
  #path: string
  file: Subject
  #store: FileStore

  constructor(path: string) {
    this.#path = path
    this.#options = {
      ...LIMITS,
      segmentBytes: SEGMENT,
      cacheBytes: 500,
      report: (text) => {
        if (!text.includes('torn')) throw new Error(text)
      },
    }
    this.memory = new Subject(new MemoryStore(LIMITS, this.time.clock), this.time)
    this.#store = this.#open()
    this.file = new Subject(this.#store, this.time)
  }

  async take(one: Step): Promise<void> {
    if (one.kind === 'publish') await this.#publish(one)
    else if (one.kind === 'pass') this.time.pass(one.ms)
    else if (one.kind === 'create') {
      await this.memory.stat(one.channel, true)
      await this.file.stat(one.channel, true)
    } else if (one.kind === 'remove') {
      const expected = await this.memory.remove(one.channel)
      const found = await this.file.remove(one.channel)
      expect(found === undefined).toBe(expected === undefined)
    } else if (one.kind === 'read') await this.compare(one.wanted)
    else if (one.kind === 'reopen') await this.#reopen()
    else await this.#crash(one.torn)
    this.#store.sweep()
  }

  async #publish({
    channel: to,
    ttl: seconds,
    key: of,
  }: Step & { kind: 'publish' }): Promise<void> {
    const body = `${to} ${this.memory.messages.length} `.padEnd(40, 'x')
    const one = draft(to, body, { ttl: seconds, key: of, keyDecides: true })
    const expected = await this.memory.append(one)
    const found = await this.file.append(one)
    expect(found).toEqual(expected)
  }

  async compare(wanted: Selectors): Promise<void> {
    const expected = await this.memory.page(wanted)
    const found = await this.file.page(wanted)
    expect(found.messages.map(shown)).toEqual(expected.messages.map(shown))
    expect(found.floor).toBe(expected.floor)
    expect(found.upTo).toBe(expected.upTo)
    for (const one of wanted.channels) {
      const stat = await this.memory.stat(one)
      const { bytes: _, ...rest } = stat ?? { bytes: 0 }
      const own = await this.file.stat(one)
      if (stat) expect(own).toMatchObject(rest)
      else expect(own).toBeUndefined()
    }
  }

  async #reopen(): Promise<void> {
    await this.#store.close()
    this.#store = this.#open()
    this.file = new Subject(this.#store, this.time)
  }

  /** What a killed process leaves, with the beginning of a record that nobody was told is stored. */
  async #crash(torn: number): Promise<void> {
    const copy = `${this.#path}+`
    copyLive(this.#path, copy)
    await this.#store.close()
    rmSync(this.#path, { recursive: true })
    this.#path = copy
    const last = logsOf(copy).at(-1) as string
    const fd = openSync(last, 'r+')
    ftruncateSync(fd, fstatSync(fd).size + torn)
    closeSync(fd)
    this.#store = this.#open()
    this.file = new Subject(this.#store, this.time)
  }

  #open(): FileStore {
    return new FileStore(this.#path, this.#options, new Clock(() => this.time.clock.now()))
  }

  async close(): Promise<void> {
    await this.#store.close()
    rmSync(this.#path, { recursive: true })
  }
}

it('keeps what a memory store keeps, however often it is opened again or killed', {
  timeout: 120_000,
}, async () => {
  const parent = folder()
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200, size: 'max' }), async (steps) => {
      const pair = new Pair(join(parent, `${runs++}`))
      try {
        for (const one of steps) await pair.take(one)
        for (const wanted of WANTED) await pair.compare(wanted)
      } finally {
        await pair.close()
      }
    }),
    { numRuns: Number(process.env['FANFARE_TEST_RUNS'] ?? 30) },
  )
})

it('loses no more than what lies behind the place where a log was cut', {
  timeout: 60_000,
}, async () => {
  const parent = folder()
  let runs = 0
  await fc.assert(
    fc.asyncProperty(
      fc.nat(40),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (count, part) => {
        const path = join(parent, `${runs++}`)
        const time = new FakeTime()
        const reports: string[] = []
        const report = (text: string): void => void reports.push(text)
        const store = new FileStore(path, { report }, time.clock)
        const subject = new Subject(store, time)
        const ids: MessageId[] = []
        for (let n = 0; n < count; n++) ids.push(await subject.publish('a', 'x'.repeat(n)))
        await store.close()
        const log = logsOf(path)[0] as string
        const fd = openSync(log, 'r+')
        const { size } = fstatSync(fd)
        const cut = 64 + Math.floor((size - 64) * part)
        ftruncateSync(fd, cut)
        closeSync(fd)
        // Each record is its head, its channel and its body.
        let whole = 0
        for (let end = 64; whole < count && end + 25 + whole <= cut; whole++) end += 25 + whole

        const again = new FileStore(path, { report }, time.clock)
        const found = await new Subject(again, time).page(channels('a'))
        await again.close()

        expect(found.messages.map(({ id }) => id)).toEqual(ids.slice(0, whole))
        expect(reports.length).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: 60 },
  )
})

function shown(message: Message): unknown {
  return [message.id, message.time, message.channel, message.expires, String(message.body)]
}

/** Copies a log that is in use: what is deleted meanwhile is carried on in the last file. */
function copyLive(from: string, to: string): void {
  mkdirSync(to)
  for (const file of readdirSync(from).sort()) {
    const unfinished = file.endsWith('.tmp') || file === 'lock'
    if (unfinished) continue
    try {
      copyFileSync(join(from, file), join(to, file))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
