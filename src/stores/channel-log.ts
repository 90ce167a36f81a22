import type { ChannelName } from '../model/channel.ts'
import type { MessageId } from '../model/id.ts'
import type { Message } from '../model/message.ts'
import type { ChannelStat } from './store.ts'
import { Timeline } from './timeline.ts'

/** One channel of the memory store: its messages, and what must be known when they are gone. */
export class ChannelLog {
  readonly name: ChannelName
  /** Its number in the list of channels. */
  readonly place: number
  readonly timeline = new Timeline()
  bytes = 0
  /** Messages ever appended since it is known: what rates are made of. */
  appended = 0
  /** A cursor below this may have missed messages of this channel. */
  floor: MessageId
  last: MessageId | undefined
  /** Set by use beyond the first, taken away by the hand that looks for a channel to forget. */
  used = false

  constructor(name: ChannelName, floor: MessageId, place = 0) {
    this.name = name
    this.place = place
    this.floor = floor
  }

  push(message: Message): void {
    this.timeline.push(message)
    this.bytes += message.size
    this.appended++
    this.used = this.last !== undefined
    this.last = message.id
  }

  /** Takes the oldest message out; answers it. */
  shift(): Message | undefined {
    const message = this.timeline.first
    if (!message) return undefined
    this.timeline.shift()
    this.bytes -= message.size
    return message
  }

  /** Takes one message out, wherever it lies; answers it if it was there. */
  drop(id: MessageId): Message | undefined {
    const message = this.timeline.drop(id)
    if (message) this.bytes -= message.size
    return message
  }

  stat(): ChannelStat {
    return {
      messages: this.timeline.count,
      appended: this.appended,
      bytes: this.bytes,
      last: this.last,
      floor: this.floor,
    }
  }
}
