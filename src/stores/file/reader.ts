import type { Report } from '../../model/events.ts'
import { FanfareError } from '../../model/errors.ts'
import { idSecond } from '../../model/id.ts'
import type { MaybePromise } from '../../model/maybe.ts'
import { type Draft, Message } from '../../model/message.ts'
import type { Catalog } from './catalog.ts'
import { wordsOf } from './failure.ts'
import { type Files, readAll } from './files.ts'
import { decodeRecord, idAt, recordAt } from './format.ts'
import type { Recent } from './recent.ts'
import type { Segment } from './segment.ts'

/** Read at once, where what is wanted lies close together: the next pages are in it, too. */
const READ_AHEAD = 256 * 2 ** 10
/** Bytes between two records above which each is read by itself. */
const GAP = 32 * 2 ** 10
/** One read is no longer than this, unless one message is. */
const MAX_READ = 2 ** 20
/** Reads under way for one page. */
const PARALLEL = 4
/** Pieces of the log that are kept for those who read on: 16 MiB. */
const KEPT_PIECES = 64
/** Files of older segments that are open at once. */
const OPEN_FILES = 64

/** Where a message lies. */
interface Place {
  readonly message: number
  readonly segment: Segment
  readonly offset: number
  readonly length: number
}

/** A part of a segment in memory. */
interface Piece {
  readonly segment: Segment
  readonly from: number
  readonly block: Buffer
}

/** Gives messages by number: from memory where they are there, else from the log. */
export class Reader {
  readonly #files: Files
  readonly #catalog: Catalog
  readonly #recent: Recent
  readonly #seed: number
  readonly #report: Report
  /** The one used last is in front. */
  #pieces: Piece[] = []
  /** Open beside the last one, in the order in which they were opened. */
  readonly #open = new Set<Segment>()

  constructor(files: Files, catalog: Catalog, recent: Recent, seed: number, report: Report) {
    this.#files = files
    this.#catalog = catalog
    this.#recent = recent
    this.#seed = seed
    this.#report = report
  }

  /**
   * These messages, without those that turn out to be damaged: of them the catalog is told.
   * @throws FanfareError `store_unavailable` when the disk cannot be read
   */
  get(messages: readonly number[]): MaybePromise<Message[]> {
    const found: (Message | undefined)[] = []
    const missing: Place[] = []
    for (const message of messages) {
      const recent = this.#recent.get(message)
      found.push(recent ?? this.#fromPieces(message, missing))
    }
    if (missing.length === 0) return found.filter((one) => one !== undefined)
    return this.#read(missing).then((read) =>
      messages
        .map((message, index) => found[index] ?? read.get(message))
        .filter((one) => one !== undefined),
    )
  }

  /** A segment's file is deleted, or cut: nothing of it is given any more. */
  forget(segment: Segment): void {
    this.#pieces = this.#pieces.filter((piece) => piece.segment !== segment)
  }

  /** Closes a segment's file, which nobody reads. */
  async release(segment: Segment): Promise<void> {
    this.forget(segment)
    this.#open.delete(segment)
    await this.#close(segment)
  }

