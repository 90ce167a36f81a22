import { ALL, type Log, NOW, type Since } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import { cursorFrom } from '../../model/cursor.ts'
import { BEFORE_ALL, idBeforeTime, IDS_PER_SECOND, makeId, type MessageId } from '../../model/id.ts'
import type { Selectors } from '../../model/selector.ts'

/** Messages looked at in one loop turn while the first of a second is searched. */
const PAGE = 2_000

/**
 * Where a stream starts that asks for everything stored at or after a unix time: whole seconds are an
 * id's own, and within one the messages' times decide.
 * @param seconds fractions count, down to a ms
 */
export async function sinceTime(
  hub: Hub,
  selectors: Selectors,
  seconds: number | undefined,
): Promise<Since> {
  if (seconds === undefined) return NOW
  if (seconds <= 0) return ALL
  const after = idBeforeTime(seconds)
  if (Number.isInteger(seconds)) return { kind: 'time', after }
  // Each partition has a second of its own.
  const places = hub.parts(selectors).map(async ({ log, selectors: part }) => {
    const last = after >= log.head ? after : await lastBefore(log, part, seconds, after)
    return [log.place, last] as const
  })
  return { kind: 'time', after: cursorFrom(hub.partitions, await Promise.all(places)) }
}

/** The newest message of that second that is older than `seconds`, else the second's beginning. */
async function lastBefore(
  log: Log,
  selectors: Selectors,
  seconds: number,
  start: MessageId,
): Promise<MessageId> {
  // Messages are stamped in whole ms: what is finer counts as its whole ms. The rest is the rounding of
  // a double, which must not cost a message.
  const time = Math.floor(seconds * 1000 + 0.0005)
  const end = makeId(Math.floor(seconds), IDS_PER_SECOND - 1)
  let cursor = start
  for (let after = start; after < end; ) {
    const page = await log.read({ selectors, after, upTo: end, limit: PAGE })
    for (const message of page.messages) {
      if (message.time >= time) return cursor
      cursor = message.id
    }
    if (page.upTo <= after) return cursor
    after = page.upTo === BEFORE_ALL ? end : page.upTo
    if (after < end && page.messages.length > 0) await turn()
    if (after >= log.head) return cursor
  }
  return cursor
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
