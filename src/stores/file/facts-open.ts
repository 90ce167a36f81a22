import type { Report } from '../../model/events.ts'
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  decodeFactsHeader,
  encodeFactsHeader,
  FACTS_HEADER,
  FACTS_VERSION,
  type FactRecord,
  scanFacts,
} from './facts-format.ts'

export interface OpenedFacts {
  readonly path: string
  readonly fd: number
  readonly seed: number
  /** Bytes of the file that count. */
  readonly end: number
}

/** Where a folder's facts are, … */
export function factsPath(folder: string): string {
  return join(folder, 'facts')
}

/** … and where they are written anew, until that is whole and takes their place. */
export function newFactsPath(folder: string): string {
  return join(folder, 'facts.new')
}

/**
 * Reads a folder's facts and leaves the file such that it can be written on; makes one where there is none.
 * Synchronous: nobody is served before it is done. Of one process at a time (`FolderLock`).
 * @throws the file system's errors; Error for what cannot be used
 */
export function openFacts(
  folder: string,
  now: number,
  onFact: (fact: FactRecord) => void,
  report: Report,
): OpenedFacts {
  const path = factsPath(folder)
  // One that was not whole when its process ended.
  rmSync(newFactsPath(folder), { force: true })
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  // Without a whole header it was just being begun: nothing is in it.
  if (bytes.length < FACTS_HEADER) return begin(folder, path, now)
  const header = decodeFactsHeader(bytes)
  if (!header) {
    const text =
      'it does not begin as a file of facts does; put it right from a copy, or move it away'
    throw new Error(`${path}: ${text}: then all sessions and subscriptions are gone`)
  }
  if (header.version > FACTS_VERSION) {
    throw new Error(`${path} has version ${header.version}; this server knows ${FACTS_VERSION}`)
  }
  const { seed } = header
  const end = scanFacts(bytes, seed, onFact, ({ from, to }) => {
    report(
      `${path}: ${to - from} damaged bytes at ${from}: the facts in them are lost`,
      'store.damage',
    )
  })
  const fd = openSync(path, 'r+')
  if (end < bytes.length) {
    ftruncateSync(fd, end)
    report(
      `${path}: a torn tail of ${bytes.length - end} bytes at ${end} was cut off`,
      'store.damage',
    )
  }
  return { path, fd, seed, end }
}

function begin(folder: string, path: string, now: number): OpenedFacts {
  const seed = randomBytes(4).readUInt32LE()
  const fd = openSync(path, 'w+', 0o600)
  writeSync(fd, encodeFactsHeader(seed, now), 0, FACTS_HEADER, 0)
  fdatasyncSync(fd)
  // Windows has no such thing.
  if (process.platform !== 'win32') {
    const folderFd = openSync(folder, 'r')
    fsyncSync(folderFd)
    closeSync(folderFd)
  }
  return { path, fd, seed, end: FACTS_HEADER }
}
