import { Value } from 'typebox/value'
import { amountMistake, resolvePeers } from './check-kinds.ts'
import { describeNode, describeShape } from './describe.ts'
import { choices, nearest } from './nearest.ts'
import { type Problem, problemAt } from './problems.ts'
import { literalsOf, propertyOf, type Shape } from './shape.ts'
import type { Span } from './source.ts'
import { joinPath, type MapNode, type Node, nodeOf, type ScalarNode, valueOf } from './tree.ts'

/** A store that something uses by name; whether there is one is known only at the end. */
export interface StoreUse {
  store: string
  /** Where to point: the name, or what uses `default` without saying so. */
  at: Span
  path: string
}

/** What a walk over the configuration collects. */
export interface Findings {
  readonly problems: Problem[]
  readonly storeUses: StoreUse[]
}

/** Where the walk is. */
export interface Spot {
  readonly path: string
  /** The nearest thing around that somebody wrote: a default has no place of its own. */
  readonly owner: Span
}

/**
 * The resolved value of a node: defaults filled in, durations and sizes as numbers. Every mistake goes
 * into `findings`; the value is then undefined or incomplete and must not be used.
 */
export function check(shape: Shape, node: Node, spot: Spot, findings: Findings): unknown {
  const at = node.at.source.kind === 'default' ? spot.owner : node.at
  const here = { path: spot.path, owner: at }
  switch (shape['x-fanfare']) {
    case 'duration':
    case 'bytes':
      return checkAmount(shape, node, here, findings)
    case 'peers':
      return resolvePeers(shape, node, here, findings.problems)
    case 'door':
      return checkDoor(shape, node, here, findings)
    case 'storeName': {
      const name = checkLeaf(shape, node, here, findings)
      if (typeof name === 'string') findings.storeUses.push({ store: name, at, path: spot.path })
      return name
    }
    case undefined:
      break
  }
  if (shape.type === 'object' && (shape.properties || shape.patternProperties)) {
    return checkMap(shape, node, here, findings)
  }
  if (shape.anyOf && !literalsOf(shape)) {
    const branch = chooseBranch(shape.anyOf, node)
    return branch
      ? check(branch, node, spot, findings)
      : refuse(shape, node, here, findings.problems)
  }
  if (shape.type === 'array' && shape.items) return checkList(shape, node, here, findings)
  return checkLeaf(shape, node, here, findings)
}

function checkAmount(shape: Shape, node: Node, spot: Spot, findings: Findings): unknown {
  const { value, mistake } = amountMistake(shape, node)
  if (mistake) refuse(shape, node, spot, findings.problems)
  return value
}

function checkDoor(shape: Shape, node: Node, spot: Spot, findings: Findings): unknown {
  const options = shape.anyOf?.find((branch) => branch.type === 'object')
  const value = node.kind === 'scalar' ? booleanOf(node) : undefined
  if (value === false) return false
  const on = value === true || (node.kind === 'scalar' && node.value === null)
  if (!options || (node.kind !== 'map' && !on)) {
    return refuse(shape, node, spot, findings.problems)
  }
  const map: MapNode = node.kind === 'map' ? node : { kind: 'map', at: node.at, entries: new Map() }
  return check(options, map, spot, findings)
}

function checkMap(shape: Shape, written: Node, spot: Spot, findings: Findings): unknown {
  // `limits:` with every line below it commented out is an empty map to whoever wrote it.
  const empty = written.kind === 'scalar' && written.value === null
  const node: Node = empty ? { kind: 'map', at: written.at, entries: new Map() } : written
  if (node.kind !== 'map') return refuse(shape, node, spot, findings.problems)
  const result: [string, unknown][] = []
  const meant = new Set<string>()
  for (const [key, entry] of node.entries) {
    const path = joinPath(spot.path, key)
    const inner = propertyOf(shape, key) ?? otherKeys(shape, key)
    if (inner === true) result.push([key, valueOf(entry.value)])
    else if (inner)
      result.push([key, check(inner, entry.value, { path, owner: entry.key }, findings)])
    else {
      const problem = unknownKey(entry.key, path, key, Object.keys(shape.properties ?? {}))
      findings.problems.push(problem)
      if (problem.suggestion !== undefined) meant.add(problem.suggestion)
    }
  }
  for (const [key, inner] of Object.entries(shape.properties ?? {})) {
    if (node.entries.has(key)) continue
    const path = joinPath(spot.path, key)
    const fallback = defaultOf(inner)
    if (fallback !== undefined) {
      result.push([key, check(inner, nodeOf(fallback), { path, owner: spot.owner }, findings)])
    } else if (shape.required?.includes(key) && !meant.has(key)) {
      // A key that was only misspelt is reported once, as unknown.
      const expected = describeShape(inner)
      const message = `\`${key}\` is missing; expected ${expected}`
      findings.problems.push(problemAt(spot.owner, spot.path, message, { expected }))
    }
  }
  return Object.fromEntries(result)
}

/** What fills in for a key that is not written; undefined where nothing does. */
export function defaultOf(shape: Shape): unknown {
  if (shape.default !== undefined) return shape.default
  return shape.type === 'object' && shape.properties ? {} : undefined
}

function otherKeys(shape: Shape, key: string): Shape | true | undefined {
  for (const [pattern, inner] of Object.entries(shape.patternProperties ?? {})) {
    if (new RegExp(pattern).test(key)) return inner
  }
  return shape.additionalProperties === false ? undefined : shape.additionalProperties
}

