import type { Report } from '../../model/events.ts'
import type { FanfareError } from '../../model/errors.ts'
import { Histogram } from '../../model/histogram.ts'
import type { MessageId } from '../../model/id.ts'
import { Batch, ChunkPool, type Entry, type Piece } from './batch.ts'
import { unavailable, wordsOf } from './failure.ts'
import { type Files, writeAll } from './files.ts'
import { encodeHeader, HEADER_BYTES } from './format.ts'
import { type Segment, segmentPath } from './segment.ts'

/** After a failure, the disk is asked again at most this often, in ms. */
const RETRY = 250
/** Bytes that may be written and not synced; then writing waits for the disk. Bounds what is lost. */
const MAX_UNSYNCED = 64 * 2 ** 20

/** When a publish counts as stored. */
export type Durability = 'always' | 'interval' | 'os'

export interface WriterOptions {
  readonly folder: string
  readonly files: Files
  readonly seed: number
  readonly durability: Durability
  /** ms between syncs with `interval`. */
  readonly syncInterval: number
  readonly segmentBytes: number
}

/** What the writer asks of the store. All but `roomMade` at once. */
export interface WriterHost {
  /** These are in the log, the first at byte `at` of the segment. */
  commit(entries: readonly Entry[], segment: Segment, at: number): void
  fail(entries: readonly Entry[], error: FanfareError): void
  /**
   * A segment behind the last one, of which nobody knows yet.
   * @param from it is to take the place of the last one from this byte on
   */
  newSegment(from?: number): Segment
  /** It is the last one now. */
  begun(segment: Segment): void
  /** It is the last one now, and has the very records that stand in `doubtful` from byte `from` on. */
  moved(doubtful: Segment, from: number, segment: Segment): void
  /** Nothing is added to this one any more. */
  sealed(segment: Segment): void
  readonly newest: { readonly head: MessageId; readonly floor: MessageId }
  /** Does what is due between two batches: deletes what is wholly dead. */
  roomMade(write: (batch: Batch) => Promise<boolean>): Promise<void>
  report: Report
}

/**
 * Writes batches to the last segment, one at a time: what comes while one is under way is the next.
 * After a failure the file is cut back to its last good end, and the next batch tries again.
 */
export class Writer {
  readonly pool = new ChunkPool()
  /** How long syncs of messages took, in seconds. */
  readonly syncs = new Histogram()
  /** Batches that could not be written, and syncs that failed. */
  failures = 0
  readonly #options: WriterOptions
  readonly #host: WriterHost
  #segment: Segment
  #filling: Batch
  #active = false
  #running: Promise<void> = Promise.resolve()
  /** Bytes that were handed over and are not in the log yet. */
  #waiting = 0
  #failing: { readonly error: FanfareError; readonly at: number } | undefined
  /** The last segment has something behind its end that must not count: a new one is begun. */
  #spoilt = false
  /** Written and not synced; it is written again when syncing fails. */
  #unsynced: Piece[] = []
  #unsyncedBytes = 0
  /** A sync failed: the disk may or may not have what is unsynced. */
  #doubt = false
  #syncing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #roomDue = false
  #closed = false

  constructor(options: WriterOptions, host: WriterHost, segment: Segment) {
    this.#options = options
    this.#host = host
    this.#segment = segment
    this.#filling = new Batch(this.pool)
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.#waiting === 0
  }

  /** Whether the last write failed, and none has succeeded since. */
  get failing(): boolean {
    return this.#failing !== undefined
  }

  /** Why nothing can be taken right now; undefined when it can be tried. */
  get refusal(): FanfareError | undefined {
    const failing = this.#failing
    return failing && performance.now() - failing.at < RETRY ? failing.error : undefined
  }

  /** Where the next record goes; `added` is to be called when it is there. */
  get filling(): Batch {
    return this.#filling
  }

  added(length: number): void {
    this.#waiting += length
    this.#start()
  }

  /** Something may be wholly dead: looked at between two batches. */
  makeRoom(): void {
    this.#roomDue = true
    this.#start()
  }

