import { parseJson } from './json.ts'
import { type Problem, problemAt } from './problems.ts'
import { isNamed } from './stores.ts'
import type { Source } from './source.ts'
import { type Entry, type MapNode, valueOf } from './tree.ts'

/** A configuration that is laid over what a file says. */
export interface Layer {
  /** What it is called in messages. */
  readonly name: string
  /** As it would stand in a file. */
  readonly config: Readonly<Record<string, unknown>>
}

/** What only a node's own file says: it decides whom the node listens to. */
const OWN = ['cluster', 'workers']

/**
 * The file's configuration under some layers, the last on top: maps are joined, everything else is
 * replaced.
 */
export function applyLayers(root: MapNode, layers: readonly Layer[], problems: Problem[]): MapNode {
  let result = root
  for (const { name, config } of layers) {
    const text = JSON.stringify(config, undefined, 2)
    const source: Source = { name, kind: 'file', text }
    const parsed = parseJson(source)
    problems.push(...parsed.problems)
    if (parsed.root?.kind !== 'map') continue
    for (const key of OWN) {
      const entry = parsed.root.entries.get(key)
      if (!entry) continue
      const message = 'belongs into the file of each node; remove it here'
      problems.push(problemAt(entry.key, key, message))
    }
    result = joined(result, parsed.root)
  }
  return result
}

function joined(under: MapNode, over: MapNode, path = ''): MapNode {
  const entries = new Map<string, Entry>(under.entries)
  for (const [key, entry] of over.entries) {
    if (path === '' && OWN.includes(key)) continue
    const before = entries.get(key)?.value
    const value =
      before?.kind === 'map' &&
      entry.value.kind === 'map' &&
      canJoin(key, path, before, entry.value)
        ? joined(before, entry.value, `${path}.${key}`)
        : entry.value
    entries.set(key, { key: entry.key, value })
  }
  return { ...over, entries }
}

/** A store of another type, or several in place of one, take nothing from what they replace. */
function canJoin(key: string, path: string, under: MapNode, over: MapNode): boolean {
  if (path === '' && key === 'store')
    return isNamed(under) === isNamed(over) && sameType(under, over)
  return path !== '.store' || sameType(under, over)
}

function sameType(under: MapNode, over: MapNode): boolean {
  const type = typeOf(over)
  return type === undefined || type === typeOf(under)
}

function typeOf(store: MapNode): unknown {
  const entry = store.entries.get('type')
  return entry && valueOf(entry.value)
}
