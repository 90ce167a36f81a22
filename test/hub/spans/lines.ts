import { type Cursors, type Encoder, type Gap, IDS } from '../../../src/hub/contract.ts'
import { split } from '../../../src/hub/split.ts'
import type { MessageId } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import type { Selectors } from '../../../src/model/selector.ts'
import { partitionOf } from '../../../src/stores/partition.ts'

/** What a client is told by one line. */
export type Line =
  | {
      readonly kind: 'message'
      readonly place: number
      readonly id: MessageId
      readonly channel: string
      readonly cursor: string
    }
  | {
      readonly kind: 'gap'
      readonly place: number
      readonly from: MessageId
      readonly to: MessageId
    }
  /** What was added has caught up. */
  | { readonly kind: 'caught up'; readonly part: number; readonly cursor: string }

/** Each message with the cursor behind it, each gap with its partition: all that a client needs to come back. */
export class CursorLines implements Encoder {
  readonly key = 'cursor lines'
  readonly door = 'test'
  readonly tellsGaps = true
  readonly showsCursors = 'spanning'
  readonly #partitions: number

  constructor(partitions: number) {
    this.#partitions = partitions
  }

  encode(
    messages: readonly Message[],
    gap: Gap | undefined,
    selectors: Selectors,
    cursors: Cursors = IDS,
  ): Buffer {
    if (messages.length === 0 && !gap) throw new Error('asked to say nothing')
    const lines = messages.map((message): Line => {
      const { id, channel } = message
      const place = partitionOf(channel, this.#partitions)
      return { kind: 'message', place, id, channel, cursor: cursors.after(message) }
    })
    if (gap) lines.unshift({ kind: 'gap', place: this.#placeOf(gap, selectors, cursors), ...gap })
    return linesOf(lines)
  }

  /** Where its two ends differ. */
  #placeOf({ from, to }: Gap, selectors: Selectors, cursors: Cursors): number {
    const [only, ...more] = split(selectors, this.#partitions)
    if (only && more.length === 0) return only.place
    const ends = cursors.text(to).split('.')
    const place = cursors
      .text(from)
      .split('.')
      .findIndex((part, index) => part !== ends[index])
    if (place === -1) throw new Error(`a gap from ${from} to ${to} of no partition`)
    return place
  }
}

export function linesOf(lines: readonly Line[]): Buffer {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}