  /** Resolves once all that was handed over is written and synced, or has failed. */
  async close(): Promise<void> {
    while (this.#active) await this.#running
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#sync()
    if (this.#doubt) await this.#settleDoubt()
    const { fd } = this.#segment
    try {
      if (fd !== undefined) await this.#options.files.sync(fd)
    } catch (error) {
      this.#host.report(
        `what was published last may be lost: ${wordsOf(error, this.#segment.path)}`,
        'store.doubt',
      )
    }
  }

  #start(): void {
    if (this.#active || this.#closed) return
    this.#active = true
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    for (;;) {
      // All that is handed over in this turn goes together.
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#doubt) await this.#settleDoubt()
      if (this.#roomDue) {
        this.#roomDue = false
        try {
          await this.#host.roomMade((batch) => this.#write(batch))
        } catch (error) {
          this.#host.report(
            `old segments stay for now: ${wordsOf(error, this.#options.folder)}`,
            'store.upkeep',
          )
        }
      }
      const batch = this.#filling
      if (batch.entries.length === 0) {
        if (this.#roomDue) continue
        this.#active = false
        return
      }
      this.#filling = new Batch(this.pool)
      await this.#write(batch)
      this.#waiting -= batch.bytes
    }
  }

  /** @returns whether the batch is in the log */
  async #write(batch: Batch): Promise<boolean> {
    const { durability, segmentBytes } = this.#options
    try {
      if (this.#doubt) await this.#rewrite()
      while (this.#unsyncedBytes > MAX_UNSYNCED && !this.#doubt) await this.#sync()
      const full = this.#segment.end + batch.bytes > segmentBytes
      if (this.#spoilt || (full && this.#segment.end > HEADER_BYTES)) await this.#roll()
      await this.#put(batch)
      if (durability === 'always') await this.#syncBatch()
    } catch (error) {
      this.#fail(batch, error)
      return false
    }
    const segment = this.#segment
    const at = segment.end
    segment.end += batch.bytes
    if (this.#failing) {
      this.#failing = undefined
      this.#host.report(`${this.#options.folder}: takes messages again`, 'store.available')
    }
    if (durability === 'interval') {
      this.#unsynced.push(...batch.pieces)
      this.#unsyncedBytes += batch.bytes
      this.#syncLater()
    } else this.pool.giveBack(batch.pieces)
    this.#host.commit(batch.entries, segment, at)
    return true
  }

  #fail(batch: Batch, error: unknown): void {
    this.failures++
    const told = unavailable(error, this.#segment.path)
    if (!this.#failing) {
      this.#host.report(
        `no messages can be stored: ${wordsOf(error, this.#segment.path)}`,
        'store.unavailable',
      )
    }
    this.#failing = { error: told, at: performance.now() }
    this.pool.giveBack(batch.pieces)
    this.#host.fail(batch.entries, told)
  }

  async #put(batch: Batch): Promise<void> {
    const { files } = this.#options
    const segment = this.#segment
    const fd = fdOf(segment)
    let at = segment.end
    try {
      for (const { bytes } of batch.pieces) {
        await writeAll(files, fd, bytes, bytes.length, at)
        at += bytes.length
      }
    } catch (error) {
      // Half a batch must not be found at the next start.
      await files.truncate(fd, segment.end).catch(() => (this.#spoilt = true))
      throw error
    }
  }

  /** With `always`: what cannot be synced is not stored, and its bytes are not to be trusted. */
  async #syncBatch(): Promise<void> {
    const { files } = this.#options
    const segment = this.#segment
    try {
      const began = performance.now()
      await files.sync(fdOf(segment))
      this.syncs.since(began)
    } catch (error) {
      this.#spoilt = true
      await files.truncate(fdOf(segment), segment.end).catch(() => {})
      throw error
    }
  }

  /** Begins the next segment. */
  async #roll(): Promise<void> {
    if (this.#options.durability === 'interval') {
      while (this.#unsyncedBytes > 0 && !this.#doubt) await this.#sync()
      if (this.#doubt) return this.#rewrite()
    }
    const former = this.#segment
    const segment = await this.#begin(former.end, this.#host.newSegment())
    this.#segment = segment
    this.#spoilt = false
    this.#host.begun(segment)
    this.#host.sealed(former)
  }

  /** @param formerEnd where the segment before it ends */
  async #begin(formerEnd: number, segment: Segment): Promise<Segment> {
    const { files, folder, seed, durability } = this.#options
    const { head: base, floor } = this.#host.newest
    const header = { serial: segment.serial, seed, base, floor, formerEnd, made: Date.now() }
    const path = segmentPath(folder, segment.serial)
    const fd = await files.open(path, 'w+')
    try {
      await writeAll(files, fd, encodeHeader(header), HEADER_BYTES, 0)
      if (durability !== 'os') {
        await files.sync(fd)
        await files.syncFolder(folder)
      }
    } catch (error) {
      await files.close(fd).catch(() => {})
      await files.remove(path).catch(() => {})
      throw error
    }
    segment.fd = fd
    return segment
  }

  #syncLater(): void {
    if (this.#timer || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#sync().then(() => {
        if (this.#unsyncedBytes > 0 && !this.#doubt) this.#syncLater()
      })
    }, this.#options.syncInterval)
  }

