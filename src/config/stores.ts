import { check, type Findings, refuse, type StoreUse, unknownKey } from './check.ts'
import { describeNode } from './describe.ts'
import { storeShape } from './json-schema.ts'
import { STORE_NAME_PATTERN } from './kinds.ts'
import { choices, nearest } from './nearest.ts'
import { type Problem, problemAt } from './problems.ts'
import type { ConfigSchema } from './schema.ts'
import type { Shape } from './shape.ts'
import type { Span } from './source.ts'
import { joinPath, type MapNode, type Node } from './tree.ts'
import type { StoreConfig } from './types.ts'

export type Stores = Record<string, StoreConfig | undefined>

const NAME = new RegExp(STORE_NAME_PATTERN)
const NAME_FORM = "a store's name: 1 to 64 letters, digits, `_` or `-`"

/**
 * `store`: one store, then called `default`, or several by name. A store with a mistake is in the
 * result as undefined: its name still counts as there.
 */
export function resolveStores(schema: ConfigSchema, node: Node, findings: Findings): Stores {
  // Names come from the file: with no prototype, `constructor` is a name like any other.
  const stores = Object.create(null) as Stores
  if (node.kind !== 'map' || node.entries.size === 0) {
    const hint = 'such as `{ type: memory }`, or several by name'
    const message = `expected a store ${hint}, found ${
      node.kind === 'map' ? 'an empty map' : describeNode(node)
    }`
    findings.problems.push(problemAt(node.at, 'store', message, { expected: `a store ${hint}` }))
    return stores
  }
  if (!isNamed(node)) {
    stores['default'] = resolveStore(schema, node, 'store', node.at, findings)
    return stores
  }
  for (const [name, entry] of node.entries) {
    const path = joinPath('store', name)
    if (!NAME.test(name)) {
      const message = `expected ${NAME_FORM}`
      findings.problems.push(problemAt(entry.key, path, message, { expected: NAME_FORM }))
    }
    stores[name] = resolveStore(schema, entry.value, path, entry.key, findings)
  }
  return stores
}

/** Several by name, and not one: no `type` that is a plain value, and a map where one has none. */
export function isNamed(node: MapNode): boolean {
  if (node.entries.get('type')?.value.kind === 'scalar') return false
  return [...node.entries.values()].some((entry) => entry.value.kind === 'map')
}

function resolveStore(
  schema: ConfigSchema,
  node: Node,
  path: string,
  owner: Span,
  findings: Findings,
): StoreConfig | undefined {
  if (node.kind !== 'map')
    return refuse({ type: 'object' }, node, { path, owner }, findings.problems)
  const typeNode = node.entries.get('type')?.value
  const type = typeNode?.kind === 'scalar' ? typeNode.value : undefined
  const types = Object.keys(schema.storeTypes)
  if (typeof type !== 'string' || !Object.hasOwn(schema.storeTypes, type)) {
    const problems = findings.problems
    if (typeNode)
      refuse({ enum: types }, typeNode, { path: `${path}.type`, owner: typeNode.at }, problems)
    else problems.push(withoutType(node, path, types))
    return undefined
  }
  const options = schema.storeTypes[type] ?? {}
  const shape = storeShape({ [type]: options }).anyOf?.[0] as Shape
  return check(shape, node, { path, owner: node.at }, findings) as StoreConfig
}

/** A store without a type: a misspelt `typ` is more likely than none. */
function withoutType(node: MapNode, path: string, types: readonly string[]): Problem {
  const key = [...node.entries.keys()].find((name) => nearest(name, ['type']) !== undefined)
  const entry = key === undefined ? undefined : node.entries.get(key)
  if (key !== undefined && entry) return unknownKey(entry.key, joinPath(path, key), key, ['type'])
  const expected = `one of ${choices(types)}`
  return problemAt(node.at, path, `\`type\` is missing; expected ${expected}`, { expected })
}

/** The problems of everything that uses a store which is not there; one for each place. */
export function missingStores(uses: readonly StoreUse[], stores: Stores): Problem[] {
  const names = Object.keys(stores)
  // `store` itself is wrong, and was told: what follows from it would only be noise.
  if (names.length === 0) return []
  const places = new Map<string, [StoreUse, ...StoreUse[]]>()
  for (const use of uses) {
    if (names.includes(use.store)) continue
    // Default locations are written nowhere: they all point to `store`.
    const place = `${use.at.source.name}:${use.at.start}:${use.store}`
    const known = places.get(place)
    if (known) known.push(use)
    else places.set(place, [use])
  }
  return [...places.values()].map((same) => missingStore(same, names))
}

function missingStore(uses: readonly [StoreUse, ...StoreUse[]], names: string[]): Problem {
  const [{ store, at, path }] = uses
  const written = at.source.text.slice(at.start, at.end).trim()
  const named = written.replace(/^(["'])(.*)\1$/, '$2') === store
  const suggestion = nearest(store, names)
  let hint = ''
  if (suggestion !== undefined) hint = `; did you mean \`${suggestion}\`?`
  else if (!named) hint = '; name one of them with `store:`, or call one of them `default`'
  const users =
    uses.length === 1
      ? ''
      : `, which ${choices(
          uses.map((use) => use.path),
          'and',
        )} are by default`
  const message = `there is no store \`${store}\`${users}; the stores are ${choices(names, 'and')}${hint}`
  const expected = `one of ${choices(names)}`
  const where = uses.length === 1 ? path : 'store'
  return problemAt(at, where, message, { expected, found: store, suggestion })
}
