import type { Clock } from '../model/clock.ts'
import { idIndex, idSecond, IDS_PER_SECOND, makeId, type MessageId } from '../model/id.ts'

/**
 * One more than the last id, in the second of the clock or, when that is behind, of the last id.
 * @param now ms, of that clock
 */
export function nextId(last: MessageId, clock: Clock, now: number): MessageId {
  const second = Math.floor(now / 1000)
  const lastSecond = idSecond(last)
  if (second > lastSecond) return makeId(second, 0)
  const n = idIndex(last) + 1
  if (n < IDS_PER_SECOND) return makeId(lastSecond, n)
  // The second is full (or is the one the store started in): the next one begins early, and the
  // clock with it, so that no time told from here on lies before a message's.
  clock.advance((lastSecond + 1) * 1000)
  return makeId(lastSecond + 1, 0)
}
