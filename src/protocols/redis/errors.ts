import { FanfareError } from '../../model/errors.ts'

/** A command's refusal, in Redis's form: a code, such as `ERR`, and words. */
export class RedisError extends Error {}

export const SYNTAX = new RedisError('ERR syntax error')
export const NO_INTEGER = new RedisError('ERR value is not an integer or out of range')

const NO_PERMISSION: ReadonlySet<string> = new Set(['not_trusted', 'forbidden', 'foreign_origin'])

/** An error as a client is told it. @returns undefined when it is the program's own mistake */
export function errorText(error: unknown): string | undefined {
  if (error instanceof RedisError) return error.message
  if (!(error instanceof FanfareError) || error.code === 'internal') return undefined
  return NO_PERMISSION.has(error.code) ? `NOPERM ${error.message}` : `ERR ${error.message}`
}
