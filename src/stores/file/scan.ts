import { BEFORE_ALL, type MessageId } from '../../model/id.ts'
import { idAt, KIND, kindAt, nextMarker, recordAt } from './format.ts'

/** Looking for the next good record reads at most this many times what there is. */
const SEARCH_BUDGET = 64

/** Bytes of a segment that hold no good record, with good ones behind them. */
export interface Damage {
  readonly from: number
  readonly to: number
  /** What is lost had ids up to this one. */
  readonly upTo: MessageId
}

export interface ScanHandler {
  record(at: number, length: number): void
  damage(damage: Damage): void
}

/**
 * Goes through records from `from` to `end` of `block`, and says where they are and where none is.
 * @returns where the last good record ends; what follows up to `end` is torn or damaged
 */
export function scanRecords(
  block: Buffer,
  from: number,
  end: number,
  seed: number,
  handler: ScanHandler,
): number {
  let budget = SEARCH_BUDGET * Math.max(end - from, 1)
  let at = from
  for (;;) {
    const length = recordAt(block, at, end, seed)
    if (length > 0) {
      handler.record(at, length)
      at += length
      continue
    }
    if (at >= end) return at
    let next = at
    do {
      next = nextMarker(block, next + 1, end)
      if (next === -1) return at
      budget -= costOf(block, next, end)
      if (budget < 0) return at
    } while (recordAt(block, next, end, seed) === 0)
    handler.damage({ from: at, to: next, upTo: lostBefore(block, next) })
    at = next
  }
}

/** Bytes that a look at a possible record reads. */
function costOf(block: Buffer, at: number, end: number): number {
  const length = at + 12 <= end ? block.readUInt32LE(at + 8) : 0
  return length <= end - at ? length : 0
}

/** The greatest id that something before this good record may have had. */
function lostBefore(block: Buffer, at: number): MessageId {
  const id = idAt(block, at)
  if (id <= 0) return BEFORE_ALL
  // Records that are no messages carry the newest id of their time.
  return kindAt(block, at) === KIND.message ? ((id - 1) as MessageId) : id
}
