import { FanfareError } from '../../model/errors.ts'
import type { Facts, FactWatcher, How, Stated } from '../facts.ts'
import { MemoryFacts } from '../memory-facts.ts'
import { FactsBatch, type Waiting } from './facts-batch.ts'
import { encodeFact, encodeFactsHeader, FACTS_HEADER } from './facts-format.ts'
import { newFactsPath, openFacts } from './facts-open.ts'
import { unavailable, wordsOf } from './failure.ts'
import { type Files, realFiles, writeAll } from './files.ts'
import { FILE_DEFAULTS, type FileOptions } from './options.ts'

/** After a failure, the disk is asked again at most this often, in ms. */
const RETRY = 250
/** Bytes that are encoded and written before anybody else has a turn. */
const SLICE = 2 ** 20
/** A file with less in it than this is not written anew. */
const WORTH_REWRITING = 2 ** 20

export type FileFactsOptions = Pick<
  FileOptions,
  'durability' | 'syncInterval' | 'maxWaitingBytes' | 'report'
> & {
  /** ms since 1970 */
  readonly now: () => number
}

/**
 * Facts of one process, in a file beside the log of a file store and under its lock: open them after the
 * store, and close them before. All are in memory, too. Changes are appended; once they are more than what
 * holds, the file is written anew. docs/stores.md describes it and its format.
 */
export class FileFacts implements Facts {
  readonly #options: FileFactsOptions
  readonly #files: Files
  readonly #folder: string
  readonly #path: string
  readonly #seed: number
  /** What is in the file. */
  readonly #facts: MemoryFacts
  #fd: number
  #end: number
  /** The file is written anew when it is as long as this. */
  #longest = WORTH_REWRITING
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #active = false
  #running: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isUnsynced = false
  #isSyncDue = false
  /** The file may hold what does not count, or not hold what does: it is written anew before all else. */
  #isSpoilt = false
  #failing: { readonly error: FanfareError; readonly at: number } | undefined
  #closed = false

  /** @throws Error when the file cannot be read or is of a later version */
  constructor(folder: string, options: Partial<FileFactsOptions> = {}, files = realFiles) {
    this.#options = { ...FILE_DEFAULTS, now: Date.now, ...options }
    this.#files = files
    this.#folder = folder
    const { now, report } = this.#options
    this.#facts = new MemoryFacts(now)
    const opened = openFacts(
      folder,
      now(),
      ({ kind, owner, item, value, until }) => this.#facts.put(kind, owner, item, value, until),
      report,
    )
    this.#path = opened.path
    this.#fd = opened.fd
    this.#seed = opened.seed
    this.#end = opened.end
    this.#bound()
  }

  watch(watcher: FactWatcher): void {
    this.#facts.watch(watcher)
  }

  get(kind: string, owner: string, item: string): string | undefined {
    return this.#facts.get(kind, owner, item)
  }

  list(kind: string, owner: string): ReadonlyMap<string, string> {
    return this.#facts.list(kind, owner)
  }

  sizes(kind: string, owners: readonly string[]): readonly number[] {
    return this.#facts.sizes(kind, owners)
  }

  owners(kind: string): readonly string[] {
    return this.#facts.owners(kind)
  }

  count(kind: string): number {
    return this.#facts.count(kind)
  }

  async set(
    kind: string,
    owner: string,
    item: string,
    value?: string,
    how: How = {},
  ): Promise<Stated> {
    if (this.#closed) throw new FanfareError('store_unavailable', 'The store is closed.')
    const failing = this.#failing
    if (failing && performance.now() - failing.at < RETRY) throw failing.error
    if (this.#waitingBytes > this.#options.maxWaitingBytes) {
      throw new FanfareError('store_unavailable', 'The disk is too slow. Try again later.')
    }
    const { ttl = 0 } = how
    const until = value !== undefined && ttl > 0 ? this.#options.now() + ttl : 0
    const record = { kind, owner, item, value, until }
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ record, how, resolve, reject })
      this.#waitingBytes += kind.length + owner.length + item.length + (value?.length ?? 0)
      this.#start()
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#active) await this.#running
    clearTimeout(this.#timer)
    try {
      if (this.#isSpoilt) await this.#rewrite()
      else await this.#files.sync(this.#fd)
    } catch (error) {
      this.#options.report(
        `what was stated last may be lost: ${wordsOf(error, this.#path)}`,
        'store.doubt',
      )
    }
    await this.#files.close(this.#fd)
    this.#facts.close()
  }

  // --- writing, one thing at a time ---

  #start(): void {
    if (this.#active) return
    this.#active = true
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    for (;;) {
      // All that is stated in this turn goes together.
      await new Promise((resolve) => setImmediate(resolve))
      const waiting = this.#waiting
      this.#waiting = []
      this.#waitingBytes = 0
      await this.#tidy()
      if (waiting.length > 0) await this.#write(waiting)
      if (this.#waiting.length === 0 && !this.#isSyncDue) break
    }
    this.#active = false
    if ((this.#isUnsynced || this.#isSpoilt) && !this.#timer && !this.#closed) this.#tidyLater()
  }

  #tidyLater(): void {
    const wait = this.#isSpoilt ? RETRY : this.#options.syncInterval
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#isSyncDue = true
      this.#start()
    }, wait)
  }