/** The problem of a key that nobody reads, with the one that was probably meant. */
export function unknownKey(
  at: Span,
  path: string,
  key: string,
  valid: readonly string[],
  elsewhere?: string,
): Problem {
  const suggestion = nearest(key, valid) ?? elsewhere
  const expected = `one of ${choices(valid)}`
  const rest = suggestion === undefined ? `expected ${expected}` : `did you mean \`${suggestion}\`?`
  return problemAt(at, path, `unknown key; ${rest}`, { expected, found: key, suggestion })
}

function checkList(shape: Shape, node: Node, spot: Spot, findings: Findings): unknown {
  if (node.kind !== 'list' || !shape.items) return refuse(shape, node, spot, findings.problems)
  const items = shape.items
  const { items: _, ...bounds } = shape
  const [error] = Value.Errors(bounds, valueOf(node))
  if (error) findings.problems.push(problemAt(spot.owner, spot.path, `this list ${error.message}`))
  return node.items.map((item, i) =>
    check(items, item, { path: joinPath(spot.path, i), owner: spot.owner }, findings),
  )
}

function checkLeaf(shape: Shape, node: Node, spot: Spot, findings: Findings): unknown {
  const boolean = node.kind === 'scalar' && takesBoolean(shape) ? booleanOf(node) : undefined
  const value = boolean ?? valueOf(node)
  const [error] = Value.Errors(shape, value)
  return error ? refuse(shape, node, spot, findings.problems) : value
}

/** The one problem of a value that does not fit. */
export function refuse(shape: Shape, node: Node, spot: Spot, problems: Problem[]): undefined {
  const expected = describeShape(shape)
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined
  const secret = shape.writeOnly === true
  const found = secret && node.kind === 'scalar' ? 'something else' : describeNode(node)
  const literals = literalsOf(shape)?.filter((value) => typeof value === 'string')
  const suggestion = text === undefined ? undefined : nearest(text, literals ?? [])
  let hint = suggestion === undefined ? '' : `; did you mean \`${suggestion}\`?`
  if (hint === '' && node.kind === 'scalar') hint = quotesHint(shape, node)
  problems.push(
    problemAt(spot.owner, spot.path, `expected ${expected}, found ${found}${hint}`, {
      expected,
      found,
      suggestion,
      secret,
    }),
  )
  return undefined
}

/** The commonest slip of YAML: quotes where there should be none, or none where there should be. */
function quotesHint(shape: Shape, node: ScalarNode): string {
  const { value } = node
  if (shape.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) {
    return '; put it in quotes'
  }
  if (typeof value !== 'string' || node.plain || node.at.source.kind !== 'file') return ''
  const number = shape.type === 'integer' || shape.type === 'number'
  const unquoted = number && /^\d+$/.test(value) ? Number(value) : undefined
  if (unquoted !== undefined && Value.Check(shape, unquoted)) return '; remove the quotes'
  if (shape.type === 'boolean' && /^(true|false)$/.test(value)) return '; remove the quotes'
  return ''
}

function takesBoolean(shape: Shape): boolean {
  return shape.type === 'boolean' || literalsOf(shape)?.some((v) => typeof v === 'boolean') === true
}

const YES = /^(?:yes|Yes|YES|on|On|ON)$/
const NO = /^(?:no|No|NO|off|Off|OFF)$/

/** A boolean, also as YAML 1.1 writes it: hbpush's files were read by a YAML 1.1 parser. */
export function booleanOf(node: ScalarNode): boolean | undefined {
  if (typeof node.value === 'boolean') return node.value
  if (typeof node.value !== 'string' || !node.plain) return undefined
  if (YES.test(node.value)) return true
  return NO.test(node.value) ? false : undefined
}

/**
 * The branch of a union that the writer meant: chosen by what was written, not by what happens to
 * validate, so that a mistake is told about that branch and not about all of them.
 */
function chooseBranch(branches: readonly Shape[], node: Node): Shape | undefined {
  const flat = branches.flatMap((branch) =>
    branch.anyOf && !branch['x-fanfare'] ? branch.anyOf : [branch],
  )
  const fitting = flat.filter((branch) => takes(branch, node))
  if (fitting.length <= 1 || node.kind === 'list') return fitting[0]
  if (node.kind === 'map') return fitting.find((branch) => isNamedBy(branch, node))
  const value = valueOf(node)
  return fitting.find((branch) => Value.Check(branch, value)) ?? fitting.find((b) => !literalsOf(b))
}

function takes(branch: Shape, node: Node): boolean {
  if (branch['x-fanfare']) return true
  if (node.kind === 'map') return branch.type === 'object'
  if (node.kind === 'list') return branch.type === 'array'
  const literals = literalsOf(branch)
  if (literals) return literals.includes(node.value)
  if (branch.type === undefined) return true
  if (typeof node.value === 'number') return branch.type === 'number' || branch.type === 'integer'
  if (branch.type === 'boolean') return booleanOf(node) !== undefined
  return branch.type === (node.value === null ? 'null' : typeof node.value)
}

/** Whether a map carries the fixed value (`type: redis`) that names this branch. */
function isNamedBy(branch: Shape, node: MapNode): boolean {
  return Object.entries(branch.properties ?? {}).some(([key, inner]) => {
    const entry = node.entries.get(key)
    return entry !== undefined && literalsOf(inner)?.includes(valueOf(entry.value)) === true
  })
}
