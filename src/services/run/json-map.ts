import { FanfareError } from '../../model/errors.ts'
import type { Json } from '../definition.ts'

/** @throws FanfareError `bad_config` when it is not a map of keys */
export function jsonMap(value: Json): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw new FanfareError('bad_config', 'A configuration is a map of keys, such as {"port":8080}.')
}

/** A list as a result has it. */
export function mutable<T>(list: readonly T[]): T[] {
  return [...list]
}
