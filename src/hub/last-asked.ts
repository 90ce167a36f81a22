import type { ChannelName } from '../model/channel.ts'

/** Channels remembered at most; the longest not asked for go first, half of that at once. */
const MAX_REMEMBERED = 100_000

/** When a subscriber last asked for a channel: the relay's channel information shows it. */
export class LastAsked {
  /**
   * Asked for lately, and before that. One list in the order of asking would have to be walked by an iterator that
   * stands, and such a one keeps every table that a Map has had since.
   */
  #late = new Map<ChannelName, number>()
  #former = new Map<ChannelName, number>()
  #last: ChannelName | undefined
  #lastTime = 0

  /** @param time ms since 1970 */
  touch(channel: ChannelName, time: number): void {
    // Many wait for one channel, and ask again all at once.
    if (channel === this.#last && time === this.#lastTime) return
    this.#last = channel
    this.#lastTime = time
    this.#late.set(channel, time)
    if (this.#late.size < MAX_REMEMBERED / 2) return
    this.#former = this.#late
    this.#late = new Map()
  }

  get(channel: ChannelName): number | undefined {
    return this.#late.get(channel) ?? this.#former.get(channel)
  }

  forget(channel: ChannelName): void {
    this.#last = undefined
    this.#late.delete(channel)
    this.#former.delete(channel)
  }
}
