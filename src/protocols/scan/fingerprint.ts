import type { BigIntStats, Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What tells, without asking git, whether any ref has changed. */
export interface Fingerprint {
  readonly text: string
  /**
   * Something changed so shortly before it was taken that a change right after would look the same:
   * clocks of file systems tick slowly.
   */
  readonly fresh: boolean
  /** The folders in which a change of a ref shows. */
  readonly folders: readonly string[]
}

/** How slowly the clock of a file system may tick, in ms: FAT counts in twos, other disks may lag. */
const TICK = 3_000
/** Folders of refs that are looked at; a repository with more always looks changed. */
const MAX_FOLDERS = 5_000

/**
 * Looks at the files that git writes when a ref changes: loose refs (each is written anew and renamed
 * into its folder), `packed-refs`, and the list of tables where refs are kept in those.
 * @throws Error of the file system when the folder is no repository that can be read
 */
export async function fingerprintOf(gitDir: string): Promise<Fingerprint> {
  const now = Date.now()
  const parts: string[] = []
  const folders = [gitDir]
  let newest = 0
  const add = (name: string, { mtimeMs, mtimeNs, ino, size }: BigIntStats): void => {
    newest = Math.max(newest, Number(mtimeMs))
    parts.push(`${name} ${mtimeNs} ${ino} ${size}`)
  }
  add('HEAD', await stat(join(gitDir, 'HEAD'), { bigint: true }))
  for (const name of ['packed-refs', 'reftable/tables.list']) {
    const stats = await known(stat(join(gitDir, name), { bigint: true }))
    if (stats) add(name, stats)
    if (stats && name.startsWith('reftable')) folders.push(join(gitDir, 'reftable'))
  }
  const open = ['refs']
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const path = join(gitDir, name)
    const stats = await known(stat(path, { bigint: true }))
    if (!stats) continue
    add(name, stats)
    folders.push(path)
    if (folders.length > MAX_FOLDERS) return { text: String(now), fresh: true, folders }
    for (const entry of await entriesOf(path)) {
      const inner = `${name}/${entry.name}`
      if (entry.isDirectory()) open.push(inner)
      else if (!entry.name.endsWith('.lock')) {
        const file = await known(stat(join(gitDir, inner), { bigint: true }))
        if (file) add(inner, file)
      }
    }
  }
  return { text: parts.sort().join('\n'), fresh: newest > now - TICK, folders }
}

/** A folder may be gone by now: then it changed. */
async function entriesOf(path: string): Promise<Dirent[]> {
  return (await known(readdir(path, { withFileTypes: true }))) ?? []
}

/** Undefined for what is not there. */
async function known<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
