import { MAX_CHANNEL_BYTES } from '../../../model/channel.ts'

/** Topics that are known one by one. */
const MAX_TOPICS = 100_000

/**
 * What the peers of the broadcast socket are subscribed to, as it tells: each topic once when the first
 * peer comes, and once when the last has gone. ZeroMQ itself sends by prefix; this only says how a
 * channel's name has to be spelled for that: `x`, `/x`, or both.
 */
export class Topics {
  /** Topics, one character a byte; by length, so that few lengths are looked up. */
  readonly #byLength = new Map<number, Set<string>>()
  readonly #most: number
  #known = 0
  /** Topics beyond the bound. */
  #others = 0

  constructor(most = MAX_TOPICS) {
    this.#most = most
  }

  get size(): number {
    return this.#known + this.#others
  }

  /** @param topic one character a byte */
  add(topic: string): void {
    if (this.#known === this.#most || topic.length > MAX_CHANNEL_BYTES + 1) {
      this.#others++
      return
    }
    let set = this.#byLength.get(topic.length)
    if (!set) this.#byLength.set(topic.length, (set = new Set()))
    if (set.has(topic)) return
    set.add(topic)
    this.#known++
  }

  remove(topic: string): void {
    const set = this.#byLength.get(topic.length)
    if (set?.delete(topic)) {
      this.#known--
      if (set.size === 0) this.#byLength.delete(topic.length)
    } else if (this.#others > 0) this.#others--
  }

  /** The spellings of a channel's name that somebody is subscribed to. */
  spellings(channel: string): string[] {
    const slashed = `/${channel}`
    // Nobody knows what lies beyond the bound: ZeroMQ finds out.
    const unknown = this.#others > 0
    const found: string[] = []
    if (unknown || this.#matches(channel, 0)) found.push(channel)
    // A subscription to everything has one spelling: that without.
    if (unknown || this.#matches(slashed, 1)) found.push(slashed)
    return found
  }

  #matches(name: string, least: number): boolean {
    for (const [length, topics] of this.#byLength) {
      if (length < least || length > name.length) continue
      if (topics.has(name.slice(0, length))) return true
    }
    return false
  }
}
