/**
 * Message ids: `<unix second>-<n>`, n counting from 0 within the second over the whole store.
 *
 * The pair is the relay protocol's (Last-Modified, Etag) and a legal Redis stream ID. Inside the
 * program an id is one number, `second * 2^21 + n`, so that ordering, binary search and "just before
 * this id" are plain arithmetic and need no object. A double holds that exactly until the year 2106,
 * with room for 2,097,152 messages in each second.
 */
declare const brand: unique symbol
export type MessageId = number & { readonly [brand]: 'MessageId' }

/** How many ids one second holds; a store that runs out moves on to the next second. */
export const IDS_PER_SECOND = 2 ** 21
const LAST_SECOND = 2 ** 32 - 1

/** Below every id that was ever given: the cursor that asks for all that is kept. */
export const BEFORE_ALL = 0 as MessageId

/** The id of message `n` of `second`; n may be -1 (just before the second's first message). */
export function makeId(second: number, n: number): MessageId {
  return (second * IDS_PER_SECOND + n) as MessageId
}

/** The cursor just before `id`: whoever holds it has everything older than `id` and not `id`. */
export function before(id: MessageId): MessageId {
  return (id - 1) as MessageId
}

/** The unix second in which a message was stored. */
export function idSecond(id: MessageId): number {
  return Math.floor(id / IDS_PER_SECOND)
}

/** Which message of its second this is, from 0. */
export function idIndex(id: MessageId): number {
  return id % IDS_PER_SECOND
}

export function formatId(id: MessageId): string {
  return `${idSecond(id)}-${idIndex(id)}`
}

const FORM = /^(\d{1,10})-(\d{1,7})$/

/** Reads `<second>-<n>`; undefined when the text is not an id. */
export function parseId(text: string): MessageId | undefined {
  const match = FORM.exec(text)
  if (!match) return undefined
  const second = Number(match[1])
  const n = Number(match[2])
  if (second > LAST_SECOND || n >= IDS_PER_SECOND) return undefined
  return makeId(second, n)
}

/** The cursor from which everything stored at or after a unix time (in seconds) is still to come. */
export function idBeforeTime(seconds: number): MessageId {
  const second = Math.min(Math.max(Math.floor(seconds), 0), LAST_SECOND)
  return second === 0 ? BEFORE_ALL : makeId(second, -1)
}
