import { isAlias, isMap, isScalar, isSeq, parseDocument, type YAMLError } from 'yaml'
import { duplicateKey, MAX_DEPTH, type Parsed } from './json.ts'
import { type Problem, problemAt } from './problems.ts'
import { type Source, type Span, wholeOf } from './source.ts'
import { type Entry, joinPath, type MapNode, type Node } from './tree.ts'

/** How many values aliases (`*name`) may add up to: a few lines can ask for billions. */
const MAX_ALIASED = 10_000
/** And how many characters: a long text, too, may be meant often. */
const MAX_ALIASED_TEXT = 100_000

/** The parser recurses on these without a bound of its own; V8 aborts on a line of a million `- `. */
const TOO_DEEP_LINE = new RegExp(`^ *(?:[-?:][ \\t]+){${MAX_DEPTH},}`, 'm')

/** What an error of the parser means to somebody who writes a configuration file. */
const HINTS: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: 'text that begins with `*` needs quotes',
  BAD_SCALAR_START: 'text that begins with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'is the indentation right? Text that contains `: ` needs quotes',
  TAB_AS_INDENT: 'use spaces',
  MULTIPLE_DOCS: 'a configuration is one document: remove the `---` between them',
  NON_STRING_KEY: 'a key is text',
}

/**
 * Reads YAML 1.2 (and so most of 1.1) into nodes that know their place, with every mistake that the
 * parser sees, duplicate keys, aliases and the merge key `<<`. Keys are text, whatever they look like.
 */
export function parseYaml(source: Source): Parsed {
  const deep = TOO_DEEP_LINE.exec(source.text)
  if (deep) {
    const start = deep.index
    const at = { source, start, end: start + deep[0].length }
    return { root: undefined, problems: [problemAt(at, '', tooDeep)] }
  }
  const document = parseDocument(source.text, {
    uniqueKeys: false, // found below, where the key's path is known
    stringKeys: true,
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: 'error',
  })
  if (document.errors.length > 0) {
    return { root: undefined, problems: document.errors.map((error) => syntax(source, error)) }
  }
  const builder = new Builder(source)
  for (const warning of document.warnings) {
    builder.problems.push({ ...syntax(source, warning), severity: 'warning' })
  }
  const root = builder.node(document.contents, '', wholeOf(source), 0)
  return { root: builder.failed ? undefined : root, problems: builder.problems }
}

const tooDeep = `nested more than ${MAX_DEPTH} levels deep`

function syntax(source: Source, error: YAMLError): Problem {
  const at = { source, start: error.pos[0], end: error.pos[1] }
  if (error.code === 'RESOURCE_EXHAUSTION') return problemAt(at, '', tooDeep)
  const hint = HINTS[error.code]
  return problemAt(at, '', `YAML syntax: ${error.message}${hint === undefined ? '' : `; ${hint}`}`)
}

/** How many values and characters a node holds and how deep it is, aliases followed. */
interface Weight {
  size: number
  text: number
  depth: number
}

class Builder {
  readonly problems: Problem[] = []
  /** The tree must not be walked: it is too deep or too large. */
  failed = false
  readonly #source: Source
  // Anchors as read so far, so that `*name` is the last one before it, and one inside itself is none.
  readonly #anchors = new Map<string, Node>()
  readonly #weights = new WeakMap<Node, Weight>()
  #aliased = 0
  #aliasedText = 0

  constructor(source: Source) {
    this.#source = source
  }

  /** @param fallback where to point for a value that is not written, as after `key:` */
  node(from: unknown, path: string, fallback: Span, depth: number): Node {
    const at = this.#span(from) ?? fallback
    if (depth > MAX_DEPTH) return this.#fail(at, path, tooDeep)
    if (isAlias(from)) return this.#alias(from.source, at, path)
    let node: Node
    if (isMap(from)) {
      node = this.#map(from.items, at, path, depth)
    } else if (isSeq(from)) {
      const items = from.items.map((item, i) => this.node(item, joinPath(path, i), at, depth + 1))
      node = this.#weighed({ kind: 'list', at, items }, items)
    } else {
      node = scalar(from, at)
    }
    const anchor = isMap(from) || isSeq(from) || isScalar(from) ? from.anchor : undefined
    if (anchor !== undefined) this.#anchors.set(anchor, node)
    return node
  }