  /** Syncs what is due, and writes the file anew when that must be, or is worth it. */
  async #tidy(): Promise<void> {
    const { report } = this.#options
    const isSyncDue = this.#isSyncDue
    this.#isSyncDue = false
    if (isSyncDue && this.#isUnsynced && !this.#isSpoilt) {
      try {
        await this.#files.sync(this.#fd)
        this.#isUnsynced = false
      } catch (error) {
        // Nobody knows what the disk has.
        this.#isSpoilt = true
        const words = wordsOf(error, this.#path)
        report(`what was stated last is not safe yet, and is written anew: ${words}`, 'store.doubt')
      }
    }
    if (!this.#isSpoilt && this.#end <= this.#longest) return
    try {
      await this.#rewrite()
    } catch (error) {
      if (this.#isSpoilt) this.#failed(error)
      else
        report(
          `the file of facts stays long for now: ${wordsOf(error, this.#path)}`,
          'store.upkeep',
        )
      this.#longest = this.#end + WORTH_REWRITING
    }
  }

  async #write(waiting: readonly Waiting[]): Promise<void> {
    const batch = new FactsBatch(this.#facts)
    const stated = waiting.map((one) => batch.add(one))
    const bytes = Buffer.concat(batch.records.map((record) => encodeFact(record, this.#seed)))
    try {
      if (this.#isSpoilt) throw this.#failing?.error ?? new FanfareError('store_unavailable')
      if (bytes.length > 0) await this.#append(bytes)
    } catch (error) {
      const told = error instanceof FanfareError ? error : this.#failed(error)
      for (const one of waiting) one.reject(told)
      return
    }
    if (bytes.length > 0) this.#recovered()
    for (const { kind, owner, item, value, until } of batch.records) {
      this.#facts.put(kind, owner, item, value, until)
    }
    for (const [index, one] of waiting.entries()) one.resolve(stated[index] as Stated)
  }

  async #append(bytes: Buffer): Promise<void> {
    const { durability } = this.#options
    const files = this.#files
    try {
      await writeAll(files, this.#fd, bytes, bytes.length, this.#end)
    } catch (error) {
      // Half a batch must not be found at the next start.
      await files.truncate(this.#fd, this.#end).catch(() => (this.#isSpoilt = true))
      throw error
    }
    try {
      if (durability === 'always') await files.sync(this.#fd)
    } catch (error) {
      this.#isSpoilt = true
      await files.truncate(this.#fd, this.#end).catch(() => {})
      throw error
    }
    this.#end += bytes.length
    this.#isUnsynced = durability === 'interval'
  }

  /** All that holds, in a new file in the place of the old one. */
  async #rewrite(): Promise<void> {
    const files = this.#files
    const path = newFactsPath(this.#folder)
    const fd = await files.open(path, 'w+')
    let end = 0
    const put = async (slices: readonly Buffer[]): Promise<void> => {
      const bytes = Buffer.concat(slices)
      await writeAll(files, fd, bytes, bytes.length, end)
      end += bytes.length
    }
    try {
      let size = FACTS_HEADER
      let slices = [encodeFactsHeader(this.#seed, this.#options.now())]
      for (const fact of this.#facts.all()) {
        const bytes = encodeFact(fact, this.#seed)
        slices.push(bytes)
        size += bytes.length
        if (size < SLICE) continue
        await put(slices)
        slices = []
        size = 0
      }
      await put(slices)
      await files.sync(fd)
      await files.rename(path, this.#path)
    } catch (error) {
      await files.close(fd).catch(() => {})
      await files.remove(path).catch(() => {})
      throw error
    }
    const former = this.#fd
    this.#fd = fd
    this.#end = end
    this.#isUnsynced = false
    this.#isSpoilt = false
    this.#bound()
    await files.close(former).catch(() => {})
    // What is appended from here on must not be in a file without a name.
    await files.syncFolder(this.#folder).catch((error: unknown) => {
      this.#isSpoilt = true
      throw error
    })
    this.#recovered()
  }

  /** A file that is written anew has grown to twice its size by then, so that it costs little. */
  #bound(): void {
    let holds = FACTS_HEADER
    for (const { kind, owner, item, value } of this.#facts.all()) {
      holds += RECORD + kind.length + owner.length + item.length + value.length
    }
    this.#longest = Math.max(WORTH_REWRITING, 2 * holds)
  }

  #failed(error: unknown): FanfareError {
    const told = unavailable(error, this.#path, 'Nothing can be changed')
    if (!this.#failing) {
      const words = wordsOf(error, this.#path)
      this.#options.report(
        `no sessions and subscriptions can be stored: ${words}`,
        'store.unavailable',
      )
    }
    this.#failing = { error: told, at: performance.now() }
    return told
  }

  #recovered(): void {
    if (!this.#failing) return
    this.#failing = undefined
    this.#options.report(`${this.#path}: takes changes again`, 'store.available')
  }
}

/** About how many bytes a record has beside its texts. */
const RECORD = 30
