import { type FSWatcher, watch } from 'node:fs'

/** Folders that the system watches for us, at most; many systems allow 8,192 and share them out. */
const MAX_WATCHERS = 4_096

/**
 * Tells when something happens in folders, where the system can. Only ever a hint: watching may not be
 * possible, and may miss things.
 */
export class Watchers {
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #most: number

  constructor(most = MAX_WATCHERS) {
    this.#most = most
  }

  /** Watches these folders, and no longer those of them that it watched for the same owner before. */
  set(before: readonly string[], folders: readonly string[], happened: () => void): void {
    const wanted = new Set(folders)
    for (const folder of before) if (!wanted.has(folder)) this.#drop(folder)
    for (const folder of wanted) {
      if (this.#watchers.size >= this.#most || this.#watchers.has(folder)) continue
      try {
        const watcher = watch(folder, { persistent: false }, (_event, name) => {
          // git's own locks come and go; what they were for shows by itself.
          if (name?.endsWith('.lock') !== true) happened()
        })
        watcher.on('error', () => this.#drop(folder))
        this.#watchers.set(folder, watcher)
      } catch {
        // No watches left, or the folder is gone: the interval will tell.
      }
    }
  }

  close(): void {
    for (const folder of this.#watchers.keys()) this.#drop(folder)
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }
}
