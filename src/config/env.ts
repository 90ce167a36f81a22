import { booleanOf } from './check.ts'
import { nearest } from './nearest.ts'
import { type Problem, problemAt } from './problems.ts'
import { type ConfigSchema, envName, type Setting, settings } from './schema.ts'
import type { Shape } from './shape.ts'
import { type Source, wholeOf } from './source.ts'
import { isNamed } from './stores.ts'
import { joinPath, type MapNode, type Node, nodeAt, nodeOf, withValue } from './tree.ts'
import { parseYaml } from './yaml.ts'

/** Variables of tests, benchmarks and the command line: not configuration keys. */
const OTHERS = /^FANFARE_(?:TEST|BENCH)|^FANFARE_(?:URL|CONFIG|KEY)$/
const KEY_PATH = /^FANFARE_[A-Z0-9_]+$/

/**
 * Kubernetes describes a service called `fanfare` to every container beside it by such variables;
 * FANFARE_PORT is then `tcp://10.0.0.1:8080`. They are not meant for us.
 */
const SERVICE_LINK = /^FANFARE_(?:SERVICE_(?:HOST|PORT)|PORT_\d+_(?:TCP|UDP|SCTP))/
const SERVICE_URL = /^(?:tcp|udp|sctp):\/\//

type Environment = Readonly<Record<string, string | undefined>>
type Variable = [name: string, text: string]
type Target = Pick<Setting, 'path' | 'env' | 'shape'>

/**
 * The configuration with what the environment sets. An empty variable is no variable; a key that
 * takes text gets it as it stands (unless it is quoted), every other value is read as YAML.
 */
export function applyEnvironment(
  schema: ConfigSchema,
  root: MapNode,
  env: Environment,
  problems: Problem[],
): MapNode {
  const variables = Object.entries(env)
    .filter((variable): variable is Variable => isOurs(...variable))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  let result = root
  // A whole store first: it decides which variables there are for what is in it.
  const first = variables.filter(([name]) => name === 'FANFARE_STORE')
  for (const [name, text] of first)
    result = apply(schema, result, targetsOf(schema, result), name, text, problems)
  const targets = targetsOf(schema, result)
  const rest = variables
    .filter(([name]) => name !== 'FANFARE_STORE')
    .sort(([a], [b]) => a.split('__').length - b.split('__').length)
  for (const [name, text] of rest) result = apply(schema, result, targets, name, text, problems)
  return result
}

function isOurs(name: string, value: string | undefined): boolean {
  if (value === undefined || value.trim() === '') return false
  if (!KEY_PATH.test(name) || OTHERS.test(name) || SERVICE_LINK.test(name)) return false
  return name !== 'FANFARE_PORT' || !SERVICE_URL.test(value)
}

/** Every variable there is; those of stores depend on how the configuration names its stores. */
function targetsOf(schema: ConfigSchema, root: MapNode): Target[] {
  const targets: Target[] = settings(schema)
  const store = nodeAt(root, ['store'])
  const named = store?.kind === 'map' && isNamed(store)
  const places = named ? [...store.entries.keys()].map((name) => ['store', name]) : [['store']]
  const options = new Map<string, Shape>([['type', { type: 'string' }]])
  for (const type of Object.values(schema.storeTypes)) {
    for (const [option, shape] of Object.entries(type)) options.set(option, shape)
  }
  for (const place of places) {
    for (const [option, shape] of options) {
      const path = [...place, option]
      targets.push({ path, env: envName(path), shape })
    }
  }
  return targets
}

function apply(
  schema: ConfigSchema,
  root: MapNode,
  targets: readonly Target[],
  name: string,
  text: string,
  problems: Problem[],
): MapNode {
  const target = targets.find((candidate) => candidate.env === name)
  if (!target) {
    problems.push(unknownVariable(name, targets))
    return root
  }
  const source: Source = { name, kind: 'env', text }
  const path = target.path.reduce(joinPath, '')
  const off = switchedOff(root, target.path)
  if (off !== undefined) {
    const message = `has no effect: \`${off}\` is off`
    problems.push(problemAt(wholeOf(source), path, message, { severity: 'warning', secret: true }))
    return root
  }
  const value = parseText(source, target.shape, path, problems)
  if (!value) return root
  return withValue(withStore(schema, root, target.path), target.path, value)
}

/** An option of the one store, where the configuration has none: it belongs to the default store. */
function withStore(schema: ConfigSchema, root: MapNode, path: readonly string[]): MapNode {
  if (path[0] !== 'store' || path.length !== 2 || path[1] === 'type') return root
  return root.entries.has('store') ? root : withValue(root, ['store'], nodeOf(schema.defaultStore))
}

/** A door above this key that is `false`: an option alone must not open it. */
function switchedOff(root: MapNode, path: readonly string[]): string | undefined {
  for (let length = 1; length < path.length; length++) {
    const node = nodeAt(root, path.slice(0, length))
    if (node?.kind === 'scalar' && booleanOf(node) === false) return path.slice(0, length).join('.')
  }
  return undefined
}

/** A value from a variable or a flag; undefined, with problems, when it cannot be read. */
export function parseText(
  source: Source,
  shape: Shape,
  path: string,
  problems: Problem[],
): Node | undefined {
  // Secrets and names hold `#`, `: ` and digits that YAML would read as something else.
  const quoted = /^\s*(["']).*\1\s*$/s.test(source.text)
  if (shape.type === 'string' && !quoted) {
    return { kind: 'scalar', at: wholeOf(source), value: source.text, plain: true }
  }
  const parsed = parseYaml(source)
  problems.push(...parsed.problems.map((problem) => ({ ...problem, path })))
  return parsed.root
}

function unknownVariable(name: string, targets: readonly Target[]): Problem {
  // The value stays out of the message: a misspelt name may well carry a secret.
  const source: Source = { name, kind: 'env', text: name }
  const names = targets.map((target) => target.env.slice('FANFARE_'.length))
  const near = nearest(name.slice('FANFARE_'.length), names)
  const suggestion = near === undefined ? undefined : `FANFARE_${near}`
  const rest =
    suggestion === undefined
      ? 'the name is FANFARE_ and the path of a key, such as FANFARE_LIMITS__HEARTBEAT'
      : `did you mean \`${suggestion}\`?`
  return problemAt(wholeOf(source), '', `no key has this variable; ${rest}`, {
    suggestion,
    found: name,
    secret: true,
  })
}