  async close(): Promise<void> {
    for (const segment of this.#catalog.segments) await this.release(segment)
  }

  /** A segment that is written no more; its file is closed when others are read. */
  sealed(segment: Segment): void {
    this.#open.add(segment)
    this.#closeSome()
  }

  #fromPieces(message: number, missing: Place[]): Message | undefined {
    const place = this.#placeOf(message)
    const { segment, offset, length } = place
    const pieces = this.#pieces
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index] as Piece
      if (piece.segment !== segment || offset < piece.from) continue
      if (offset + length > piece.from + piece.block.length) continue
      if (index > 0) {
        pieces.splice(index, 1)
        pieces.unshift(piece)
      }
      return this.#decode(place, piece)
    }
    missing.push(place)
    return undefined
  }

  #placeOf(message: number): Place {
    const segment = this.#catalog.log.segmentOf(message)
    const slot = message - segment.base
    const offset = segment.offsets[slot] as number
    return { message, segment, offset, length: segment.lengths[slot] as number }
  }

  #idOf(message: number): number | undefined {
    const segment = this.#catalog.log.segmentOf(message)
    return segment.ids[message - segment.base]
  }

  async #read(missing: readonly Place[]): Promise<Map<number, Message>> {
    const runs = runsOf(missing)
    const found = new Map<number, Message>()
    // Held from the start: retention may delete a file while an earlier run is read.
    for (const { segment } of missing) segment.readers++
    try {
      for (let next = 0; next < runs.length; next += PARALLEL) {
        const some = runs.slice(next, next + PARALLEL)
        await Promise.all(some.map((run) => this.#readRun(run, found)))
      }
    } finally {
      for (const { segment } of missing) segment.readers--
    }
    return found
  }

  async #readRun(run: readonly Place[], found: Map<number, Message>): Promise<void> {
    const [first] = run
    const last = run.at(-1)
    if (!first || !last) return
    const { segment } = first
    const end = last.offset + last.length
    const wanted = run.reduce((sum, { length }) => sum + length, 0)
    // Where everything is wanted, what follows will be, too.
    const dense = wanted * 4 >= end - first.offset && run.length > 1
    const to = dense ? Math.max(end, Math.min(segment.end, first.offset + READ_AHEAD)) : end
    const block = Buffer.allocUnsafeSlow(to - first.offset)
    let count: number
    try {
      const fd = segment.fd ?? (await this.#openFile(segment))
      count = await readAll(this.#files, fd, block, block.length, first.offset)
    } catch (error) {
      throw new FanfareError(
        'store_unavailable',
        `What is stored cannot be read: ${wordsOf(error, segment.path)}.`,
      )
    }
    const piece = { segment, from: first.offset, block: block.subarray(0, count) }
    for (const place of run) {
      const message = this.#decode(place, piece)
      if (message) found.set(place.message, message)
    }
    if (dense) {
      this.#pieces.unshift(piece)
      if (this.#pieces.length > KEPT_PIECES) this.#pieces.length = KEPT_PIECES
    }
  }

  #decode(place: Place, piece: Piece): Message | undefined {
    const { message, segment, offset, length } = place
    const at = offset - piece.from
    const { block } = piece
    const whole = at + length <= block.length
    const good = whole && recordAt(block, at, at + length, this.#seed) === length
    if (good && idAt(block, at) === this.#idOf(message)) {
      const parts = decodeRecord(block, at)
      const known = this.#catalog.find(parts.channel as Draft['channel'])
      const time = idSecond(parts.id) * 1000 + parts.ms
      const draft = parts as unknown as Draft
      return new Message(parts.id, time, draft, known?.name ?? draft.channel)
    }
    this.#report(
      `${segment.path}: bytes ${offset} to ${offset + length} are damaged; ` +
        'subscribers of that channel are told of a gap',
    )
    this.#catalog.lose(message)
    return undefined
  }

  async #openFile(segment: Segment): Promise<number> {
    const fd = await this.#files.open(segment.path, 'r')
    if (segment.fd !== undefined) {
      // Another reader was faster.
      await this.#files.close(fd)
      return segment.fd
    }
    segment.fd = fd
    this.#open.add(segment)
    this.#closeSome()
    return fd
  }

  #closeSome(): void {
    for (const segment of this.#open) {
      if (this.#open.size <= OPEN_FILES) return
      if (segment.readers > 0) continue
      this.#open.delete(segment)
      void this.#close(segment)
    }
  }

  async #close(segment: Segment): Promise<void> {
    const { fd } = segment
    segment.fd = undefined
    if (fd !== undefined) await this.#files.close(fd).catch(() => {})
  }
}

/** Messages that lie close together, in the order of the log, are read at once. */
function runsOf(places: readonly Place[]): Place[][] {
  const runs: Place[][] = []
  let run: Place[] = []
  let end = 0
  for (const place of places) {
    const [first] = run
    const near = first?.segment === place.segment && place.offset - end <= GAP
    if (!first || !near || place.offset + place.length - first.offset > MAX_READ) {
      run = []
      runs.push(run)
    }
    run.push(place)
    end = place.offset + place.length
  }
  return runs
}
