import { idSecond, type MessageId } from '../../model/id.ts'
import { HEADER_BYTES } from './format.ts'
import { DEAD, type Segment } from './segment.ts'

/**
 * The segments of a log, oldest first; the last one is written to. Messages are numbered over all of
 * them, as they were found or added since the log was opened.
 */
export class SegmentList {
  readonly all: Segment[] = []
  /** The one that was asked for last. */
  #near: Segment | undefined

  /** Where a message is that is not there yet. */
  get next(): number {
    return this.all.at(-1)?.next ?? 0
  }

  /** ms since 1970 when the newest message was stored; 0 when there is none. */
  get newestTime(): number {
    const last = this.all.findLast(({ count }) => count > 0)
    return last ? this.timeOf(last.next - 1) : 0
  }

  isDead(message: number): boolean {
    const segment = this.segmentOf(message)
    // What lay before the first segment went with its own.
    if (message < segment.base) return true
    return ((segment.flags[message - segment.base] as number) & DEAD) !== 0
  }

  segmentOf(message: number): Segment {
    const near = this.#near
    if (near && message >= near.base && message < near.next) return near
    const { all } = this
    let low = 0
    let high = all.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((all[middle] as Segment).base <= message) low = middle
      else high = middle - 1
    }
    return (this.#near = all[low] as Segment)
  }

  /** The number of the first message with an id greater than `after`. */
  numberAfter(after: MessageId): number {
    const { all } = this
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((all[middle] as Segment).lastId > after) high = middle
      else low = middle + 1
    }
    const segment = all[low]
    return segment ? segment.base + segment.seek(after) : this.next
  }

  /** The newest id below a message of the last segment. */
  lastIdBefore(message: number): number {
    const last = this.all.at(-1)
    const slot = last ? message - last.base : 0
    return (slot > 0 ? last?.ids[slot - 1] : this.all.at(-2)?.lastId) ?? 0
  }

  /** The records of the last segment from byte `from` on stand in this one now, from its start. */
  moved(from: number, segment: Segment): void {
    const former = this.all.at(-1)
    if (!former) return
    const kept = segment.base - former.base
    const shift = HEADER_BYTES - from
    for (let slot = kept; slot < former.count; slot++) {
      const offset = (former.offsets[slot] as number) + shift
      const ids = former.ids[slot] as number
      const length = former.lengths[slot] as number
      const channel = former.channels[slot] as number
      segment.push(ids, former.ms[slot] as number, offset, length, channel)
      const flags = former.flags[slot] as number
      segment.flags[slot - kept] = flags
      if ((flags & DEAD) !== 0) segment.alive--
      else former.alive--
    }
    former.count = kept
    former.lastId = this.lastIdBefore(segment.base)
    this.all.push(segment)
    this.#near = undefined
  }

  timeOf(message: number): number {
    const segment = this.segmentOf(message)
    const slot = message - segment.base
    const id = segment.ids[slot] as MessageId
    return idSecond(id) * 1000 + (segment.ms[slot] as number)
  }

  /** The first kept message from this number on, or `next`. */
  keptFrom(from: number): number {
    let message = from
    const { next } = this
    while (message < next) {
      const segment = this.segmentOf(message)
      if (segment.alive > 0) {
        const { flags, base, count } = segment
        let slot = Math.max(0, message - base)
        while (slot < count && ((flags[slot] as number) & DEAD) !== 0) slot++
        if (slot < count) return base + slot
      }
      message = Math.max(segment.next, message + 1)
    }
    return next
  }

  /** Takes out the oldest. */
  shift(): Segment | undefined {
    const segment = this.all.shift()
    if (segment === this.#near) this.#near = undefined
    return segment
  }
}
