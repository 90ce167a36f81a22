import { NO_INTEGER, RedisError, SYNTAX } from '../errors.ts'
import { integerAt } from '../numbers.ts'
import type { Args } from '../parser.ts'

const ARITY = new RedisError("ERR wrong number of arguments for 'xadd' command")
const BAD_ID = new RedisError('ERR Invalid stream ID specified as stream command argument')
const OWN_ID = new RedisError('ERR IDs are given by this server: the only ID for XADD is *')
const NO_TRIMMING = new RedisError(
  'ERR MAXLEN and MINID need ~ here: how much is kept is a setting of the store',
)
const NO_LIMIT = new RedisError(
  'ERR syntax error, LIMIT cannot be used without the special ~ option',
)
const TWO_TRIMS = new RedisError(
  'ERR syntax error, MAXLEN and MINID options at the same time are not compatible',
)

export interface AddOptions {
  /** A channel that is not known yet is made. */
  readonly create: boolean
  /** The first field's argument. */
  readonly fields: number
}

/**
 * Reads what stands before XADD's fields. `MAXLEN ~ n` means that more may be kept, and so it is; to
 * trim exactly is refused.
 * @throws RedisError
 */
export function addOptions(args: Args): AddOptions {
  let create = true
  let trim: string | undefined
  let about = false
  let limited = false
  let index = 2
  for (; index < args.count; index++) {
    const option = args.lower(index)
    if (option === '*') break
    if (option === 'nomkstream') create = false
    else if ((option === 'maxlen' || option === 'minid') && index + 1 < args.count) {
      if (trim !== undefined && trim !== option) throw TWO_TRIMS
      trim = option
      const sign = args.text(index + 1)
      about = sign === '~'
      if (sign === '~' || sign === '=') index++
      index++
      if (index >= args.count) throw SYNTAX
      if (option === 'maxlen') checkLength(args, index)
    } else if (option === 'limit' && index + 1 < args.count) {
      limited = true
      checkLimit(args, ++index)
    } else if (/^\d{1,20}(?:-(?:\d{1,20}|\*))?$/.test(option)) throw OWN_ID
    else throw BAD_ID
  }
  if (limited && !about) throw NO_LIMIT
  const fields = index + 1
  const count = args.count - fields
  if (count < 2 || count % 2 === 1) throw ARITY
  if (trim !== undefined && !about) throw NO_TRIMMING
  return { create, fields }
}

function checkLength(args: Args, index: number): void {
  const length = integerAt(args, index)
  if (length === undefined) throw NO_INTEGER
  if (length < 0) throw new RedisError('ERR The MAXLEN argument must be >= 0.')
}

function checkLimit(args: Args, index: number): void {
  const limit = integerAt(args, index)
  if (limit === undefined) throw NO_INTEGER
  if (limit < 0) throw new RedisError('ERR The LIMIT argument must be >= 0.')
}
