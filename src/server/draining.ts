import type { Running } from '../protocols/door.ts'

/** As many doors live on at once for the connections they had; the oldest is ended then. */
const MOST = 32

/** What doors had begun before they were begun anew, for as long as connections of theirs are open. */
export class Draining {
  readonly #going = new Set<Running>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  add(running: Running): void {
    if (!running.drain) {
      this.#run(() => running.stop())
      return
    }
    this.#going.add(running)
    const drained = running.drain()
    this.#run(async () => {
      await drained
      this.#going.delete(running)
    })
    const [oldest] = this.#going
    if (oldest && this.#going.size > MOST) this.end(oldest)
  }

  /** What is still open. */
  get going(): Iterable<Running> {
    return this.#going
  }

  /** Ends it at once. */
  end(running: Running): void {
    this.#going.delete(running)
    this.#run(() => running.stop())
  }

  async stop(): Promise<void> {
    for (const running of this.#going) await running.stop()
    this.#going.clear()
  }

  #run(work: () => unknown): void {
    const run = async (): Promise<unknown> => work()
    run().catch(this.#onError)
  }
}
