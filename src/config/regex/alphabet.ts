/**
 * Sets of the characters that a raw URL path can hold, as bits. A path has no space and no control
 * character, and ends before `?` and `#`. Bytes over 0x7e are left out: a client has to escape them.
 */
export type CharSet = bigint

const CHARS = Array.from({ length: 0x7e - 0x20 }, (_, i) => String.fromCharCode(0x21 + i)).filter(
  (char) => char !== '?' && char !== '#',
)

/** The character that stands for a set in examples: letters first. */
const NICEST = [...CHARS].sort((a, b) => niceness(a) - niceness(b) || (a < b ? -1 : 1))

function niceness(char: string): number {
  if (/[a-z]/.test(char)) return 0
  if (/[0-9]/.test(char)) return 1
  if (/[A-Z]/.test(char)) return 2
  return /[-_.~]/.test(char) ? 3 : 4
}

export const NO_CHARS: CharSet = 0n
export const ALL_CHARS: CharSet = (1n << BigInt(CHARS.length)) - 1n

/** The characters that a piece of a regular expression (`\d`, `[^/]`, `a`) matches. */
export function charsOf(piece: string, flags: string): CharSet {
  const test = new RegExp(`^(?:${piece})$`, flags)
  let set = NO_CHARS
  for (const [i, char] of CHARS.entries()) if (test.test(char)) set |= 1n << BigInt(i)
  return set
}

export const SLASH: CharSet = charsOf('/', '')

/** A readable character of a set that is not empty. */
export function sample(set: CharSet): string {
  return NICEST.find((char) => (set >> BigInt(CHARS.indexOf(char))) & 1n) ?? ''
}

/**
 * Splits the alphabet into the fewest classes such that every given set is a union of classes: what a
 * search has to tell apart.
 */
export function classesOf(sets: Iterable<CharSet>): CharSet[] {
  let classes: CharSet[] = [ALL_CHARS]
  for (const set of new Set(sets)) {
    classes = classes
      .flatMap((part) => [part & set, part & ~set])
      .filter((part) => part !== NO_CHARS)
  }
  return classes
}
