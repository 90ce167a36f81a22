import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { idSecond, IDS_PER_SECOND, makeId, type MessageId } from '../../model/id.ts'
import type { KeyWindow } from '../keys.ts'
import { Catalog, type Retention } from './catalog.ts'
import { encodeHeader, HEADER_BYTES, KIND, recordOf } from './format.ts'
import { type Finding, recover } from './recover.ts'
import { Segment, segmentPath } from './segment.ts'

export interface Begun {
  readonly catalog: Catalog
  readonly seed: number
  readonly findings: readonly Finding[]
  /** Segments that are full, and whose index is missing or bad. */
  readonly unindexed: readonly Segment[]
}

export interface BeginOptions {
  readonly limits: Retention
  readonly keys: KeyWindow
  /** ms since 1970. */
  readonly now: number
  /** What was acknowledged last may be lost: the machine went down, and nothing was synced then. */
  readonly mayHaveLost: boolean
  /** The floor of a new log, instead of its start. */
  readonly floor?: MessageId | undefined
}

/**
 * Brings a folder's log into the state in which it can be written to; makes one where there is none.
 * Synchronous: nobody is served before it is done.
 * @throws the file system's errors; Error for what cannot be used
 */
export function begin(folder: string, options: BeginOptions): Begun {
  const { limits, keys, now } = options
  const recovered = recover(folder, { limits, keys })
  if (!recovered) {
    // As for a store in memory: every cursor of an earlier life is below.
    const floor = options.floor ?? makeId(Math.floor(now / 1000), IDS_PER_SECOND - 1)
    const seed = randomBytes(4).readUInt32LE()
    const catalog = new Catalog(limits, floor)
    catalog.segments.push(firstSegment(folder, seed, floor, now))
    return { catalog, seed, findings: [], unindexed: [] }
  }
  const { catalog, seed, findings, torn, scanned } = recovered
  const last = catalog.segments.at(-1) as Segment
  const fd = openSync(last.path, 'r+')
  last.fd = fd
  if (torn > 0) ftruncateSync(fd, last.end)
  const unindexed = scanned.filter((segment) => segment !== last)
  for (const segment of catalog.segments) {
    if (segment === last) continue
    segment.seal()
    if (!unindexed.includes(segment)) segment.events = []
  }
  if (!options.mayHaveLost) return { catalog, seed, findings, unindexed }
  // Ids that nobody knows of any more were given: the next ones lie beyond them.
  const second = Math.max(Math.floor(now / 1000), idSecond(catalog.head))
  const id = makeId(second, IDS_PER_SECOND - 1)
  const record = recordOf({ kind: KIND.lost, id, ms: 0, channel: '' }, seed)
  writeSync(fd, record, 0, record.length, last.end)
  fdatasyncSync(fd)
  last.events.push({ at: last.count, offset: last.end, record })
  last.end += record.length
  catalog.lostUpTo(id)
  catalog.head = id
  const text =
    `${folder}: the machine went down while the log was open, and its last moment may be lost; ` +
    'subscribers are told of a gap'
  return { catalog, seed, findings: [...findings, { text, damaged: true }], unindexed }
}

function firstSegment(folder: string, seed: number, floor: MessageId, made: number): Segment {
  const path = segmentPath(folder, 1)
  const segment = new Segment(1, path, 0, floor)
  const fd = openSync(path, 'w+')
  segment.fd = fd
  const header = { serial: 1, seed, base: floor, floor, formerEnd: 0, made }
  writeSync(fd, encodeHeader(header), 0, HEADER_BYTES, 0)
  fdatasyncSync(fd)
  // Windows has no such thing.
  if (process.platform === 'win32') return segment
  const folderFd = openSync(folder, 'r')
  fsyncSync(folderFd)
  closeSync(folderFd)
  return segment
}
