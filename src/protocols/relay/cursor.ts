import { ALL, type Since } from '../../hub/contract.ts'
import { FanfareError } from '../../model/errors.ts'
import { BEFORE_ALL, IDS_PER_SECOND, makeId } from '../../model/id.ts'

/** Names of days and months, as HTTP dates have them, in any of the three forms of RFC 9110. */
const RFC1123 =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{1,2}) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) (GMT|UTC|Z|[+-]\d{4})$/i
const RFC850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-(\w{3})-(\d\d) (\d\d):(\d\d):(\d\d) (GMT|UTC|Z|[+-]\d{4})$/i
const ASCTIME =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\w{3}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})$/i
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** The largest second an id can hold. */
const LAST_SECOND = 2 ** 32 - 1

/**
 * Reads an HTTP date: RFC 1123 (a numeric zone is accepted, as hbpush does), RFC 850 or asctime.
 * @returns unix seconds, or undefined when it is none of them
 */
export function parseHttpDate(text: string): number | undefined {
  let match = RFC1123.exec(text)
  if (match) {
    const [, day, month, year, hour, minute, second, zone] = match as unknown as string[]
    return seconds(year, month, day, hour, minute, second, zone)
  }
  match = RFC850.exec(text)
  if (match) {
    const [, day, month, short, hour, minute, second, zone] = match as unknown as string[]
    // Two digits of a year: the reading that lies nearest to now, as RFC 9110 has it.
    const century = Number(short) < 70 ? 2000 : 1900
    return seconds(String(century + Number(short)), month, day, hour, minute, second, zone)
  }
  match = ASCTIME.exec(text)
  if (match) {
    const [, month, day, hour, minute, second, year] = match as unknown as string[]
    return seconds(year, month, day, hour, minute, second, 'GMT')
  }
  return undefined
}

function seconds(
  year = '',
  month = '',
  day = '',
  hour = '',
  minute = '',
  second = '',
  zone = '',
): number | undefined {
  const index = MONTHS.indexOf(month.toLowerCase())
  if (index === -1 || Number(day) < 1 || Number(day) > 31) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const time = Date.UTC(
    Number(year),
    index,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  )
  const offset = /^([+-])(\d\d)(\d\d)$/.exec(zone)
  const shift = offset ? (Number(offset[2]) * 60 + Number(offset[3])) * 60 : 0
  return time / 1000 - (offset?.[1] === '-' ? -shift : shift)
}

/**
 * The cursor of a poll: the message wanted is the first after (If-Modified-Since, If-None-Match).
 *
 * - Neither: the oldest message kept (protocol, rev 2.23). A bare `0` means the same.
 * - Only If-Modified-Since: everything of that second again, as hbpush does: at least, never less.
 * - Only If-None-Match: as (0, n): the oldest.
 * - A date in the future: what comes from now on, as both originals do.
 * - An Etag may come quoted, weak (`W/`) or with the `-gzip` that proxies append.
 * @param latest the latest second that is not in the future, of the clock or of an id given already
 * @throws FanfareError `bad_cursor` for anything else, as hbpush's tests demand
 */
export function pollCursor(
  modifiedSince: string | undefined,
  noneMatch: string | undefined,
  latest: number,
): Since {
  // All who had the same message ask with the same two.
  if (modifiedSince !== last.modifiedSince || noneMatch !== last.noneMatch) {
    last = readValidators(modifiedSince, noneMatch)
  }
  const { second, tag } = last
  if (second <= 0) return ALL
  if (second > latest) return { kind: 'now' }
  const after = makeId(Math.min(second, LAST_SECOND), Math.max(tag, -1))
  // Clients that begin with a date of their own send tag 0 or none: then a later date is no gap.
  return { kind: tag > 0 ? 'id' : 'time', after: after < 1 ? BEFORE_ALL : after }
}

interface Validators {
  readonly modifiedSince: string | undefined
  readonly noneMatch: string | undefined
  readonly second: number
  readonly tag: number
}

let last: Validators = {
  modifiedSince: undefined,
  noneMatch: undefined,
  second: 0,
  tag: -1,
}

function readValidators(
  modifiedSince: string | undefined,
  noneMatch: string | undefined,
): Validators {
  const tag = noneMatch === undefined ? -1 : parseTag(noneMatch)
  const text = modifiedSince?.trim() ?? '0'
  const second = text === '0' ? 0 : parseHttpDate(text)
  if (second === undefined) {
    throw new FanfareError('bad_cursor', 'If-Modified-Since is not an HTTP date.')
  }
  return { modifiedSince, noneMatch, second, tag }
}

function parseTag(text: string): number {
  const match = /^(?:W\/)?("?)(-?\d{1,15})(?:-gzip)?\1$/.exec(text.trim())
  const tag = Number(match?.[2] ?? Number.NaN)
  if (!(tag < IDS_PER_SECOND)) {
    throw new FanfareError('bad_cursor', 'If-None-Match is not an Etag that this server gives.')
  }
  return tag
}
