import type { EndReason } from './contract.ts'
import type { Follower } from './follower.ts'

/** A follower whose sink has yet to be told that it was let go. */
interface Untold {
  readonly follower: Follower
  readonly reason: EndReason
  readonly ticket: number
}

/** Those who were let go, until no list of the hub's is being walked and their sinks may hear of it. */
export class Released {
  readonly #onError: (error: unknown) => void
  #untold: Untold[] = []

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  get isEmpty(): boolean {
    return this.#untold.length === 0
  }

  add(follower: Follower, reason: EndReason): void {
    if (reason === 'gap' || reason === 'failed') follower.audience.traffic.dropped[reason]++
    this.#untold.push({ follower, reason, ticket: follower.ticket })
  }

  /** Tells their sinks, which may call the hub: no list of it is being walked. */
  tell(): void {
    while (this.#untold.length > 0) {
      const untold = this.#untold
      this.#untold = []
      for (const { follower, reason, ticket } of untold) {
        // Not one that closed its subscription itself in the meantime.
        if (follower.ticket === ticket) this.#tell(follower, reason)
      }
    }
  }

  #tell(follower: Follower, reason: EndReason): void {
    try {
      follower.sink.ended(reason)
    } catch (error) {
      this.#onError(error)
    }
  }
}
