/**
 * Redis's glob patterns (PSUBSCRIBE): `*` any bytes, `?` one byte, `[abc]`, `[a-z]`, `[^a]`, and `\` before
 * a byte that is meant as it stands. As in Redis, nothing is a malformed pattern.
 */

const STAR = -1
const ANY = -2
const BACKSLASH = 0x5c

/** A byte, STAR, ANY, PLACE_TOKEN, or a set of bytes. */
type Token = number | Uint8Array

/** Stands in a pattern where a name is to be filled in; it is no byte. Within a set it makes that set match nothing. */
export const PLACE = '\uffff'
const PLACE_TOKEN = PLACE.charCodeAt(0)

export class Glob {
  readonly #tokens: readonly Token[]

  /** @param pattern one character a byte, and `PLACE` where something is filled in */
  constructor(pattern: string | readonly Token[]) {
    this.#tokens = typeof pattern === 'string' ? compile(pattern) : pattern
  }

  /** The same with a name in each place, whose bytes mean themselves. @param name one character a byte */
  filled(name: string): Glob {
    const bytes = Array.from({ length: name.length }, (_, at) => name.charCodeAt(at))
    return new Glob(this.#tokens.flatMap((token) => (token === PLACE_TOKEN ? bytes : [token])))
  }

  /**
   * Whether a whole name matches. At most name × pattern steps: of several stars only the last has to be
   * tried again, since whatever an earlier one could take, the last can make up for.
   */
  matches(name: string): boolean {
    const tokens = this.#tokens
    let at = 0
    let token = 0
    let star = -1
    let resume = 0
    while (at < name.length) {
      const wanted = tokens[token]
      if (wanted === STAR) {
        star = token++
        resume = at
      } else if (wanted !== undefined && takes(wanted, name.charCodeAt(at))) {
        at++
        token++
      } else if (star === -1) return false
      else {
        token = star + 1
        at = ++resume
      }
    }
    while (tokens[token] === STAR) token++
    return token === tokens.length
  }

  /**
   * Whether every name that another pattern matches is matched by this one, too. It may say no where that is so
   * (`?*` and `*?`), and never says yes where it is not: the other pattern is read as if it were a name, whose
   * stars only a star takes.
   */
  covers(other: Glob): boolean {
    const tokens = this.#tokens
    const names = other.#tokens
    let at = 0
    let token = 0
    let star = -1
    let resume = 0
    while (at < names.length) {
      const wanted = tokens[token]
      if (wanted === STAR) {
        star = token++
        resume = at
      } else if (wanted !== undefined && takesAll(wanted, names[at] as Token)) {
        at++
        token++
      } else if (star === -1) return false
      else {
        token = star + 1
        at = ++resume
      }
    }
    while (tokens[token] === STAR) token++
    return token === tokens.length
  }
}

/** A text as a pattern that means just that. */
export function quoteGlob(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, '\\$&')
}

/** Whether a token takes whatever one byte another token takes. */
function takesAll(token: Token, other: Token): boolean {
  if (other === STAR) return false
  if (token === ANY) return true
  if (typeof other !== 'number')
    return other.every((taken, byte) => taken === 0 || takes(token, byte))
  if (other === ANY) return typeof token !== 'number' && token.every((taken) => taken === 1)
  return takes(token, other)
}

function takes(token: Token, byte: number): boolean {
  if (typeof token === 'number') return token === ANY || token === byte
  return token[byte] === 1
}

function compile(pattern: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; ) {
    const char = pattern[at]
    if (char === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR)
      at++
    } else if (char === '?') {
      tokens.push(ANY)
      at++
    } else if (char === '[') at = pushSet(tokens, pattern, at + 1)
    else {
      if (char === '\\' && at + 1 < pattern.length) at++
      tokens.push(pattern.charCodeAt(at++))
    }
  }
  return tokens
}

/** Reads a set up to its `]`, or to the end of the pattern where it has none. @returns where to go on */
function pushSet(tokens: Token[], pattern: string, from: number): number {
  let at = from
  const inverted = pattern[at] === '^'
  if (inverted) at++
  const set = new Uint8Array(256)
  for (; at < pattern.length && pattern[at] !== ']'; at++) {
    const byte = pattern.charCodeAt(at)
    if (byte === BACKSLASH && at + 1 < pattern.length) set[pattern.charCodeAt(++at)] = 1
    else if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      fillRange(set, signed(byte), signed(pattern.charCodeAt(at + 2)))
      at += 2
    } else set[byte] = 1
  }
  if (inverted) for (let byte = 0; byte < 256; byte++) set[byte] = set[byte] === 1 ? 0 : 1
  tokens.push(pattern.slice(from, at).includes(PLACE) ? new Uint8Array(256) : set)
  return at + 1
}

/** From one byte to another, whichever comes first; bytes over 127 are negative, as in Redis. */
function fillRange(set: Uint8Array, one: number, other: number): void {
  const end = Math.max(one, other)
  for (let byte = Math.min(one, other); byte <= end; byte++) set[byte & 0xff] = 1
}

function signed(byte: number): number {
  return byte < 0x80 ? byte : byte - 0x100
}