  #map(
    items: readonly { key: unknown; value?: unknown }[],
    at: Span,
    path: string,
    depth: number,
  ): Node {
    const entries = new Map<string, Entry>()
    const merged: Node[] = []
    for (const pair of items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : ''
      const key = this.#span(pair.key) ?? at
      const inner = joinPath(path, name)
      const value = this.node(pair.value, inner, key, depth + 1)
      if (name === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        merged.push(...this.#mergeable(value, inner))
        continue
      }
      const first = entries.get(name)
      if (first) this.problems.push(duplicateKey(key, inner, first.key))
      entries.set(name, { key, value })
    }
    for (const map of merged) {
      if (map.kind !== 'map') continue
      for (const [name, entry] of map.entries) if (!entries.has(name)) entries.set(name, entry)
    }
    const node: MapNode = { kind: 'map', at, entries }
    return this.#weighed(
      node,
      [...entries.values()].map((entry) => entry.value),
      [...entries.keys()].reduce((sum, name) => sum + name.length, 0),
    )
  }

  #mergeable(value: Node, path: string): readonly Node[] {
    const maps = value.kind === 'list' ? value.items : [value]
    if (maps.every((map) => map.kind === 'map')) return maps
    this.problems.push(problemAt(value.at, path, '`<<` takes a map or a list of maps'))
    return []
  }

  #alias(name: string, at: Span, path: string): Node {
    const target = this.#anchors.get(name)
    if (!target) return this.#fail(at, path, `no \`&${name}\` before this \`*${name}\``)
    const { size, text } = this.#weight(target)
    this.#aliased += size
    this.#aliasedText += text
    if (this.#aliased > MAX_ALIASED) {
      return this.#fail(at, path, `aliases may stand for ${MAX_ALIASED} values, no more`)
    }
    if (this.#aliasedText > MAX_ALIASED_TEXT) {
      return this.#fail(at, path, `aliases may stand for ${MAX_ALIASED_TEXT} characters, no more`)
    }
    return target
  }

  #weight(node: Node): Weight {
    return this.#weights.get(node) ?? { size: 1, text: textOf(node), depth: 1 }
  }

  /** @param text characters of its own */
  #weighed(node: Node, children: readonly Node[], text = 0): Node {
    const weight = { size: 1, text, depth: 1 }
    for (const child of children) {
      const inner = this.#weight(child)
      weight.size += inner.size
      weight.text += inner.text
      weight.depth = Math.max(weight.depth, inner.depth + 1)
    }
    this.#weights.set(node, weight)
    if (weight.depth > MAX_DEPTH && !this.failed) this.#fail(node.at, '', tooDeep)
    return node
  }

  #fail(at: Span, path: string, message: string): Node {
    // One such problem is enough: what follows from it would only be noise.
    if (!this.failed) this.problems.push(problemAt(at, path, message))
    this.failed = true
    return { kind: 'scalar', at, value: null, plain: true }
  }

  #span(from: unknown): Span | undefined {
    const range = isScalar(from) || isMap(from) || isSeq(from) || isAlias(from) ? from.range : null
    return range ? { source: this.#source, start: range[0], end: range[1] } : undefined
  }
}

function scalar(from: unknown, at: Span): Node {
  const value: unknown = isScalar(from) ? from.value : null
  const plain = isScalar(from) ? from.type === 'PLAIN' : true
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'scalar', at, value, plain }
  }
  return { kind: 'scalar', at, value: null, plain }
}

/** Characters of a node without others in it. */
function textOf(node: Node): number {
  return node.kind === 'scalar' && typeof node.value === 'string' ? node.value.length : 0
}
