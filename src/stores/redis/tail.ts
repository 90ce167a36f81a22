import type { ChannelName } from '../../model/channel.ts'
import type { MessageId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import { idFrom, messageFrom, nameFrom, unpack } from './codec.ts'

/** Announcements that are held while what was missed is being read; then they are read, too. */
const MAX_HELD = 10_000
const MAX_HELD_BYTES = 32 * 2 ** 20
/** The first bytes of announcements: `A` and `R`. */
const BATCH = 0x41
const REMOVAL = 0x52

/** A stretch of everything, oldest first. */
export interface Stretch {
  readonly messages: readonly Message[]
  readonly removed: readonly Removal[]
  readonly upTo: MessageId
  /** The newest id of the store. */
  readonly last: MessageId
  /** Messages up to here may have been dropped before they were read. */
  readonly floor: MessageId
}

export interface Removal {
  readonly id: MessageId
  readonly name: ChannelName
}

export interface TailHost {
  /** The next stretch after an id. */
  next(after: MessageId): Promise<Stretch>
  appended(message: Message): void
  removed(name: ChannelName): void
  /** Some messages will never be announced. */
  skipped(): void
  /** Nothing had been kept yet when this node came: the store begins here. */
  began(at: MessageId): void
  failed(error: unknown): void
}

/**
 * The end of the log as this node knows it: announcements, each of which names the id before it, so that
 * one that is missing shows; what is missing is read from the streams.
 */
export class Tail {
  /** Everything up to here was announced. */
  position: MessageId
  readonly #host: TailHost
  #held: Buffer[] = []
  #heldBytes = 0
  /** Announcements are held: what lies before them is being read, or Redis is away. */
  #behind = true
  #reading = false
  #first = true

  constructor(host: TailHost, position: MessageId) {
    this.#host = host
    this.position = position
  }

  get behind(): boolean {
    return this.#behind
  }

  /** The connection is lost: what comes next may not be what comes next. */
  interrupted(): void {
    this.#behind = true
    this.#drop()
  }

  hear(payload: Buffer): void {
    if (!this.#behind && this.#apply(payload)) return
    if (this.#held.length >= MAX_HELD || this.#heldBytes > MAX_HELD_BYTES) this.#drop()
    this.#held.push(payload)
    this.#heldBytes += payload.length
    if (!this.#behind) this.look()
  }

  /** Something was missed, as it seems: reads it. */
  look(): void {
    this.#behind = true
    if (this.#reading) return
    this.catchUp().catch((error: unknown) => this.#host.failed(error))
  }

  /** Announces everything up to the end, and is live again. */
  async catchUp(): Promise<void> {
    this.#reading = true
    try {
      do {
        await this.#readToEnd()
        this.#behind = false
      } while (!this.#applyHeld())
    } finally {
      this.#reading = false
    }
  }

  async #readToEnd(): Promise<void> {
    for (;;) {
      const stretch = await this.#host.next(this.position)
      const { floor, last } = stretch
      // At the first look, what was dropped before was nobody's to hear.
      if (floor > this.position && !this.#first) this.#host.skipped()
      else if (floor > this.position && floor === last) this.#host.began(floor)
      this.#announce(stretch)
      this.position = Math.max(this.position, stretch.upTo) as MessageId
      if (stretch.upTo >= stretch.last) break
    }
    this.#first = false
  }

  #announce({ messages, removed }: Stretch): void {
    let next = 0
    const removeUpTo = (id: number): void => {
      for (let one = removed[next]; one && one.id < id; one = removed[++next]) {
        if (one.id > this.position) this.#host.removed(one.name)
      }
    }
    for (const message of messages) {
      removeUpTo(message.id)
      if (message.id <= this.position) continue
      this.position = message.id
      this.#host.appended(message)
    }
    removeUpTo(Number.POSITIVE_INFINITY)
  }

  /** @returns false when something before one of them is missing still */
  #applyHeld(): boolean {
    const held = this.#held
    this.#drop()
    for (const [index, payload] of held.entries()) {
      if (this.#apply(payload)) continue
      this.#behind = true
      for (const left of held.slice(index)) this.hear(left)
      return false
    }
    return true
  }

  #drop(): void {
    this.#held = []
    this.#heldBytes = 0
  }

  /** @returns false when something before it is missing */
  #apply(payload: Buffer): boolean {
    const newline = payload.indexOf(0x0a)
    const head = payload.toString('latin1', 1, newline === -1 ? payload.length : newline)
    const [kind] = payload
    if (kind === BATCH) return this.#applyBatch(payload, newline + 1, head)
    if (kind === REMOVAL) return this.#applyRemoval(head, payload.subarray(newline + 1))
    // Only how far the log goes now: what it was is too large to be announced.
    return Number(head) <= this.position
  }

  #applyBatch(payload: Buffer, from: number, head: string): boolean {
    const [prev, stamp, list = ''] = head.split(' ')
    if (Number(prev) > this.position) return false
    const now = Number(stamp)
    const results = list.split(',')
    let index = 0
    unpack(payload, from, (packed) => {
      const result = results[index++] as string
      const first = result.charCodeAt(0)
      // Not a digit: nothing was stored.
      if (first < 0x30 || first > 0x39) return
      const id = idFrom(result)
      if (id <= this.position) return
      this.position = id
      this.#host.appended(messageFrom(packed, id, now))
    })
    return true
  }

  #applyRemoval(head: string, name: Buffer): boolean {
    const [prev, id] = head.split(' ').map(Number) as [number, MessageId]
    if (prev > this.position) return false
    if (id <= this.position) return true
    this.position = id
    this.#host.removed(nameFrom(name))
    return true
  }
}
