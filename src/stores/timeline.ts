import type { MessageId } from '../model/id.ts'
import type { Message } from '../model/message.ts'

/**
 * Below this many dead slots, moving the rest is not worth it. Small, because a store may hold one
 * timeline for each of 100,000 channels.
 */
const SLACK = 32

/**
 * Messages of many channels in id order, with holes where one was dropped from the middle.
 *
 * Ids stand in an array of their own, so that a search touches plain numbers and a hole still has
 * its place. Appending and dropping cost amortised constant time; finding costs a binary search.
 */
export class Timeline {
  #ids: number[] = []
  #items: (Message | undefined)[] = []
  #start = 0
  #holes = 0

  /** Slots from the oldest to the newest, holes included. */
  get length(): number {
    return this.#ids.length - this.#start
  }

  get count(): number {
    return this.length - this.#holes
  }

  push(message: Message): void {
    this.#ids.push(message.id)
    this.#items.push(message)
  }

  /** The slot of the first message with an id greater than `after`: 0 … length. */
  seek(after: MessageId): number {
    let low = this.#start
    let high = this.#ids.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ids[middle] as number) > after) high = middle
      else low = middle + 1
    }
    return low - this.#start
  }

  at(slot: number): Message | undefined {
    return this.#items[this.#start + slot]
  }

  idAt(slot: number): MessageId {
    return this.#ids[this.#start + slot] as MessageId
  }

  /** The oldest message, without any hole before it. */
  get first(): Message | undefined {
    return this.#items[this.#start]
  }

  /** The newest message, without any hole behind it. */
  get last(): Message | undefined {
    return this.length > 0 ? this.#items.at(-1) : undefined
  }

  has(id: MessageId): boolean {
    return this.#find(id) !== -1
  }

  /** Takes the oldest message out. */
  shift(): void {
    if (this.length === 0) return
    this.#items[this.#start] = undefined
    this.#start++
    this.#skipHoles()
  }

  /** Takes one message out, wherever it lies; answers it if it was there. */
  drop(id: MessageId): Message | undefined {
    const index = this.#find(id)
    if (index === -1) return undefined
    const message = this.#items[index]
    this.#items[index] = undefined
    this.#holes++
    this.#skipHoles()
    if (this.#holes > SLACK && this.#holes * 2 > this.length) this.#close()
    return message
  }

  #find(id: MessageId): number {
    // Mostly the oldest is meant, as that is what is dropped for want of room.
    const oldest = this.#ids[this.#start] === id
    const index = oldest ? this.#start : this.#start + this.seek((id - 1) as MessageId)
    return this.#ids[index] === id && this.#items[index] !== undefined ? index : -1
  }

  /** Both ends are messages; and now and then the dead slots in front are given back. */
  #skipHoles(): void {
    while (this.#start < this.#items.length && this.#items[this.#start] === undefined) {
      this.#start++
      this.#holes--
    }
    while (this.#items.length > this.#start && this.#items.at(-1) === undefined) {
      this.#items.pop()
      this.#ids.pop()
      this.#holes--
    }
    if (this.#start > SLACK && this.#start * 2 > this.#items.length) {
      this.#ids = this.#ids.slice(this.#start)
      this.#items = this.#items.slice(this.#start)
      this.#start = 0
    }
  }

  #close(): void {
    const ids: number[] = []
    const items: Message[] = []
    for (let index = this.#start; index < this.#items.length; index++) {
      const message = this.#items[index]
      if (!message) continue
      ids.push(message.id)
      items.push(message)
    }
    this.#ids = ids
    this.#items = items
    this.#start = 0
    this.#holes = 0
  }
}
