import { createHash } from 'node:crypto'
import { type FSWatcher, realpathSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** How long a folder has to be quiet, in ms: an editor writes, renames and deletes for one change. */
const QUIET = 200
/** A folder that is never quiet is looked at this often all the same, in ms. */
const MOST_PUT_OFF = 2_000

/**
 * Watches a file for other contents. Not the file itself but its folder is watched, and the one that it lies
 * in when it is a link: editors and tools put another file in its place, and Kubernetes another folder behind
 * a link (`..data`).
 */
export class ConfigWatch {
  readonly #file: string
  readonly #changed: () => void
  readonly #onError: (error: unknown) => void
  readonly #folders = new Map<string, FSWatcher>()
  #known: string | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the first event came that was not looked at yet, on `performance.now()`. */
  #since: number | undefined
  #stopped = false

  /**
   * @param changed is called once the file has other contents than before, and they can be read
   * @param onError hears that a folder cannot be watched (any more)
   */
  constructor(file: string, changed: () => void, onError: (error: unknown) => void) {
    this.#file = resolve(file)
    this.#changed = changed
    this.#onError = onError
  }

  /** @returns once changes are noticed */
  async start(): Promise<void> {
    this.#watchFolders()
    this.#known = await this.#print()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    for (const watcher of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #watchFolders(): void {
    const folders = new Set([dirname(this.#file)])
    try {
      folders.add(dirname(realpathSync(this.#file)))
    } catch {
      // It is away for a moment, or for good: its folder tells when it is back.
    }
    for (const [folder, watcher] of this.#folders) {
      if (folders.has(folder)) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const folder of folders) if (!this.#folders.has(folder)) this.#watch(folder)
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#stirred())
      watcher.on('error', (error) => {
        this.#folders.delete(folder)
        watcher.close()
        // A folder behind a link is deleted when another takes its place.
        if (folder === dirname(this.#file)) this.#onError(error)
        else this.#stirred()
      })
      this.#folders.set(folder, watcher)
    } catch (error) {
      this.#onError(error)
    }
  }

  #stirred(): void {
    if (this.#stopped) return
    const now = performance.now()
    this.#since ??= now
    if (now - this.#since > MOST_PUT_OFF) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#since = undefined
      this.#look().catch(this.#onError)
    }, QUIET).unref()
  }

  async #look(): Promise<void> {
    this.#watchFolders()
    const print = await this.#print()
    if (this.#stopped || print === undefined || print === this.#known) return
    this.#known = print
    this.#changed()
  }

  /** Undefined when it cannot be read. */
  async #print(): Promise<string | undefined> {
    try {
      return createHash('sha256')
        .update(await readFile(this.#file))
        .digest('base64')
    } catch {
      return undefined
    }
  }
}
