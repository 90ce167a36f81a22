import type { ChannelName } from '../model/channel.ts'
import { formatCursor, formatPlace, textAround, type Vector } from '../model/cursor.ts'
import type { MessageId } from '../model/id.ts'
import type { Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import type { Cursors, Encoder, Gap } from './contract.ts'

/** Where a spanning follower stands as a batch of one of its partitions is encoded. */
export interface Standing {
  /** Of all that is followed but what was added and has not caught up. */
  readonly rest: Vector
  /** Of what was added, where the batch is part of that, so that the rest stands still. */
  readonly read: Vector | undefined
  /** Set while something that was added is being read, and whether it is in this partition. */
  readonly added: { readonly vector: Vector; readonly here: boolean } | undefined
  /** What was added and has not caught up everywhere, of which a live message may be. */
  addedFor(channel: ChannelName): Vector | undefined
}

/** A vector's text around the place of the batch. */
type Around = readonly [string, string]

let number = 0

/**
 * Encodes one partition's messages for one follower: behind each, its client stands at its id there, and in
 * the other partitions where it stood before.
 */
export class SpanEncoder implements Encoder, Cursors {
  readonly key: string
  readonly door: string
  readonly tellsGaps: boolean
  readonly #inner: Encoder
  readonly #place: number
  readonly #standing: () => Standing
  #now: Standing | undefined
  /** By vector, within one batch. */
  readonly #around = new Map<Vector, Around>()

  /** @param standing asked at each batch */
  constructor(inner: Encoder, place: number, standing: () => Standing) {
    // Like no other's: nobody else has its cursor.
    this.key = `${inner.key} span ${++number}`
    this.door = inner.door
    this.tellsGaps = inner.tellsGaps
    this.#inner = inner
    this.#place = place
    this.#standing = standing
  }

  encode(messages: readonly Message[], gap: Gap | undefined, selectors: Selectors): Buffer {
    this.#now = this.#standing()
    try {
      return this.#inner.encode(messages, gap, selectors, this)
    } finally {
      this.#now = undefined
      this.#around.clear()
    }
  }

  after({ id, channel }: Message): string {
    const batch = this.#batch
    return this.#with(batch.read ?? batch.addedFor(channel) ?? batch.rest, id)
  }

  text(id: MessageId): string {
    const { rest, read } = this.#batch
    return this.#with(read ?? rest, id)
  }

  parts(id: MessageId): { added: string; rest: string } | undefined {
    const { rest, read, added } = this.#batch
    if (!added) return undefined
    return {
      added: read || !added.here ? this.#with(added.vector, id) : formatCursor(added.vector),
      rest: read ? formatCursor(rest) : this.#with(rest, id),
    }
  }

  get #batch(): Standing {
    return (this.#now ??= this.#standing())
  }

  /** The vector's text with this id in the batch's place. */
  #with(vector: Vector, id: MessageId): string {
    let around = this.#around.get(vector)
    if (!around) this.#around.set(vector, (around = textAround(vector, this.#place)))
    return around[0] + formatPlace(id) + around[1]
  }
}
