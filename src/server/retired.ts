import type { OpenStore } from './stores.ts'

/** How long a store that nobody is given any more is kept for what is under way, in ms. */
const GRACE = 5_000

/** Stores that another configuration has no place for, until they are closed. */
export class Retired {
  readonly #waiting = new Map<OpenStore, NodeJS.Timeout>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** Ends everyone who follows it, and closes it once what is being published has been. */
  add(store: OpenStore): void {
    store.hub.endAll()
    const timer = setTimeout(() => {
      this.#waiting.delete(store)
      store.close().catch(this.#onError)
    }, GRACE)
    this.#waiting.set(store, timer.unref())
  }

  async close(): Promise<void> {
    for (const [store, timer] of this.#waiting) {
      clearTimeout(timer)
      await store.close()
    }
    this.#waiting.clear()
  }
}
