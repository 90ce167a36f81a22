import type { MessageId } from '../model/id.ts'
import type { Message } from '../model/message.ts'
import type { ReadQuery } from './store.ts'
import type { Timeline } from './timeline.ts'

/** Slots of the common timeline that one page of a subtree looks at: about 0.2 ms. */
const SCAN_STEPS = 5_000
/** The same for the newest messages of a subtree, which have no next page to go on in. */
const NEWEST_STEPS = 50_000

export interface Slice {
  readonly messages: Message[]
  readonly upTo: MessageId
}

/** What a slice is cut from. */
export interface Source {
  readonly query: ReadQuery
  /** The newest id of the store. */
  readonly head: MessageId
  /** ms; messages that ran out by then are passed by, whether they were dropped yet or not. */
  readonly now: number
}

/** A page of one channel. */
export function readChannel(timeline: Timeline, source: Source): Slice {
  const { query } = source
  const start = timeline.seek(query.after)
  const end = query.upTo === undefined ? timeline.length : timeline.seek(query.upTo)
  const page = new PageBuilder(source)
  if (query.newest) {
    for (let slot = end - 1; slot >= start; slot--) if (!page.add(timeline.at(slot))) break
    return page.finishNewest()
  }
  for (let slot = start; slot < end; slot++) if (!page.add(timeline.at(slot))) break
  return page.finish()
}

/** A page of several channels, merged in id order. */
export function readMerged(timelines: readonly Timeline[], source: Source): Slice {
  const { query, head } = source
  const { after, upTo = head, newest = false } = query
  const step = newest ? -1 : 1
  const page = new PageBuilder(source)
  const slots = timelines.map((timeline) =>
    newest ? timeline.seek(upTo) - 1 : timeline.seek(after),
  )
  // Plain numbers in one array: this loop runs over all channels for each message of the page.
  const ids = timelines.map((timeline, index) => step * idFrom(timeline, slots, index, step))
  for (;;) {
    let from = 0
    for (let index = 1; index < ids.length; index++) {
      if ((ids[index] as number) < (ids[from] as number)) from = index
    }
    const id = step * (ids[from] ?? Number.POSITIVE_INFINITY)
    if (!(id > after && id <= upTo)) break
    const timeline = timelines[from] as Timeline
    if (!page.add(timeline.at(slots[from] as number))) break
    ;(slots[from] as number) += step
    ids[from] = step * idFrom(timeline, slots, from, step)
  }
  return newest ? page.finishNewest() : page.finish()
}

/** Moves a channel's slot on to its next message; answers that one's id. */
function idFrom(timeline: Timeline, slots: number[], index: number, step: number): number {
  let slot = slots[index] as number
  while (slot >= 0 && slot < timeline.length && !timeline.at(slot)) slot += step
  slots[index] = slot
  return slot >= 0 && slot < timeline.length ? timeline.idAt(slot) : step * Number.POSITIVE_INFINITY
}

/** A page of a subtree: the common timeline, filtered, a bounded stretch at a time. */
export function readScan(timeline: Timeline, source: Source): Slice {
  const { query } = source
  const start = timeline.seek(query.after)
  const end = query.upTo === undefined ? timeline.length : timeline.seek(query.upTo)
  const page = new PageBuilder(source)
  if (query.newest) {
    const stop = Math.max(start, end - NEWEST_STEPS)
    for (let slot = end - 1; slot >= stop; slot--) {
      const message = timeline.at(slot)
      if (message && query.selectors.matches(message.channel) && !page.add(message)) break
    }
    return page.finishNewest()
  }
  const stop = Math.min(end, start + SCAN_STEPS)
  for (let slot = start; slot < stop; slot++) {
    const message = timeline.at(slot)
    if (!message || !query.selectors.matches(message.channel)) continue
    if (!page.add(message)) return page.finish()
  }
  return stop < end ? page.finish(timeline.idAt(stop - 1)) : page.finish()
}

/** Collects messages until the page's bounds, and knows up to where the page is complete. */
class PageBuilder {
  readonly #source: Source
  readonly #messages: Message[] = []
  #bytes = 0
  #full = false

  constructor(source: Source) {
    this.#source = source
  }

  /** False when the message does not fit any more; the first one always does. A hole is passed by. */
  add(message: Message | undefined): boolean {
    const { query, now } = this.#source
    if (!message || (message.expires !== 0 && message.expires <= now)) return true
    const { limit, bytes = Number.POSITIVE_INFINITY } = query
    if (this.#messages.length >= limit || (this.#messages.length > 0 && this.#bytes >= bytes)) {
      this.#full = true
      return false
    }
    this.#messages.push(message)
    this.#bytes += message.weight
    return true
  }

  /** @param scanned the last id looked at, where the page ended before the end of the log */
  finish(scanned?: MessageId): Slice {
    const messages = this.#messages
    if (this.#full) return { messages, upTo: messages.at(-1)?.id ?? this.#source.query.after }
    return { messages, upTo: scanned ?? this.#end }
  }

  /** For messages that were added from the newest backwards. */
  finishNewest(): Slice {
    return { messages: this.#messages.toReversed(), upTo: this.#end }
  }

  get #end(): MessageId {
    const { query, head } = this.#source
    return query.upTo === undefined || query.upTo > head ? head : query.upTo
  }
}
