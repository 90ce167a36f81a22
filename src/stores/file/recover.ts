import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { BEFORE_ALL, formatId, type MessageId } from '../../model/id.ts'
import type { KeyWindow } from '../keys.ts'
import { Catalog, type Retention } from './catalog.ts'
import {
  decodeHeader,
  HEADER_BYTES,
  KIND,
  recordOf,
  type SegmentHeader,
  VERSION,
} from './format.ts'
import { decodeIndex } from './index-file.ts'
import { Replay } from './replay.ts'
import { type Damage, scanRecords } from './scan.ts'
import { indexPath, Segment, segmentPath } from './segment.ts'

/** A finding about the log, in words; `damaged` when messages may be lost by it. */
export interface Finding {
  readonly text: string
  readonly damaged: boolean
}

export interface Recovered {
  readonly catalog: Catalog
  readonly seed: number
  readonly findings: readonly Finding[]
  /** Bytes of the last segment's file that are to be cut off. */
  readonly torn: number
  /** Segments whose records were read, not their index alone. */
  readonly scanned: readonly Segment[]
}

export interface RecoverOptions {
  readonly limits: Retention
  readonly keys?: KeyWindow | undefined
  /** Reads every record instead of the indexes. */
  readonly thorough?: boolean
  /** Hears of each good record of what is read thoroughly. */
  readonly onRecord?: (segment: Segment, block: Buffer, at: number) => void
}

/** The serials of the segments in a folder, in order. @throws the file system's errors */
export function serialsIn(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(/^(\d{8,10})\.log$/.exec(name)?.[1] ?? 0))
    .filter((serial) => serial > 0)
    .sort((a, b) => a - b)
}

interface Found {
  readonly serial: number
  readonly path: string
  readonly size: number
  readonly header: SegmentHeader | undefined
}

/**
 * Reads what a folder holds, without changing anything in it. Undefined when it holds no log.
 * @throws Error when the log is of a later version, or nothing of it can be read
 */
export function recover(folder: string, options: RecoverOptions): Recovered | undefined {
  const found = serialsIn(folder).map((serial) => look(folder, serial))
  const last = found.at(-1)
  if (!last) return undefined
  // A last segment without a whole header was just being begun: nothing is in it.
  if (!last.header && last.size <= HEADER_BYTES) found.pop()
  if (found.length === 0) return undefined
  const first = found.find(({ header }) => header !== undefined)?.header
  if (!first) throw new Error(`${folder}: no file of this log has a header that can be read`)
  return new Recovery(folder, found, first, options).run()
}

function look(folder: string, serial: number): Found {
  const path = segmentPath(folder, serial)
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(HEADER_BYTES)
    const count = readSync(fd, bytes, 0, HEADER_BYTES, 0)
    const header = decodeHeader(bytes.subarray(0, count))
    if (header && header.version > VERSION) {
      throw new Error(
        `${path} is in format ${header.version}; this Fanfare knows formats up to ${VERSION}: use a later one`,
      )
    }
    return { serial, path, size: fstatSync(fd).size, header }
  } finally {
    closeSync(fd)
  }
}

class Recovery {
  readonly #folder: string
  readonly #found: readonly Found[]
  readonly #options: RecoverOptions
  readonly #catalog: Catalog
  readonly #replay: Replay
  readonly #seed: number
  readonly #findings: Finding[] = []
  readonly #scanned: Segment[] = []

  constructor(
    folder: string,
    found: readonly Found[],
    first: SegmentHeader,
    options: RecoverOptions,
  ) {
    this.#folder = folder
    this.#found = found
    this.#options = options
    this.#seed = first.seed
    const start = found[0]?.header
    this.#catalog = new Catalog(options.limits, start?.floor ?? BEFORE_ALL)
    this.#catalog.head = start?.base ?? BEFORE_ALL
    this.#replay = new Replay(this.#catalog, options.keys, first.seed)
  }

