import { BEFORE_ALL, formatId, idSecond, makeId, type MessageId, parseId } from './id.ts'

/**
 * Where a follower stands: an id, and everything up to it is done with; or, over a store of several
 * partitions, one id for each, because ids are ordered within a partition only. To clients it is one text,
 * which they give back as it came.
 */
export type Cursor = MessageId | Vector

/** One place for each partition; undefined where nothing is known. */
export type Vector = readonly (MessageId | undefined)[]

/** In a vector's place: nothing of all that is kept was given yet, and none of it is missing. */
export const ALL_KEPT = -1 as MessageId

const BETWEEN = '.'
const ALL_KEPT_TEXT = '*'

/** The text of one place of a vector. */
export function formatPlace(place: MessageId | undefined): string {
  if (place === undefined) return ''
  return place === ALL_KEPT ? ALL_KEPT_TEXT : formatId(place)
}

/** An id as ever; the places of a vector with dots between them, and nothing where nothing is known. */
export function formatCursor(cursor: Cursor): string {
  return typeof cursor === 'number' ? formatId(cursor) : cursor.map(formatPlace).join(BETWEEN)
}

/** The text of a vector in two parts, between which one place belongs. */
export function textAround(vector: Vector, place: number): readonly [string, string] {
  const before = vector.slice(0, place).map((id) => formatPlace(id) + BETWEEN)
  const after = vector.slice(place + 1).map((id) => BETWEEN + formatPlace(id))
  return [before.join(''), after.join('')]
}

/**
 * Reads an id, or a vector of so many places; undefined when the text is neither, and when it is a vector
 * in which nothing is known.
 */
export function parseCursor(text: string, partitions: number): Cursor | undefined {
  const id = parseId(text)
  if (id !== undefined || partitions === 1) return id
  const parts = text.split(BETWEEN, partitions + 1)
  if (parts.length !== partitions) return undefined
  const places: (MessageId | undefined)[] = []
  for (const part of parts) {
    const place = part === ALL_KEPT_TEXT ? ALL_KEPT : parseId(part)
    if (place === undefined && part !== '') return undefined
    places.push(place)
  }
  return places.some((place) => place !== undefined) ? places : undefined
}

/** A place of a cursor; an id is every place's. */
export function placeOf(cursor: Cursor, place: number): MessageId | undefined {
  return typeof cursor === 'number' ? cursor : cursor[place]
}

/**
 * One cursor from what is known of partitions, with the lowest of each.
 * @param places numbers of partitions with an id of each
 */
export function cursorFrom(
  partitions: number,
  places: Iterable<readonly [number, MessageId]>,
): Cursor {
  const vector: (MessageId | undefined)[] = Array.from({ length: partitions })
  for (const [place, id] of places) {
    const known = vector[place]
    if (known === undefined || id < known) vector[place] = id
  }
  return partitions === 1 ? (vector[0] ?? BEFORE_ALL) : vector
}

/** Of each place the one further on; what only one of them knows, as that has it. */
export function laterOf(one: Cursor, other: Cursor): Cursor {
  return eachOf(one, other, (here, there) => (here > there ? here : there))
}

/** Of each place the one further back; what only one of them knows, as that has it. */
export function earlierOf(one: Cursor, other: Cursor): Cursor {
  return eachOf(one, other, (here, there) => (here < there ? here : there))
}

function eachOf(
  one: Cursor,
  other: Cursor,
  pick: (here: MessageId, there: MessageId) => MessageId,
): Cursor {
  if (typeof one === 'number' && typeof other === 'number') return pick(one, other)
  const { length } = typeof one === 'number' ? (other as Vector) : one
  return Array.from({ length }, (_, place) => {
    const here = placeOf(one, place)
    const there = placeOf(other, place)
    return here === undefined || there === undefined ? (here ?? there) : pick(here, there)
  })
}

/** Whether nothing that both know of lies further on in the first. */
export function isWithin(one: Cursor, other: Cursor): boolean {
  if (typeof one === 'number' && typeof other === 'number') return one <= other
  const { length } = typeof one === 'number' ? (other as Vector) : one
  for (let place = 0; place < length; place++) {
    const here = placeOf(one, place)
    const there = placeOf(other, place)
    if (here !== undefined && there !== undefined && here > there) return false
  }
  return true
}

/** Just before the second of an id: what another partition stored in that second comes after it. */
export function beforeSecond(id: MessageId): MessageId {
  const second = idSecond(id)
  return second <= 0 ? BEFORE_ALL : makeId(second, -1)
}

/**
 * Where to begin in a partition of which a vector knows nothing: with the second of the place that lies
 * furthest back.
 */
export function unknownPlace(vector: Vector): MessageId {
  let least: MessageId | undefined
  for (const place of vector) {
    if (place !== undefined && (least === undefined || place < least)) least = place
  }
  if (least === undefined || least === ALL_KEPT) return ALL_KEPT
  return beforeSecond(least)
}
