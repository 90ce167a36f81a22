import { unwatchFile, watchFile } from 'node:fs'
import { type KeySet, readKeys } from './keys.ts'

/** How often it is looked whether the file has changed, in ms. */
const PERIOD = 1_000

/** The keys of a file as it is now. A change that cannot be read is told, and the keys known so far hold on. */
export class KeyRing {
  readonly path: string
  #keys: KeySet
  #listener: (() => void) | undefined

  /** @throws KeysError when the file cannot be used */
  constructor(path: string) {
    this.path = path
    this.#keys = readKeys(path)
  }

  get keys(): KeySet {
    return this.#keys
  }

  /** Looks at the file from now on, without keeping the program alive. */
  watch(changed: () => void, onError: (error: unknown) => void): void {
    const listener = (): void => {
      try {
        this.#keys = readKeys(this.path)
      } catch (error) {
        onError(error)
        return
      }
      changed()
    }
    this.#listener = listener
    watchFile(this.path, { interval: PERIOD, persistent: false }, listener)
    // What changed between the first reading and now.
    listener()
  }

  close(): void {
    if (this.#listener) unwatchFile(this.path, this.#listener)
    this.#listener = undefined
  }
}
