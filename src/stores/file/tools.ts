import type { Report } from '../../model/events.ts'
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import type { MessageId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import type { Selectors } from '../../model/selector.ts'
import type { Catalog } from './catalog.ts'
import type { FileChannel } from './channel.ts'
import { realFiles } from './files.ts'
import { decodeHeader, decodeRecord, HEADER_BYTES } from './format.ts'
import { decodeIndex } from './index-file.ts'
import { type Holder, holderOf } from './lock.ts'
import { UNBOUNDED } from './options.ts'
import { Reader } from './reader.ts'
import { Recent } from './recent.ts'
import { type Finding, recover, type Recovered } from './recover.ts'
import { indexPath, type Segment } from './segment.ts'
import { select } from './selection.ts'

/** Messages of a page that is exported at once. */
const PAGE = 1_000
const PAGE_BYTES = 2 ** 20

/** A log as it lies there, whether a server has it open or not. Nothing in it is changed. */
export interface LogView {
  readonly folder: string
  readonly catalog: Catalog
  readonly seed: number
  readonly findings: readonly Finding[]
  /** Who has it open. */
  readonly holder: Holder | undefined
}

/**
 * Looks at the log of a folder. Nothing is too old or too much for it: what it has, it shows.
 * @param thorough reads every record, not the indexes alone
 * @throws Error when there is no log that can be read
 */
export function viewLog(folder: string, thorough = false): LogView {
  if (!existsSync(folder)) throw new Error(`${folder}: there is no such folder`)
  const broken: Finding[] = []
  const onRecord = (segment: Segment, block: Buffer, at: number): void => {
    try {
      decodeRecord(block, at)
    } catch {
      const text = `${segment.path}: a record is whole, and cannot be read for all that`
      broken.push({ text, damaged: true })
    }
  }
  const recovered: Recovered | undefined = recover(folder, {
    limits: UNBOUNDED,
    thorough,
    ...(thorough ? { onRecord } : {}),
  })
  if (!recovered) throw new Error(`${folder}: there is no log in it`)
  const { catalog, seed, findings } = recovered
  const holder = holderOf(folder)
  return { folder, catalog, seed, findings: [...findings, ...broken], holder }
}

/** Indexes that are there and cannot be used. */
export function badIndexes({ folder, catalog, seed }: LogView): string[] {
  return catalog.segments
    .map(({ serial }) => ({ serial, path: indexPath(folder, serial) }))
    .filter(({ path }) => existsSync(path))
    .filter(({ path, serial }) => !decodeIndex(readFileSync(path), serial, seed))
    .map(({ path }) => path)
}

export interface SegmentSummary {
  readonly path: string
  readonly bytes: number
  /** Messages in it, kept or not. */
  readonly messages: number
  readonly kept: number
  readonly first: MessageId | undefined
  readonly last: MessageId | undefined
  /** ms since 1970, when it was begun; undefined when its header is damaged. */
  readonly made: number | undefined
  readonly indexed: boolean
}

export function summaryOf(view: LogView, segment: Segment): SegmentSummary {
  const { path, count, alive, ids, serial } = segment
  return {
    path,
    bytes: statSync(path).size,
    messages: count,
    kept: alive,
    first: ids.subarray(0, count).at(0) as MessageId | undefined,
    last: ids.subarray(0, count).at(-1) as MessageId | undefined,
    made: decodeHeader(headOf(path))?.made,
    indexed: existsSync(indexPath(view.folder, serial)),
  }
}

/** The channels with the most bytes, largest first; private ones are not among them. */
export function largestChannels({ catalog }: LogView, count: number): FileChannel[] {
  const found: FileChannel[] = []
  for (let cursor = 0; ; ) {
    const page = catalog.channels(cursor, 10_000)
    for (const name of page.names) {
      const channel = catalog.find(name)
      if (channel) found.push(channel)
    }
    found.sort((a, b) => b.bytes - a.bytes)
    found.length = Math.min(found.length, count)
    if (page.cursor === 0) return found
    ;({ cursor } = page)
  }
}

/** Every message that is kept and selected, oldest first; what ran out by itself is passed by. */
export async function* messagesOf(
  { catalog, seed }: LogView,
  selectors: Selectors,
  since: MessageId,
  report: Report,
): AsyncGenerator<Message, void> {
  const reader = new Reader(realFiles, catalog, new Recent(0), seed, report)
  try {
    for (let after = since; after < catalog.head; ) {
      const query = { selectors, after, limit: PAGE, bytes: PAGE_BYTES }
      const { messages, upTo } = select(catalog, query, Date.now())
      yield* await reader.get(messages)
      after = upTo
    }
  } finally {
    await reader.close()
  }
}

function headOf(path: string): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, bytes, 0, HEADER_BYTES, 0)
  } finally {
    closeSync(fd)
  }
  return bytes
}
