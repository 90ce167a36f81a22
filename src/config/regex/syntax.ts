import { ALL_CHARS, type CharSet, charsOf } from './alphabet.ts'

/** A regular expression as a tree; groups leave no trace, they only hold things together. */
export type Regex =
  | { readonly kind: 'chars'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly parts: readonly Regex[] }
  | { readonly kind: 'choice'; readonly parts: readonly Regex[] }
  | { readonly kind: 'repeat'; readonly body: Regex; readonly min: number; readonly max: number }

export interface ParsedRegex {
  readonly tree: Regex
  /**
   * False where the tree matches more than the expression, because it has lookaround, back references
   * or inner anchors. It never matches less.
   */
  readonly exact: boolean
  /** What it looks for ahead or behind, which the tree leaves out. */
  readonly lookarounds: readonly Lookaround[]
}

export interface Lookaround {
  readonly tree: Regex
  /** Whether it is within a repetition. */
  readonly repeated: boolean
}

const EMPTY: Regex = { kind: 'sequence', parts: [] }
const ANYTHING: Regex = {
  kind: 'repeat',
  body: { kind: 'chars', set: ALL_CHARS },
  min: 0,
  max: Number.POSITIVE_INFINITY,
}

const GROUP = /\(\?(?::|<[A-Za-z_$][\w$]*>)/y
const LOOKAROUND = /\(\?<?[=!]/y
const CLASS = /\[(?:[^\]\\]|\\.)*\]/sy
const ESCAPE = /\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|c[A-Za-z]|0[0-7]*|.)/sy
const NAMED_REFERENCE = /\\k<[^>]*>/y
const QUANTIFIER = /(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/y

/** Reads an expression that `new RegExp(source, flags)` has accepted, without the flags u and v. */
export function parseRegex(source: string, flags: string): ParsedRegex {
  const reader = new Reader(source, flags)
  return { tree: reader.choice(), exact: reader.exact, lookarounds: reader.lookarounds }
}

class Reader {
  exact = true
  lookarounds: Lookaround[] = []
  readonly #source: string
  readonly #flags: string
  readonly #sets = new Map<string, CharSet>()
  #at = 0

  constructor(source: string, flags: string) {
    this.#source = source
    this.#flags = flags
  }

  /** Alternatives up to the end of the group or of the source. */
  choice(): Regex {
    const parts = [this.#sequence()]
    while (this.#source[this.#at] === '|') {
      this.#at++
      parts.push(this.#sequence())
    }
    return parts.length === 1 ? (parts[0] ?? EMPTY) : { kind: 'choice', parts }
  }

  #sequence(): Regex {
    const parts: Regex[] = []
    for (;;) {
      const char = this.#source[this.#at]
      if (char === undefined || char === '|' || char === ')') break
      const before = this.lookarounds.length
      const part = this.#quantified(this.#atom(char))
      if (part.kind === 'repeat' && part.max > 1) this.#repeated(before)
      parts.push(part)
    }
    return { kind: 'sequence', parts }
  }

  /** What was found since is tried again and again. */
  #repeated(from: number): void {
    this.lookarounds = this.lookarounds.map((one, at) =>
      at < from ? one : { ...one, repeated: true },
    )
  }

  #quantified(body: Regex): Regex {
    const match = this.#match(QUANTIFIER)
    if (!match) return body
    const [text, low, comma, high] = match
    if (text[0] === '*') return { kind: 'repeat', body, min: 0, max: Number.POSITIVE_INFINITY }
    if (text[0] === '+') return { kind: 'repeat', body, min: 1, max: Number.POSITIVE_INFINITY }
    if (text[0] === '?') return { kind: 'repeat', body, min: 0, max: 1 }
    const min = Number(low)
    const unbounded = comma === ',' && high === ''
    const max = unbounded ? Number.POSITIVE_INFINITY : comma === ',' ? Number(high) : min
    return { kind: 'repeat', body, min, max }
  }

  #atom(char: string): Regex {
    if (char === '(') return this.#group()
    if (char === '^' || char === '$') return this.#anchor(char)
    if (char === '\\') return this.#escape()
    const text = char === '[' ? (this.#match(CLASS)?.[0] ?? '') : ''
    if (text !== '') return this.#chars(text)
    this.#at++
    // A lone `{`, `]` or `}` stands for itself here, and not where it would be tested alone.
    return this.#chars(char === '.' || /\w/.test(char) ? char : `\\${char}`)
  }

  #group(): Regex {
    const lookaround = this.#match(LOOKAROUND) !== undefined
    if (!lookaround && !this.#match(GROUP)) this.#at++
    const body = this.choice()
    this.#at++
    if (!lookaround) return body
    // What it holds does not consume anything; ignoring it can only match more.
    this.exact = false
    this.lookarounds.push({ tree: body, repeated: false })
    return EMPTY
  }

  /** The whole expression is anchored anyway: only an anchor inside it changes anything. */
  #anchor(char: string): Regex {
    const edge = char === '^' ? this.#at === 0 : this.#at === this.#source.length - 1
    this.#at++
    if (!edge) this.exact = false
    return EMPTY
  }

  #escape(): Regex {
    if (this.#match(NAMED_REFERENCE)) return this.#anything()
    const text = this.#match(ESCAPE)?.[0] ?? ''
    const next = text[1] ?? ''
    if (next === 'b' || next === 'B') {
      this.exact = false
      return EMPTY
    }
    return /[1-9]/.test(next) ? this.#anything() : this.#chars(text)
  }

  #anything(): Regex {
    this.exact = false
    return ANYTHING
  }

  #chars(text: string): Regex {
    let set = this.#sets.get(text)
    if (set === undefined) {
      set = charsOf(text, this.#flags)
      this.#sets.set(text, set)
    }
    return { kind: 'chars', set }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#source)
    if (!match) return undefined
    this.#at += match[0].length
    return match
  }
}
