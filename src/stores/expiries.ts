import type { MessageId } from '../model/id.ts'
import type { Message } from '../model/message.ts'
import type { ChannelLog } from './channel-log.ts'

/** Stale entries are not worth looking for below this many. */
const SLACK = 1_024

/** Numbers and a log, not the message: what retention drops must not stay in memory through us. */
interface Expiry {
  readonly at: number
  readonly id: MessageId
  readonly log: ChannelLog
}

/**
 * Which message runs out next by its own expiry: a binary heap, so that a stream of messages with
 * any mixture of expiries costs log n each, wherever in their channels they lie.
 */
export class Expiries {
  #heap: Expiry[] = []
  /** Entries whose message is still kept. */
  #kept = 0

  /** Entries held, those included whose message is gone. */
  get length(): number {
    return this.#heap.length
  }

  add(message: Message, log: ChannelLog): void {
    this.#kept++
    this.#heap.push({ at: message.expires, id: message.id, log })
    this.#rise(this.#heap.length - 1)
  }

  /** A message with an expiry was dropped for another reason; its entry is now stale. */
  dropped(): void {
    this.#kept--
    if (this.#heap.length <= this.#kept * 2 + SLACK) return
    this.#heap = this.#heap.filter(({ log, id }) => log.timeline.has(id))
    // In order is one way to be a heap.
    this.#heap.sort((a, b) => a.at - b.at)
  }

  /** Takes out one message that has run out by `now`; undefined when there is none. */
  takeDue(now: number): { readonly log: ChannelLog; readonly message: Message } | undefined {
    for (let next = this.#heap[0]; next && next.at <= now; next = this.#heap[0]) {
      this.#removeTop()
      const message = next.log.drop(next.id)
      if (!message) continue
      this.#kept--
      return { log: next.log, message }
    }
    return undefined
  }

  #removeTop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink()
  }

  #rise(from: number): void {
    const heap = this.#heap
    const entry = heap[from] as Expiry
    let slot = from
    while (slot > 0) {
      const up = (slot - 1) >>> 1
      const parent = heap[up] as Expiry
      if (parent.at <= entry.at) break
      heap[slot] = parent
      slot = up
    }
    heap[slot] = entry
  }

  #sink(): void {
    const heap = this.#heap
    const entry = heap[0] as Expiry
    let slot = 0
    for (;;) {
      let down = slot * 2 + 1
      if (down >= heap.length) break
      const right = heap[down + 1]
      if (right && right.at < (heap[down] as Expiry).at) down++
      const child = heap[down] as Expiry
      if (child.at >= entry.at) break
      heap[slot] = child
      slot = down
    }
    heap[slot] = entry
  }
}
