import { type ChannelName, isPrivate } from '../../model/channel.ts'
import type { MessageId } from '../../model/id.ts'
import { Hand } from '../hand.ts'
import type { ChannelPage } from '../store.ts'
import { FileChannel } from './channel.ts'

/** Below this many, dead places in the queue of free numbers are not worth moving the rest. */
const SLACK = 1_024

/** A number whose channel is gone, while segments up to a serial still have messages of it. */
interface Freed {
  readonly number: number
  readonly serial: number
}

/** The channels of a store by name, and by the number that segments know them by. */
export class ChannelTable {
  readonly #known = new Map<ChannelName, FileChannel>()
  /** Those included that are gone while the log still has messages of them. */
  readonly #numbers: (FileChannel | undefined)[] = []
  /** A queue from `#freeStart`. */
  #free: Freed[] = []
  #freeStart = 0
  /** Numbers whose channel is gone, and never had a message: nothing in the log goes by them. */
  readonly #unused: number[] = []
  /** Known channels that are in no listing. */
  #privates = 0
  readonly #hand = new Hand(this.#known)

  get size(): number {
    return this.#known.size
  }

  find(name: ChannelName): FileChannel | undefined {
    return this.#known.get(name)
  }

  /** The channel that segments know by this number. */
  byNumber(number: number): FileChannel | undefined {
    return this.#numbers[number]
  }

  values(): IterableIterator<FileChannel> {
    return this.#known.values()
  }

  /** @param oldestSerial of the segments there are */
  add(name: ChannelName, floor: MessageId, oldestSerial: number): FileChannel {
    const channel = new FileChannel(name, this.#freeNumber(oldestSerial), floor)
    this.#numbers[channel.number] = channel
    this.#known.set(name, channel)
    if (isPrivate(name)) this.#privates++
    return channel
  }

  /** @param newestSerial of the segments that may have messages of it */
  remove(channel: FileChannel, newestSerial: number): void {
    channel.messages = []
    channel.start = 0
    channel.gone = true
    this.#known.delete(channel.name)
    this.#hand.left()
    if (isPrivate(channel.name)) this.#privates--
    if (channel.last === undefined) this.#unused.push(channel.number)
    else this.#free.push({ number: channel.number, serial: newestSerial })
  }

  /** A channel that was not used for long; undefined when there is none. */
  longUnused(): FileChannel | undefined {
    return this.#hand.longUnused()
  }

  list(cursor: number, limit: number): ChannelPage {
    const names: ChannelName[] = []
    const start = Math.max(0, cursor)
    const end = Math.min(this.#numbers.length, start + limit)
    for (let number = start; number < end; number++) {
      const channel = this.#numbers[number]
      if (channel && !channel.gone && !isPrivate(channel.name)) names.push(channel.name)
    }
    const total = this.#known.size - this.#privates
    return { names, cursor: end < this.#numbers.length ? end : 0, total }
  }

  #freeNumber(oldestSerial: number): number {
    const unused = this.#unused.pop()
    if (unused !== undefined) return unused
    const free = this.#free[this.#freeStart]
    if (!free || oldestSerial <= free.serial) return this.#numbers.length
    this.#freeStart++
    if (this.#freeStart > SLACK && this.#freeStart * 2 > this.#free.length) {
      this.#free = this.#free.slice(this.#freeStart)
      this.#freeStart = 0
    }
    return free.number
  }
}
