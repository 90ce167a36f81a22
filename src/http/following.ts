import { ALL, NOW, type Since } from '../hub/contract.ts'
import type { Hub } from '../hub/hub.ts'
import { percentDecode } from '../model/channel.ts'
import { parseCursor } from '../model/cursor.ts'
import { FanfareError } from '../model/errors.ts'
import { idBeforeTime } from '../model/id.ts'
import type { MaybePromise } from '../model/maybe.ts'
import { Selectors } from '../model/selector.ts'
import { parseQuery } from './query.ts'

/** What a request to an endless stream asks for. */
export interface Wanted {
  readonly selectors: Selectors
  readonly since: Since
  /** The newest this many messages first; 0 when not asked for. */
  readonly last: number
  readonly query: Map<string, string[]>
}

/** The newest messages that can be asked for on connecting. */
const MAX_LAST = 1_000

/**
 * Reads what a request wants to follow: the channel in its path and further ones as `channel=` in its
 * query; `since=` or, before it, the id of the last event seen; `last=`.
 * @param id the path's part, as sent; may be '' when the query names channels
 * @param maxChannels channels in one connection
 * @param partitions of the store that is followed
 * @throws FanfareError saying which part is wrong
 */
export function readWanted(
  id: string,
  query: string,
  lastEventId: string | undefined,
  maxChannels: number,
  partitions: number,
): Wanted {
  const parameters = parseQuery(query)
  if (!parameters)
    throw new FanfareError('bad_request', 'The query has a malformed percent-escape.')
  const names = [...(parameters.get('channel') ?? [])]
  if (id !== '') {
    const decoded = percentDecode(id)
    if (decoded === undefined) {
      throw new FanfareError('bad_channel', 'The path has a malformed percent-escape.')
    }
    names.unshift(decoded)
  }
  if (names.length === 0) {
    throw new FanfareError('bad_channel', 'Name a channel in the path or as ?channel=NAME.')
  }
  if (names.length > maxChannels) {
    throw new FanfareError('too_many', `One connection follows at most ${maxChannels} channels.`)
  }
  const channels = []
  const prefixes = []
  for (const name of names) {
    const selected = Selectors.parse(name)
    if (!selected) throw new FanfareError('bad_channel')
    channels.push(...selected.channels)
    prefixes.push(...selected.prefixes)
  }
  return {
    selectors: new Selectors(channels, prefixes),
    since: readSince(lastEventId || parameters.get('since')?.at(-1), partitions),
    last: readLast(parameters.get('last')?.at(-1)),
    query: parameters,
  }
}

/**
 * A cursor as clients write it: one that they were given, a unix time in seconds (fractions allowed), or
 * `all`.
 * @param partitions of the store that it is for
 * @throws FanfareError `bad_cursor`
 */
export function readSince(text: string | undefined, partitions: number): Since {
  if (text === undefined || text === '') return NOW
  if (text === 'all') return ALL
  const after = parseCursor(text, partitions)
  if (after !== undefined) return { kind: 'id', after }
  if (/^\d{1,10}(?:\.\d{1,9})?$/.test(text)) {
    return { kind: 'time', after: idBeforeTime(Number(text)) }
  }
  throw new FanfareError(
    'bad_cursor',
    `A cursor is an id such as 1700000000-0, a unix time in seconds, or all; not ${JSON.stringify(text.slice(0, 80))}.`,
  )
}

function readLast(text: string | undefined): number {
  if (text === undefined) return 0
  if (!/^\d{1,4}$/.test(text) || Number(text) > MAX_LAST) {
    throw new FanfareError('bad_request', `last= is a number from 0 to ${MAX_LAST}.`)
  }
  return Number(text)
}

/** Whether it asks for what was published before, too. */
export function wantsHistory({ last, since }: Pick<Wanted, 'last' | 'since'>): boolean {
  return last > 0 || since.kind !== 'now'
}

/** Where a stream starts: just before the newest messages that it asked for, or at its cursor. */
export function startOf(hub: Hub, wanted: Wanted): MaybePromise<Since> {
  const { last, since, selectors } = wanted
  if (last === 0 || since.kind !== 'now') return since
  return hub.beforeNewest(selectors, last)
}
