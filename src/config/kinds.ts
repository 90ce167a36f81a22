/**
 * Kinds of values that JSON Schema alone cannot say, for every part's schemas: durations, sizes, peers,
 * a door that can be off, the name of a store. In the resolved configuration they are plain: a number
 * of milliseconds or bytes, a list, an object or false.
 */
import { type Static, type TObject, type TProperties, type TUnsafe, Type } from 'typebox'
import { BYTES_PATTERN, DURATION_PATTERN } from './units.ts'

/** The annotation that tells a kind; it is not part of the published JSON Schema. */
export const KIND = 'x-fanfare'
export type Kind = 'duration' | 'bytes' | 'peers' | 'door' | 'storeName'

export interface KindOptions {
  description: string
  title?: string
  examples?: readonly unknown[]
}

export interface AmountOptions extends KindOptions {
  /** As it may stand in the file: `'75s'`, `'8MiB'`, or a number (seconds, bytes). */
  default?: string | number
  /** The smallest and largest that make sense, written likewise. 0 and no bound unless given. */
  least?: string | number
  most?: string | number
}

/** The longest time a Node.js timer can wait; a longer one would fire at once. */
export const LONGEST_TIMER = '2147483647ms'

/** A duration: seconds as a number, or text such as `90s`, `15m`, `48h`, `7d`. Resolves to milliseconds. */
export function Duration(options: AmountOptions): TUnsafe<number> {
  return Type.Unsafe<number>({
    [KIND]: 'duration' satisfies Kind,
    anyOf: [
      { type: 'number', minimum: 0 },
      { type: 'string', pattern: DURATION_PATTERN },
    ],
    ...options,
  })
}

/** A size: bytes as a number, or text such as `64KiB`, `8MB` (k is 1024, always). Resolves to bytes. */
export function Bytes(options: AmountOptions): TUnsafe<number> {
  return Type.Unsafe<number>({
    [KIND]: 'bytes' satisfies Kind,
    anyOf: [
      { type: 'integer', minimum: 0 },
      { type: 'string', pattern: BYTES_PATTERN },
    ],
    ...options,
  })
}

/** Addresses, blocks and wildcards: a list, or one text with spaces. Resolves to the list. */
export function Peers(options: KindOptions & { default?: readonly string[] }): TUnsafe<string[]> {
  return Type.Unsafe<string[]>({
    [KIND]: 'peers' satisfies Kind,
    anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'string' }],
    ...options,
  })
}

/**
 * A door's key: a map of its options, `true` for its defaults, `false` for off. On with its defaults
 * when nothing is written, unless `default` is false.
 */
export function Door<P extends TProperties>(
  properties: P,
  options: KindOptions & { default?: boolean },
): TUnsafe<false | Static<TObject<P>>> {
  return Type.Unsafe<false | Static<TObject<P>>>({
    [KIND]: 'door' satisfies Kind,
    anyOf: [{ type: 'boolean' }, Type.Object(properties, { additionalProperties: false })],
    default: true,
    ...options,
  })
}

export const STORE_NAME_PATTERN = '^[A-Za-z0-9_-]{1,64}$'

/** The name of the store that a door or location uses; loading checks that there is such a store. */
export function StoreName(
  description = "The name of the store that keeps this one's channels.",
): TUnsafe<string> {
  return Type.Unsafe<string>({
    [KIND]: 'storeName' satisfies Kind,
    type: 'string',
    default: 'default',
    description,
  })
}
