import type { MessageId } from '../../model/id.ts'
import type { ReadQuery } from '../store.ts'
import type { Catalog } from './catalog.ts'
import type { FileChannel } from './channel.ts'
import { RECORD_BYTES } from './format.ts'
import { DEAD } from './segment.ts'

/** Messages that one page of a subtree looks at: about 0.2 ms. */
const SCAN_STEPS = 5_000
/** The same for the newest messages of a subtree, which have no next page to go on in. */
const NEWEST_STEPS = 50_000

/** Which messages a page consists of, by number and oldest first, before anything is read. */
export interface Selection {
  readonly messages: number[]
  readonly upTo: MessageId
}

/** Chooses a page, as the catalog stands in this instant. */
export function select(catalog: Catalog, query: ReadQuery, now: number): Selection {
  const picker = new Picker(catalog, query, now)
  if (query.selectors.wide) return scan(catalog, query, picker)
  const channels: FileChannel[] = []
  for (const name of query.selectors.channels) {
    const channel = catalog.find(name)
    if (channel) channels.push(channel)
  }
  const [only] = channels
  if (only && channels.length === 1) return ofOne(only, query, picker)
  return ofSeveral(channels, query, picker)
}

function ofOne(channel: FileChannel, query: ReadQuery, picker: Picker): Selection {
  const { messages } = channel
  const start = channel.seek(picker.start)
  const end = channel.seek(picker.end)
  if (query.newest) {
    for (let place = end - 1; place >= start; place--) {
      if (!picker.add(messages[place] as number, channel)) break
    }
    return picker.finishNewest()
  }
  for (let place = start; place < end; place++) {
    if (!picker.add(messages[place] as number, channel)) break
  }
  return picker.finish()
}

/** Several channels, merged in id order. */
function ofSeveral(channels: readonly FileChannel[], query: ReadQuery, picker: Picker): Selection {
  const step = query.newest ? -1 : 1
  const places = channels.map((channel) =>
    query.newest ? channel.seek(picker.end) - 1 : channel.seek(picker.start),
  )
  const valueAt = (index: number): number => {
    const channel = channels[index] as FileChannel
    const place = places[index] as number
    const inside = place >= channel.start && place < channel.messages.length
    return inside ? step * (channel.messages[place] as number) : Number.POSITIVE_INFINITY
  }
  // Plain numbers in one array: this loop runs over all channels for each message of the page.
  const values = channels.map((_, index) => valueAt(index))
  for (;;) {
    let from = 0
    for (let index = 1; index < values.length; index++) {
      if ((values[index] as number) < (values[from] as number)) from = index
    }
    const message = step * (values[from] ?? Number.POSITIVE_INFINITY)
    if (!(message >= picker.start && message < picker.end)) break
    if (!picker.add(message, channels[from] as FileChannel)) break
    ;(places[from] as number) += step
    values[from] = valueAt(from)
  }
  return query.newest ? picker.finishNewest() : picker.finish()
}

/** A subtree: all messages, filtered, a bounded stretch at a time. */
function scan(catalog: Catalog, query: ReadQuery, picker: Picker): Selection {
  const { selectors } = query
  const { start, end } = picker
  const look = (message: number): boolean => {
    const segment = catalog.log.segmentOf(message)
    const slot = message - segment.base
    if (((segment.flags[slot] as number) & DEAD) !== 0) return true
    const channel = catalog.channel(segment.channels[slot] as number)
    if (!channel || !selectors.matches(channel.name)) return true
    return picker.add(message, channel)
  }
  if (query.newest) {
    const stop = Math.max(start, end - NEWEST_STEPS)
    for (let message = end - 1; message >= stop; message--) if (!look(message)) break
    return picker.finishNewest()
  }
  const stop = Math.min(end, start + SCAN_STEPS)
  for (let message = start; message < stop; message++) {
    if (!look(message)) return picker.finish()
  }
  return stop < end ? picker.finish(stop - 1) : picker.finish()
}

/** Collects messages until the page's bounds, and knows up to where the page is complete. */
class Picker {
  /** The page's messages have numbers from `start` to below `end`. */
  readonly start: number
  readonly end: number
  readonly #catalog: Catalog
  readonly #query: ReadQuery
  readonly #now: number
  readonly #messages: number[] = []
  #bytes = 0
  #full = false

  constructor(catalog: Catalog, query: ReadQuery, now: number) {
    this.#catalog = catalog
    this.#query = query
    this.#now = now
    const oldest = catalog.segments[0]?.base ?? 0
    this.start = Math.max(oldest, catalog.log.numberAfter(query.after))
    this.end = query.upTo === undefined ? catalog.log.next : catalog.log.numberAfter(query.upTo)
  }

  /** False when the message does not fit any more; the first one always does. A dead one is passed by. */
  add(message: number, channel: FileChannel): boolean {
    const segment = this.#catalog.log.segmentOf(message)
    const slot = message - segment.base
    const flags = segment.flags[slot] as number
    if (flags !== 0) {
      if ((flags & DEAD) !== 0) return true
      const expires = this.#catalog.expiresAt(message)
      if (expires !== 0 && expires <= this.#now) return true
    }
    const { limit, bytes = Number.POSITIVE_INFINITY } = this.#query
    if (this.#messages.length >= limit || (this.#messages.length > 0 && this.#bytes >= bytes)) {
      this.#full = true
      return false
    }
    this.#messages.push(message)
    this.#bytes += (segment.lengths[slot] as number) - RECORD_BYTES - channel.name.length
    return true
  }

  /** @param scanned the last message looked at, where the page ended before the end of the log */
  finish(scanned?: number): Selection {
    const messages = this.#messages
    if (this.#full) {
      const last = messages.at(-1)
      return { messages, upTo: last === undefined ? this.#query.after : this.#idOf(last) }
    }
    return { messages, upTo: scanned === undefined ? this.#upTo : this.#idOf(scanned) }
  }

  /** For messages that were added from the newest backwards. */
  finishNewest(): Selection {
    return { messages: this.#messages.toReversed(), upTo: this.#upTo }
  }

  #idOf(message: number): MessageId {
    const segment = this.#catalog.log.segmentOf(message)
    return segment.ids[message - segment.base] as MessageId
  }

  get #upTo(): MessageId {
    const { upTo } = this.#query
    const { head } = this.#catalog
    return upTo === undefined || upTo > head ? head : upTo
  }
}