  run(): Recovered {
    const catalog = this.#catalog
    let torn = 0
    for (const [index, one] of this.#found.entries()) {
      const next = this.#found[index + 1]
      const former = this.#found[index - 1]
      if (former && one.serial !== former.serial + 1) {
        this.#lose(`${one.path}: what lay before it is missing`, one.header?.base ?? catalog.head)
      }
      if (one.header) catalog.raiseStoreFloor(one.header.floor)
      else this.#lose(`${one.path}: its header is damaged`, catalog.head)
      torn = this.#segment(one, next)
    }
    this.#checkCarried()
    if (this.#replay.repeated > 0) {
      this.#say(`${this.#replay.repeated} records stood there twice, and count once`)
    }
    return { catalog, seed: this.#seed, findings: this.#findings, torn, scanned: this.#scanned }
  }

  /** @returns how many bytes at its end are torn */
  #segment(one: Found, next: Found | undefined): number {
    const catalog = this.#catalog
    const segment = new Segment(one.serial, one.path, catalog.log.next, catalog.head)
    catalog.segments.push(segment)
    const promised = next?.header?.formerEnd ?? one.size
    const end = Math.min(one.size, promised)
    if (promised > one.size) {
      const upTo = next?.header?.base ?? catalog.head
      this.#lose(`${one.path}: ${promised - one.size} bytes at its end are missing`, upTo)
    }
    this.#byIndex(segment, one.serial, end, next !== undefined)
    if (segment.end >= end) return one.size - Math.max(end, HEADER_BYTES)
    return this.#byScan(segment, one, end, next)
  }

  #byIndex(segment: Segment, serial: number, end: number, sealed: boolean): void {
    if (this.#options.thorough) return
    let bytes: Buffer
    try {
      bytes = readFileSync(indexPath(this.#folder, serial))
    } catch {
      // None was written yet: the log itself says the same.
      return
    }
    const index = decodeIndex(bytes, serial, this.#seed)
    if (!index) this.#say(`${indexPath(this.#folder, serial)}: not usable; the log is read instead`)
    else if (sealed ? index.end === end : index.end <= end) this.#replay.index(segment, index)
  }

  #byScan(segment: Segment, one: Found, end: number, next: Found | undefined): number {
    const { path } = one
    const { end: from } = segment
    this.#scanned.push(segment)
    const block = readPart(path, from, end - from)
    const { onRecord } = this.#options
    const good = scanRecords(block, 0, block.length, this.#seed, {
      record: (at, length) => {
        this.#replay.record(segment, block, at, length, from + at)
        onRecord?.(segment, block, at)
      },
      damage: (damage) => this.#damage(segment, from, damage),
    })
    segment.end = from + good
    const rest = one.size - segment.end
    if (next) {
      if (segment.end < end) {
        const upTo = next.header?.base ?? this.#catalog.head
        this.#damage(segment, from, { from: good, to: end - from, upTo })
        segment.end = end
      }
      return 0
    }
    if (rest > 0) {
      const after = formatId(this.#catalog.head)
      this.#say(`${path}: ${rest} bytes at its end are torn; the log ends after ${after}`)
    }
    return rest
  }

  #damage(segment: Segment, base: number, { from, to, upTo }: Damage): void {
    const place = `bytes ${base + from} to ${base + to} (${to - from}) are damaged`
    this.#lose(`${segment.path}: ${place}`, upTo)
    const record = recordOf({ kind: KIND.lost, id: upTo, ms: 0, channel: '' }, this.#seed)
    segment.events.push({ at: segment.count, offset: base + from, record })
  }

  #lose(text: string, upTo: MessageId): void {
    this.#catalog.lostUpTo(upTo)
    const told = `subscribers are told that messages up to ${formatId(upTo)} may be missing`
    this.#findings.push({ text: `${text}; ${told}`, damaged: true })
  }

  #say(text: string): void {
    this.#findings.push({ text, damaged: false })
  }

  /** What segments that are gone knew of channels has to stand in those that are left. */
  #checkCarried(): void {
    const [first] = this.#found
    if (!first || first.serial === 1 || this.#replay.carried >= first.serial - 1) return
    const text = `${first.path}: what lay before it is missing, and was not carried on`
    this.#lose(text, first.header?.base ?? this.#catalog.head)
  }
}

/** Reads a part of a file at once. */
function readPart(path: string, from: number, length: number): Buffer {
  const block = Buffer.allocUnsafe(length)
  const fd = openSync(path, 'r')
  try {
    let done = 0
    while (done < length) {
      const count = readSync(fd, block, done, length - done, from + done)
      if (count === 0) break
      done += count
    }
    return block.subarray(0, done)
  } finally {
    closeSync(fd)
  }
}
