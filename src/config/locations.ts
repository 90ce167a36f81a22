import { check, type Findings, refuse, type Spot } from './check.ts'
import { locationShape } from './json-schema.ts'
import { choices, nearest } from './nearest.ts'
import { type Pattern, prefixPattern, urlPattern } from './pattern.ts'
import { problemAt } from './problems.ts'
import type { ConfigSchema } from './schema.ts'
import { positionOf, type Span } from './source.ts'
import { joinPath, type MapNode, type Node } from './tree.ts'
import type { LocationConfig } from './types.ts'

/** A location that is right in itself, and what is needed to compare it with the others. */
export interface PlacedLocation {
  index: number
  /** Where its prefix or url is written. */
  at: Span
  pattern: Pattern
  config: LocationConfig
}

/** `locations`: each by the options of its type. Those with a mistake are not in the result. */
export function resolveLocations(
  schema: ConfigSchema,
  node: Node,
  owner: Span,
  findings: Findings,
): PlacedLocation[] {
  if (node.kind !== 'list') {
    refuse({ type: 'array' }, node, { path: 'locations', owner: node.at }, findings.problems)
    return []
  }
  const placed: PlacedLocation[] = []
  for (const [index, item] of node.items.entries()) {
    const at = item.at.source.kind === 'default' ? owner : item.at
    const spot = { path: joinPath('locations', index), owner: at }
    const location = resolveLocation(schema, item, spot, findings)
    if (location) placed.push({ index, ...location })
  }
  return placed
}

function resolveLocation(
  schema: ConfigSchema,
  node: Node,
  spot: Spot,
  findings: Findings,
): Omit<PlacedLocation, 'index'> | undefined {
  const { problems } = findings
  if (node.kind !== 'map') return refuse({ type: 'object' }, node, spot, problems)
  const type = typeOf(schema, node, spot, findings)
  if (type === undefined) return undefined
  const before = problems.length
  const shape = locationShape(type, schema.locationTypes[type] ?? {})
  const value = check(shape, node, spot, findings) as Record<string, unknown>
  if (node.entries.has('prefix') || node.entries.has('url')) {
    if (problems.length > before) return undefined
  } else {
    // A misspelt `prefx` is one mistake, not two.
    const meant = problems
      .slice(before)
      .some((p) => p.suggestion === 'prefix' || p.suggestion === 'url')
    const expected = '`prefix` or `url`'
    const message = `${expected} is missing: which paths does this location take?`
    if (!meant) problems.push(problemAt(spot.owner, spot.path, message, { expected }))
    return undefined
  }
  return place(type, value, node, spot, findings)
}

function place(
  type: string,
  value: Record<string, unknown>,
  node: MapNode,
  spot: Spot,
  findings: Findings,
): Omit<PlacedLocation, 'index'> | undefined {
  const { type: _, store, prefix, url, ...options } = value
  const key = typeof url === 'string' ? 'url' : 'prefix'
  const text = String(key === 'url' ? url : prefix)
  const written = node.entries.get(key)?.value.at ?? spot.owner
  const at = written.source.kind === 'default' ? spot.owner : written
  const result = key === 'url' ? urlPattern(text) : { pattern: prefixPattern(text) }
  if (result.mistake !== undefined) {
    findings.problems.push(problemAt(at, joinPath(spot.path, key), result.mistake, { found: text }))
    return undefined
  }
  const isDefault = node.at.source.kind === 'default'
  const { line, column } = positionOf(node.at)
  return {
    at,
    pattern: result.pattern,
    config: {
      type,
      store: String(store),
      ...(typeof prefix === 'string' ? { prefix } : {}),
      ...(typeof url === 'string' ? { url } : {}),
      pattern: result.pattern.regex,
      options,
      source: {
        file: node.at.source.name,
        line: isDefault ? 0 : line,
        column: isDefault ? 0 : column,
        text: `${type} ${text}`,
      },
    },
  }
}

/** The location's type; what it may otherwise hold depends on it. */
function typeOf(
  schema: ConfigSchema,
  node: MapNode,
  spot: Spot,
  { problems }: Findings,
): string | undefined {
  const types = Object.keys(schema.locationTypes)
  const entry = node.entries.get('type')
  if (!entry) {
    const expected = `one of ${choices(types)}`
    const slip = [...node.entries.keys()].find((key) => nearest(key, ['type']) !== undefined)
    const hint = slip === undefined ? '' : `; is \`${slip}\` meant to be \`type\`?`
    const message = `\`type\` is missing; expected ${expected}${hint}`
    const suggestion = slip === undefined ? undefined : 'type'
    problems.push(problemAt(spot.owner, spot.path, message, { expected, suggestion }))
    return undefined
  }
  const value = entry.value.kind === 'scalar' ? entry.value.value : undefined
  if (typeof value === 'string' && types.includes(value)) return value
  const at = { path: joinPath(spot.path, 'type'), owner: entry.value.at }
  return refuse({ enum: types }, entry.value, at, problems)
}
