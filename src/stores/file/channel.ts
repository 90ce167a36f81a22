import type { ChannelName } from '../../model/channel.ts'
import type { MessageId } from '../../model/id.ts'

/** Below this many, dead places are not worth moving the rest. */
const SLACK = 32

/** One channel of the file store: which messages of the log are its own. */
export class FileChannel {
  readonly name: ChannelName
  /** Its number in segments and in the list of channels. */
  readonly number: number
  /** Its messages by number, oldest first; some may be dead. */
  messages: number[] = []
  /** Where in `messages` the first one stands that may be kept. */
  start = 0
  /** How many are kept. */
  count = 0
  /** What they take on disk. */
  bytes = 0
  /** Messages ever appended since it is known. */
  appended = 0
  /** A cursor below this may have missed messages of this channel. */
  floor: MessageId
  last: MessageId | undefined
  /** Set by use beyond the first, taken away by the hand that looks for a channel to forget. */
  used = false
  /** It is not known any more; its dead messages are still in the log. */
  gone = false

  constructor(name: ChannelName, number: number, floor: MessageId) {
    this.name = name
    this.number = number
    this.floor = floor
  }

  push(message: number, id: MessageId, bytes: number): void {
    this.messages.push(message)
    this.count++
    this.bytes += bytes
    this.appended++
    this.used = this.last !== undefined
    this.last = id
  }

  /** The place of the first message from `message` on: start … messages.length. */
  seek(message: number): number {
    const { messages } = this
    let low = this.start
    let high = messages.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((messages[middle] as number) >= message) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Forgets places of dead messages when there are many. */
  tidy(isDead: (message: number) => boolean): void {
    const { messages } = this
    while (this.start < messages.length && isDead(messages[this.start] as number)) this.start++
    const left = messages.length - this.start
    if (left - this.count > SLACK && left > this.count * 2) {
      this.messages = messages.slice(this.start).filter((one) => !isDead(one))
      this.start = 0
    } else if (this.start > SLACK && this.start * 2 > messages.length) {
      this.messages = messages.slice(this.start)
      this.start = 0
    }
  }
}
