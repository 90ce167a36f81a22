import { type Problem, problemAt } from './problems.ts'
import { positionOf, type Source, type Span } from './source.ts'
import { type Entry, joinPath, type Node } from './tree.ts'

export interface Parsed {
  /** Undefined, with problems, when the text cannot be understood; empty YAML text is null. */
  root: Node | undefined
  problems: Problem[]
}

/** Deeper than any configuration; keeps hostile files off the stack. */
export const MAX_DEPTH = 64

const SPACE = /[ \t\n\r]*/y
// oxlint-disable-next-line no-control-regex -- JSON text holds none
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\u0000-\u001f]*)*"/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /[A-Za-z]+/y

/** Where reading stopped: JSON has no way to go on after a mistake. */
class Stop extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

/**
 * Reads strict JSON into nodes that know their place. Written here because neither JSON.parse (whose
 * messages often name no position) nor a YAML parser (which takes more than JSON) says where a JSON
 * file is wrong.
 */
export function parseJson(source: Source): Parsed {
  const reader = new Reader(source)
  try {
    const root = reader.document()
    return { root, problems: reader.problems }
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    return { root: undefined, problems: [...reader.problems, error.problem] }
  }
}

class Reader {
  readonly problems: Problem[] = []
  readonly #source: Source
  readonly #text: string
  #at = 0

  constructor(source: Source) {
    this.#source = source
    this.#text = source.text
    if (this.#text.startsWith('\ufeff')) this.#at = 1
  }

  document(): Node {
    this.#take(SPACE)
    const root = this.#value('', 0)
    this.#take(SPACE)
    if (this.#at < this.#text.length) this.#stop('expected the end of the file')
    return root
  }

  #value(path: string, depth: number): Node {
    if (depth > MAX_DEPTH) this.#stop(`nested more than ${MAX_DEPTH} levels deep`)
    const start = this.#at
    const char = this.#text[start]
    if (char === '{') return this.#map(path, depth)
    if (char === '[') return this.#list(path, depth)
    const value = char === '"' ? this.#string('a value') : this.#word()
    return { kind: 'scalar', at: this.#from(start), value, plain: false }
  }

  #word(): number | boolean | null {
    const start = this.#at
    const number = this.#take(NUMBER)
    if (number !== '') return Number(number)
    const word = this.#take(WORD)
    if (word === 'true' || word === 'false') return word === 'true'
    if (word === 'null') return null
    this.#at = start
    return this.#stop('expected a value', word.length)
  }

  #map(path: string, depth: number): Node {
    const start = this.#at++
    const entries = new Map<string, Entry>()
    this.#take(SPACE)
    while (this.#text[this.#at] !== '}') {
      const keyStart = this.#at
      const name = this.#string('a key in double quotes')
      const key = this.#from(keyStart)
      const inner = joinPath(path, name)
      const first = entries.get(name)
      if (first) this.problems.push(duplicateKey(key, inner, first.key))
      this.#take(SPACE)
      this.#expect(':', 'expected `:` after the key')
      this.#take(SPACE)
      entries.set(name, { key, value: this.#value(inner, depth + 1) })
      this.#comma('}', 'a key')
    }
    this.#at++
    return { kind: 'map', at: this.#from(start), entries }
  }

  #list(path: string, depth: number): Node {
    const start = this.#at++
    const items: Node[] = []
    this.#take(SPACE)
    while (this.#text[this.#at] !== ']') {
      items.push(this.#value(joinPath(path, items.length), depth + 1))
      this.#comma(']', 'a value')
    }
    this.#at++
    return { kind: 'list', at: this.#from(start), items }
  }

  /** After an entry: a comma and another entry, or the end. */
  #comma(close: string, next: string): void {
    this.#take(SPACE)
    if (this.#text[this.#at] === close) return
    this.#expect(',', `expected \`,\` or \`${close}\``)
    this.#take(SPACE)
    if (this.#text[this.#at] === close) {
      this.#stop(`expected ${next} after the comma: JSON allows no comma before \`${close}\``)
    }
  }

  #string(what: string): string {
    const start = this.#at
    const token = this.#take(STRING)
    if (token !== '') return JSON.parse(token) as string
    if (this.#text[start] === '"') {
      return this.#stop('this text is not closed by `"`, or holds a line break or a wrong escape')
    }
    return this.#stop(`expected ${what}`)
  }

  #expect(char: string, message: string): void {
    if (this.#text[this.#at] !== char) this.#stop(message)
    this.#at++
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const token = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += token.length
    return token
  }

  #from(start: number): Span {
    return { source: this.#source, start, end: this.#at }
  }

  #stop(message: string, length = 1): never {
    const next = this.#text[this.#at]
    const at = { source: this.#source, start: this.#at, end: this.#at + Math.max(1, length) }
    let hint = ''
    if (next === '/' || next === '#') hint = '; JSON has no comments, a YAML file may have them'
    if (next === "'") hint = '; JSON takes double quotes only'
    const found =
      next === undefined ? 'the end of the file' : `\`${this.#text.slice(at.start, at.end)}\``
    throw new Stop(problemAt(at, '', `JSON syntax: ${message}, found ${found}${hint}`, { found }))
  }
}

/** The problem of a key that came before in the same map. */
export function duplicateKey(key: Span, path: string, first: Span): Problem {
  const { line } = positionOf(first)
  return problemAt(key, path, `this key is there twice, first in line ${line}; keep one of them`)
}
