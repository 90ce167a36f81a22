import { DEFAULT_SOURCE, type Source, type Span, wholeOf } from './source.ts'

/** Configuration as it was written, whatever the format: plain values that know their place. */
export type Node = ScalarNode | ListNode | MapNode

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly at: Span
  readonly value: string | number | boolean | null
  /** Written without quotes: YAML 1.1's `yes` and `off` count as booleans only then. */
  readonly plain: boolean
}

export interface ListNode {
  readonly kind: 'list'
  readonly at: Span
  readonly items: readonly Node[]
}

export interface MapNode {
  readonly kind: 'map'
  readonly at: Span
  /** A Map, so that a key such as `__proto__` is only a key. */
  readonly entries: ReadonlyMap<string, Entry>
}

export interface Entry {
  /** Where the key is written. */
  readonly key: Span
  readonly value: Node
}

/** The empty map, for a file that says nothing. */
export function emptyMap(at: Span = wholeOf(DEFAULT_SOURCE)): MapNode {
  return { kind: 'map', at, entries: new Map() }
}

/** A value of the program (a default, a flag) as a node; what is not JSON becomes nothing. */
export function nodeOf(value: unknown, source: Source = DEFAULT_SOURCE): Node {
  const at = wholeOf(source)
  if (Array.isArray(value)) {
    return { kind: 'list', at, items: value.map((item: unknown) => nodeOf(item, source)) }
  }
  if (typeof value === 'object' && value !== null) {
    const entries = new Map<string, Entry>()
    for (const [key, item] of Object.entries(value)) {
      entries.set(key, { key: at, value: nodeOf(item, source) })
    }
    return { kind: 'map', at, entries }
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'scalar', at, value, plain: false }
  }
  return { kind: 'scalar', at, value: null, plain: true }
}

/** The plain JavaScript value of a node. */
export function valueOf(node: Node): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(valueOf)
  // fromEntries defines properties, so that `__proto__` stays an ordinary key.
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, valueOf(entry.value)]))
}

/** The value at a path of keys, where there is one. */
export function nodeAt(node: Node, path: readonly string[]): Node | undefined {
  let found: Node | undefined = node
  for (const key of path) {
    if (found?.kind !== 'map') return undefined
    found = found.entries.get(key)?.value
  }
  return found
}

/**
 * A copy of `root` with `value` at `path`; maps on the way are made where there are none. Copied
 * and not changed in place, because a YAML alias may share a part with another place.
 */
export function withValue(root: MapNode, path: readonly string[], value: Node): MapNode {
  const [key, ...rest] = path
  if (key === undefined) return root
  const before = root.entries.get(key)
  const child = before?.value
  const inner =
    rest.length === 0
      ? value
      : withValue(child?.kind === 'map' ? child : emptyMap(value.at), rest, value)
  const entries = new Map(root.entries)
  entries.set(key, { key: before?.key ?? value.at, value: inner })
  return { ...root, entries }
}

/** `locations[1].polling`, `store["my store"].type`. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}
