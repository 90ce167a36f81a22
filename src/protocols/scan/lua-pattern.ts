/**
 * Lua patterns (Lua 5.1 manual, 5.4.1) as regular expressions, over one character a byte: that is how
 * GitPubSub says which entries of a folder are repositories.
 */

/** The classes in the C locale, as the inside of a set. */
const CLASSES: Readonly<Record<string, string>> = {
  a: 'A-Za-z',
  c: '\\x00-\\x1f\\x7f',
  d: '0-9',
  g: '!-~',
  l: 'a-z',
  p: '!-/:-@\\[-`{-~',
  s: ' \\t-\\r',
  u: 'A-Z',
  w: 'A-Za-z0-9',
  x: '0-9A-Fa-f',
  z: '\\x00',
}

const QUANTIFIERS: Readonly<Record<string, string>> = { '*': '*', '+': '+', '-': '*?', '?': '?' }

/**
 * What `string.find` would find.
 * @throws SyntaxError for what is no pattern, and for `%b`, `%f` and back-references
 */
export function luaPattern(pattern: string): RegExp {
  return new RegExp(new Translation(pattern).source(), 's')
}

class Translation {
  readonly #pattern: string
  #at = 0
  /** Captures that are open. */
  #depth = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  source(): string {
    let source = ''
    if (this.#pattern.startsWith('^')) {
      source = '^'
      this.#at = 1
    }
    while (this.#at < this.#pattern.length) source += this.#next()
    if (this.#depth > 0) throw this.#wrong('a `(` is not closed')
    return source
  }

  #next(): string {
    const char = this.#take()
    if (char === '(') {
      this.#depth++
      return '('
    }
    if (char === ')') {
      if (this.#depth-- === 0) throw this.#wrong('a `)` closes nothing')
      return ')'
    }
    if (char === '$' && this.#at === this.#pattern.length) return '$'
    const item = this.#item(char)
    const quantifier = QUANTIFIERS[this.#pattern[this.#at] ?? '']
    if (quantifier === undefined) return item
    this.#at++
    return item + quantifier
  }

  /** What stands for one character. */
  #item(char: string): string {
    if (char === '.') return '.'
    if (char === '[') return this.#set()
    if (char !== '%') return escape(char)
    const name = this.#escaped()
    const inside = CLASSES[name.toLowerCase()]
    if (inside === undefined) return escape(name)
    return name === name.toLowerCase() ? `[${inside}]` : `[^${inside}]`
  }

  #set(): string {
    const not = this.#pattern[this.#at] === '^'
    if (not) this.#at++
    const parts: string[] = []
    // A `]` that stands first is one.
    for (let first = true; first || this.#pattern[this.#at] !== ']'; first = false) {
      const char = this.#take('a `[` is not closed')
      if (char === '%') {
        parts.push(setPart(this.#escaped()))
        continue
      }
      const end = this.#pattern[this.#at + 1]
      if (this.#pattern[this.#at] === '-' && end !== undefined && end !== ']') {
        if (end === '%') throw this.#wrong('a range ends with `%`')
        this.#at += 2
        // In Lua an empty range is no mistake: it has nothing in it.
        if (char <= end) parts.push(`${escape(char)}-${escape(end)}`)
      } else parts.push(escape(char))
    }
    this.#at++
    // Complements such as %W cannot be joined with others inside one set.
    const any = parts.length === 0 ? '[]' : parts.map((part) => `[${part}]`).join('|')
    return not ? `(?:(?!${any}).)` : `(?:${any})`
  }

  #escaped(): string {
    const char = this.#take('it ends with `%`')
    if (char === 'b' || char === 'f' || /[0-9]/.test(char)) {
      throw this.#wrong(`\`%${char}\` is not understood here`)
    }
    return char
  }

  #take(otherwise = 'it is not complete'): string {
    const char = this.#pattern[this.#at++]
    if (char === undefined) throw this.#wrong(otherwise)
    return char
  }

  #wrong(why: string): SyntaxError {
    return new SyntaxError(`not a Lua pattern that can be used: ${this.#pattern}: ${why}`)
  }
}

function setPart(name: string): string {
  const inside = CLASSES[name.toLowerCase()]
  if (inside === undefined) return escape(name)
  return name === name.toLowerCase() ? inside : `^${inside}`
}

/** A character as itself, in a set and outside of one. */
function escape(char: string): string {
  return /[\w\s]/.test(char) ? char : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
}
