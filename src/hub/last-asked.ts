import type { ChannelName } from '../model/channel.ts'

/** Channels remembered at most; the longest not asked for goes first. */
const MAX_REMEMBERED = 100_000

/** When a subscriber last asked for a channel: the relay's channel information shows it. */
export class LastAsked {
  readonly #times = new Map<ChannelName, number>()
  /** Stands at the oldest; a new one would have to pass the places of all that were deleted. */
  #oldest = this.#times.keys()

  #last: ChannelName | undefined
  #lastTime = 0

  /** @param time ms since 1970 */
  touch(channel: ChannelName, time: number): void {
    // Many wait for one channel, and ask again all at once.
    if (channel === this.#last && time === this.#lastTime) return
    this.#last = channel
    this.#lastTime = time
    this.#times.delete(channel)
    this.#times.set(channel, time)
    if (this.#times.size <= MAX_REMEMBERED) return
    let step = this.#oldest.next()
    if (step.done) {
      this.#oldest = this.#times.keys()
      step = this.#oldest.next()
    }
    if (!step.done) this.#times.delete(step.value)
  }

  get(channel: ChannelName): number | undefined {
    return this.#times.get(channel)
  }

  forget(channel: ChannelName): void {
    this.#last = undefined
    this.#times.delete(channel)
  }
}
