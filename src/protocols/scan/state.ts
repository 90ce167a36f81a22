import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Refs } from '../../repository/refs.ts'

/** By the name of the entry in the folder: the refs as they were announced. */
export type Known = ReadonlyMap<string, Refs>

interface Stored {
  readonly version: 1
  readonly rootFolder: string
  readonly repositories: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** Where the state of a folder is kept unless the configuration says. */
export function defaultStateFile(rootFolder: string): string {
  const base = process.env['XDG_STATE_HOME'] || join(homedir(), '.local/state')
  const hash = createHash('sha256').update(rootFolder).digest('hex').slice(0, 16)
  return join(base, 'fanfare', `scan-${hash}.json`)
}

/** What was announced, in a file, so that a restart knows. */
export class StateFile {
  readonly path: string
  readonly #rootFolder: string

  constructor(path: string, rootFolder: string) {
    this.path = path
    this.#rootFolder = rootFolder
  }

  /**
   * Undefined when there is none yet.
   * @throws Error when there is one that cannot be used
   */
  async load(): Promise<Map<string, Refs> | undefined> {
    let text: string
    try {
      text = await readFile(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const stored = readStored(text)
    if (!stored) throw new Error(`${this.path} is not what a scan has written`)
    if (stored.rootFolder !== this.#rootFolder) {
      throw new Error(`${this.path} is the state of another folder, ${stored.rootFolder}`)
    }
    return new Map(
      Object.entries(stored.repositories).map(([name, refs]) => [
        name,
        new Map(Object.entries(refs)),
      ]),
    )
  }

  /** All at once: a crash leaves the former state or this one. */
  async save(known: Known): Promise<void> {
    const repositories = Object.fromEntries(
      [...known].map(([name, refs]) => [name, Object.fromEntries(refs)]),
    )
    const stored: Stored = { version: 1, rootFolder: this.#rootFolder, repositories }
    await mkdir(dirname(this.path), { recursive: true })
    const temporary = `${this.path}.${process.pid}.new`
    try {
      const file = await open(temporary, 'w', 0o600)
      try {
        await file.writeFile(JSON.stringify(stored))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, this.path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }
}

function readStored(text: string): Stored | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || value['version'] !== 1) return undefined
  const { rootFolder, repositories } = value
  if (typeof rootFolder !== 'string' || !isObject(repositories)) return undefined
  const isRefs = (refs: unknown): boolean =>
    isObject(refs) && Object.values(refs).every((hash) => typeof hash === 'string')
  return Object.values(repositories).every(isRefs) ? (value as unknown as Stored) : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