  /** Makes what is written durable. A failure shows in `#doubt`. */
  #sync(): Promise<void> {
    return (this.#syncing ??= this.#syncNow().finally(() => (this.#syncing = undefined)))
  }

  async #syncNow(): Promise<void> {
    if (this.#unsyncedBytes === 0 || this.#doubt) return
    const pieces = this.#unsynced
    const bytes = this.#unsyncedBytes
    this.#unsynced = []
    try {
      const began = performance.now()
      await this.#options.files.sync(fdOf(this.#segment))
      this.syncs.since(began)
    } catch (error) {
      this.failures++
      this.#unsynced = [...pieces, ...this.#unsynced]
      this.#doubt = true
      const words = wordsOf(error, this.#segment.path)
      this.#host.report(
        `what was published last is not safe yet, and is written anew: ${words}`,
        'store.doubt',
      )
      this.#start()
      return
    }
    this.#unsyncedBytes -= bytes
    this.pool.giveBack(pieces)
  }

  /** Writes what is in doubt again, in its turn; until that succeeds, now and then. */
  async #settleDoubt(): Promise<void> {
    if (this.refusal) return this.#doubtLater()
    try {
      await this.#rewrite()
    } catch (error) {
      this.#failing = { error: unavailable(error, this.#segment.path), at: performance.now() }
      this.#doubtLater()
    }
  }

  #doubtLater(): void {
    if (this.#closed || this.#timer) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#start()
    }, RETRY)
  }

  /** After a failed sync nobody knows what the disk has: all of it is written to a new segment. */
  async #rewrite(): Promise<void> {
    const { files } = this.#options
    const doubtful = this.#segment
    const from = doubtful.end - this.#unsyncedBytes
    const segment = await this.#begin(from, this.#host.newSegment(from))
    const fd = fdOf(segment)
    let at = HEADER_BYTES
    try {
      for (const { bytes } of this.#unsynced) {
        await writeAll(files, fd, bytes, bytes.length, at)
        at += bytes.length
      }
      await files.sync(fd)
    } catch (error) {
      await files.close(fd).catch(() => {})
      await files.remove(segment.path).catch(() => {})
      throw error
    }
    segment.end = at
    doubtful.end = from
    this.#host.moved(doubtful, from, segment)
    this.#segment = segment
    this.#doubt = false
    this.#spoilt = false
    this.#failing = undefined
    this.pool.giveBack(this.#unsynced)
    this.#unsynced = []
    this.#unsyncedBytes = 0
    // Otherwise the next segment's header tells where it ends.
    if (doubtful.readers === 0) await files.truncate(fdOf(doubtful), from).catch(() => {})
    this.#host.sealed(doubtful)
  }
}

function fdOf({ fd, path }: Segment): number {
  if (fd === undefined) throw new Error(`${path} is not open`)
  return fd
}
