import type { View } from './view.ts'

export interface ReaperOptions {
  /** Drops what a life of a node that is gone has held. */
  readonly reap: (node: string, incarnation: string) => Promise<void>
  /** States anew what this node holds, after others may have dropped it. */
  readonly restate: () => Promise<void>
  /** It is done. */
  readonly reaped: (node: string, incarnation: string) => Promise<unknown>
  readonly incarnation: string
  readonly report: (error: unknown) => void
}

/**
 * Takes back what nodes that are gone have held. The registry says who is to do it: one node for each that is gone,
 * and another if that one goes, too. What fails is tried again with the next beat.
 */
export class Reaper {
  readonly #options: ReaperOptions
  readonly #owed = new Map<string, { readonly name: string; readonly incarnation: string }>()
  #restate = false
  #reaping = ''
  #working = false
  #ended = false

  constructor(options: ReaperOptions) {
    this.#options = options
  }

  /** The node is going: what still runs may fail, and nobody needs to hear of it. */
  end(): void {
    this.#ended = true
  }

  seen(view: View): void {
    if (this.#ended) return
    for (const one of view.reap) this.#owed.set(`${one.name} ${one.incarnation}`, one)
    // Also once others have finished: what they dropped meanwhile is stated again.
    const mine = view.reaping.startsWith(`${this.#options.incarnation} `)
    if (view.lapsed || (mine && view.reaping !== this.#reaping)) this.#restate = true
    this.#reaping = view.reaping
    if (!this.#working && (this.#restate || this.#owed.size > 0)) void this.#work()
  }

  async #work(): Promise<void> {
    const { reap, restate, reaped, report } = this.#options
    this.#working = true
    try {
      if (this.#restate) {
        this.#restate = false
        await restate().catch((error: unknown) => {
          this.#restate = true
          throw error
        })
      }
      for (const [key, { name, incarnation }] of this.#owed) {
        if (this.#ended) return
        await reap(name, incarnation)
        await reaped(name, incarnation)
        this.#owed.delete(key)
      }
    } catch (error) {
      if (!this.#ended) report(error)
    }
    this.#working = false
  }
}
