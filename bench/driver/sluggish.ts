import type { StreamDoor } from '../doors/door.ts'
import { MARKER, publisherOf, sentOf, sequenceOf } from './body.ts'
import { Link } from './link.ts'

/** Bytes of a message that are kept when a read cuts it: its header, and more. */
const WHOLE = 32
/** How our doors, and nobody's message, say that something is missing. */
const GAPS = ['event: gap', '{"gap":', '["gap",']

/**
 * A subscriber that reads nothing until `hurry` lets it: what a phone in a tunnel looks like to a
 * server.
 */
export class SluggishReader {
  /** Messages read so far. */
  messages = 0
  /** Gaps it was told of. */
  gaps = 0
  /** When the newest message read was sent, on the driver's clock. */
  newest = 0
  /** Messages that came after a later one of the same publisher, or twice. */
  disordered = 0
  closed = false
  /** The last number of each publisher. */
  readonly #last = new Map<number, number>()
  #link: Link | undefined
  #rest: Buffer = Buffer.alloc(0)

  static async open(door: StreamDoor, port: number, channel: string): Promise<SluggishReader> {
    const reader = new SluggishReader()
    reader.#link = await Link.open({
      port,
      steps: door.subscribe(channel),
      onBytes: (bytes, from, to) => reader.#take(bytes, from, to),
      onBroken: () => (reader.closed = true),
    })
    reader.#link.pause()
    return reader
  }

  /** Reads as fast as it comes from here on. */
  hurry(): void {
    this.#link?.resume()
  }

  close(): void {
    this.#link?.drop()
  }

  #take(bytes: Buffer, from: number, to: number): void {
    const all = Buffer.concat([this.#rest, bytes.subarray(from, to)])
    let at = all.indexOf(MARKER)
    let used = 0
    for (; at !== -1 && at + WHOLE <= all.length; at = all.indexOf(MARKER, at + 1)) {
      const sent = sentOf(all, at)
      const publisher = publisherOf(all, at)
      const sequence = sequenceOf(all, at)
      if (sequence <= (this.#last.get(publisher) ?? -1)) this.disordered++
      this.#last.set(publisher, sequence)
      this.newest = Math.max(this.newest, sent)
      this.messages++
      const before = all.toString('latin1', used, at)
      this.gaps += GAPS.some((gap) => before.includes(gap)) ? 1 : 0
      used = at + WHOLE
    }
    this.#rest = Buffer.from(
      at === -1 ? all.subarray(Math.max(used, all.length - 2 * WHOLE)) : all.subarray(at),
    )
  }
}
