import type { Hub } from '../../hub/hub.ts'
import { BEFORE_ALL, idBeforeTime, IDS_PER_SECOND, makeId, type MessageId } from '../../model/id.ts'
import { chain, type MaybePromise } from '../../model/maybe.ts'
import type { Message } from '../../model/message.ts'
import { Selectors } from '../../model/selector.ts'
import type { ChannelName } from '../../model/channel.ts'
import { RedisError } from './errors.ts'

const BAD_ID = new RedisError('ERR Invalid stream ID specified as stream command argument')
const BAD_START = new RedisError('ERR invalid start ID for the interval')
const BAD_END = new RedisError('ERR invalid end ID for the interval')

/** Messages that one read of the store is asked for. */
const PAGE = 1_000
/** What an entry takes in a reply beside what it holds, about. */
const FRAMING = 64
const LAST_SECOND = 2 ** 32 - 1
const LARGEST = 2n ** 64n - 1n
const END_OF_ALL = makeId(LAST_SECOND, IDS_PER_SECOND - 1)

/** What is asked for: ids after one and up to another, and times in ms from one to another. */
export interface Range {
  readonly after: MessageId
  readonly upTo: MessageId
  readonly from: number
  readonly until: number
}

/** A half of an id, or of a time in ms. */
interface Parts {
  readonly second: number
  readonly n: number | undefined
  /** Set when it is a time: 13 digits. */
  readonly time: number | undefined
}

/** @throws RedisError when it is no id as Redis has them */
function parts(text: string): Parts {
  const match = /^(\d{1,20})(?:-(\d{1,20}))?$/.exec(text)
  if (!match) throw BAD_ID
  const [, first = '', second] = match
  if (BigInt(first) > LARGEST || BigInt(second ?? 0) > LARGEST) throw BAD_ID
  const value = Number(first)
  const time = value >= 1e12 && value < 1e13 ? value : undefined
  const n = second === undefined ? undefined : Math.min(Number(second), IDS_PER_SECOND)
  return value > LAST_SECOND
    ? { second: LAST_SECOND, n: IDS_PER_SECOND, time }
    : { second: value, n, time }
}

/** The first bound of XRANGE. @throws RedisError */
export function startOf(text: string): Pick<Range, 'after' | 'from'> {
  if (text === '-') return { after: BEFORE_ALL, from: 0 }
  if (text === '+') return { after: END_OF_ALL, from: 0 }
  const open = text.startsWith('(')
  const { second, n = 0, time } = parts(open ? text.slice(1) : text)
  if (time !== undefined) {
    const from = open ? time + 1 : time
    return { after: idBeforeTime(from / 1000), from }
  }
  if (open && second === LAST_SECOND && n >= IDS_PER_SECOND) throw BAD_START
  const first = second * IDS_PER_SECOND + n
  return { after: Math.max(0, open ? first : first - 1) as MessageId, from: 0 }
}

/** The last bound of XRANGE. @throws RedisError */
export function endOf(text: string): Pick<Range, 'upTo' | 'until'> {
  const until = Number.POSITIVE_INFINITY
  if (text === '+') return { upTo: END_OF_ALL, until }
  if (text === '-') return { upTo: BEFORE_ALL, until }
  const open = text.startsWith('(')
  const { second, n = IDS_PER_SECOND, time } = parts(open ? text.slice(1) : text)
  if (time !== undefined) {
    const last = open ? time - 1 : time
    const lastSecond = Math.min(Math.floor(last / 1000), LAST_SECOND)
    return { upTo: makeId(lastSecond, IDS_PER_SECOND - 1), until: last }
  }
  if (!open) return { upTo: makeId(second, Math.min(n, IDS_PER_SECOND - 1)), until }
  // Without its second half, `(5` is what lies before 5-0.
  const end = makeId(second, text.includes('-') ? n : 0)
  if (end === BEFORE_ALL) throw BAD_END
  return { upTo: (end - 1) as MessageId, until }
}

/**
 * Where XREAD goes on: behind an id, or, for a time in ms, with all from that time on.
 * @throws RedisError
 */
export function cursorOf(text: string, head: MessageId): Pick<Range, 'after' | 'from'> {
  if (text === '$') return { after: head, from: 0 }
  if (text === '>') {
    throw new RedisError(
      'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> ' +
        '<consumer> option.',
    )
  }
  const { second, n = 0, time } = parts(text)
  if (time !== undefined) return { after: idBeforeTime(time / 1000), from: time }
  return { after: makeId(second, Math.min(n, IDS_PER_SECOND - 1)), from: 0 }
}

export interface RangeQuery {
  readonly channel: ChannelName
  readonly range: Range
  /** At most so many. */
  readonly count: number
  /** The newest first. */
  readonly newest: boolean
  /** A reply that would be larger is refused: whoever gets less than asked for takes it for all. */
  readonly maxBytes: number
}

/** The messages of a range, in the order of the reply. @throws RedisError when they are too much */
export function readRange(hub: Hub, query: RangeQuery): MaybePromise<readonly Message[]> {
  const { range, count, newest, maxBytes } = query
  const selectors = Selectors.channel(query.channel)
  const found: Message[] = []
  let bytes = 0
  const log = hub.at(query.channel)
  let { after, upTo } = range
  const step = (): MaybePromise<readonly Message[]> => {
    if (after >= upTo || found.length >= count) return found
    const limit = Math.min(PAGE, count - found.length)
    return chain(log.read({ selectors, after, upTo, limit, newest }), (page) => {
      const messages = newest ? page.messages.toReversed() : page.messages
      for (const message of messages) {
        if (message.time < range.from || message.time > range.until) continue
        found.push(message)
        bytes += message.weight + FRAMING
        if (bytes > maxBytes && found.length > 1) {
          throw new RedisError(
            `ERR The reply would have more than ${maxBytes} bytes; ask for fewer entries by COUNT.`,
          )
        }
      }
      const last = messages.at(-1)
      if (!last || (!newest && page.upTo <= after)) return found
      if (newest) upTo = (last.id - 1) as MessageId
      else after = page.upTo
      if (!newest && messages.length < limit) return found
      return step()
    })
  }
  return step()
}
