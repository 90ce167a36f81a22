import { applyEnvironment, parseText } from './env.ts'
import { check, defaultOf, type Findings, unknownKey } from './check.ts'
import { describeNode } from './describe.ts'
import { parseGitpubsub } from './gitpubsub.ts'
import { parseJson } from './json.ts'
import { applyLayers, type Layer } from './layers.ts'
import { resolveLocations } from './locations.ts'
import { ConfigError, inReadingOrder, type Problem, problemAt } from './problems.ts'
import { reachability, shadowed } from './reachable.ts'
import { MAX_FILE_BYTES, readSource, tooLarge } from './read.ts'
import { type ConfigSchema, settings } from './schema.ts'
import { type Source, type Span, wholeOf } from './source.ts'
import { missingStores, resolveStores } from './stores.ts'
import { emptyMap, type MapNode, nodeOf, withValue } from './tree.ts'
import type { ResolvedConfig } from './types.ts'
import { parseYaml } from './yaml.ts'

/** What a configuration may be written in. */
export const FORMATS = ['yaml', 'json', 'gitpubsub'] as const
export type Format = (typeof FORMATS)[number]

export interface LoadOptions {
  /** The file to read; with `text`, only its name for messages. Without both, the defaults hold. */
  file?: string | undefined
  /** The configuration itself. */
  text?: string | undefined
  /** By the file's name unless given: `.json` is JSON, `.cfg` GitPubSub's, all else YAML. */
  format?: Format | undefined
  /** What is laid over the file, the last on top. */
  over?: readonly Layer[] | undefined
  /** The environment, usually `process.env`; it goes before the file. */
  env: Readonly<Record<string, string | undefined>>
  /** Values by key path (`port`, `limits.heartbeat`) from the command line; they go before all. */
  flags?: Readonly<Record<string, unknown>> | undefined
}

export interface Loaded {
  config: ResolvedConfig
  /** What the server starts with, but somebody should know. */
  warnings: Problem[]
}

/**
 * Reads, checks and resolves a configuration: flags before environment before file before defaults.
 * @throws ConfigError with every problem at once when the configuration cannot be used
 */
export function loadConfig(schema: ConfigSchema, options: LoadOptions): Loaded {
  const findings: Findings = { problems: [], storeUses: [] }
  let root = readRoot(options, findings.problems)
  root = applyLayers(root, options.over ?? [], findings.problems)
  root = applyEnvironment(schema, root, options.env, findings.problems)
  root = applyFlags(schema, root, options.flags ?? {}, findings.problems)
  const config = resolve(schema, root, findings)
  const problems = inReadingOrder(findings.problems)
  if (problems.some((problem) => problem.severity === 'error')) throw new ConfigError(problems)
  return { config, warnings: problems }
}

/** What the file says. Text that cannot be read ends here: nothing can be said about its keys. */
function readRoot(options: LoadOptions, problems: Problem[]): MapNode {
  const { file, text } = options
  if (file === undefined && text === undefined) return emptyMap()
  const name = file ?? 'configuration'
  if (text !== undefined && Buffer.byteLength(text) > MAX_FILE_BYTES) {
    throw new ConfigError([tooLarge(name)])
  }
  const source: Source = text === undefined ? readSource(name) : { name, kind: 'file', text }
  const format = options.format ?? formatOf(name)
  // An empty file says nothing, in either format.
  const empty = source.text.replace(/^\ufeff/, '').trim() === ''
  if (empty) return emptyMap(wholeOf(source))
  const parsed = PARSERS[format](source)
  const { root } = parsed
  if (!root) throw new ConfigError(inReadingOrder(parsed.problems))
  problems.push(...parsed.problems)
  if (root.kind === 'map') return root
  if (root.kind === 'scalar' && root.value === null) return emptyMap(root.at)
  const expected = 'a map of keys, such as `port: 8080`'
  const message = `expected ${expected}, found ${describeNode(root)}`
  throw new ConfigError([...problems, problemAt(root.at, '', message, { expected })])
}

const PARSERS = { yaml: parseYaml, json: parseJson, gitpubsub: parseGitpubsub }

function formatOf(name: string): Format {
  if (/\.json$/i.test(name)) return 'json'
  return /\.cfg$/i.test(name) ? 'gitpubsub' : 'yaml'
}

function applyFlags(
  schema: ConfigSchema,
  root: MapNode,
  flags: Readonly<Record<string, unknown>>,
  problems: Problem[],
): MapNode {
  const known = settings(schema)
  let result = root
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue
    const path = key.split('.')
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const source: Source = { name: `--${key}`, kind: 'flag', text }
    const shape = known.find((setting) => setting.path.join('.') === key)?.shape ?? {}
    const node =
      typeof value === 'string' ? parseText(source, shape, key, problems) : nodeOf(value, source)
    if (node) result = withValue(result, path, node)
  }
  return result
}

function resolve(schema: ConfigSchema, root: MapNode, findings: Findings): ResolvedConfig {
  reportUnknown(schema, root, findings.problems)
  // What is not written but goes wrong is pointed at where stores are named: only that can break it.
  const storeKey = root.entries.get('store')?.key ?? root.at
  const values: Record<string, unknown> = {}
  const at = (key: string): Span => root.entries.get(key)?.key ?? storeKey
  const node = (key: string) =>
    root.entries.get(key)?.value ?? nodeOf(defaultOf(schema.keys[key] ?? {}))
  for (const [key, shape] of Object.entries(schema.keys)) {
    if (key === 'store' || key === 'locations') continue
    values[key] = check(shape, node(key), { path: key, owner: at(key) }, findings)
  }
  const stores = resolveStores(schema, node('store'), findings)
  const placed = resolveLocations(schema, node('locations'), at('locations'), findings)
  const doors = Object.fromEntries(schema.doors.map((key) => [key, values[key]]))
  findings.problems.push(...missingStores(findings.storeUses, stores), ...reachability(placed))
  if (!findings.problems.some(({ severity }) => severity === 'error')) {
    findings.problems.push(...shadowed(placed, schema.fixedPaths(doors)))
  }
  const core = values as Pick<
    ResolvedConfig,
    'address' | 'port' | 'trustedPeers' | 'trustedProxies' | 'proxyProtocol' | 'tls' | 'limits'
  >
  const config: ResolvedConfig = {
    address: core.address,
    port: core.port,
    stores: stores as ResolvedConfig['stores'],
    locations: placed.map((location) => location.config),
    trustedPeers: core.trustedPeers,
    trustedProxies: core.trustedProxies,
    proxyProtocol: core.proxyProtocol,
    tls: core.tls,
    limits: core.limits,
    doors,
  }
  if (!findings.problems.some(({ severity }) => severity === 'error')) {
    for (const { key, path, message } of schema.mistakes(config)) {
      findings.problems.push(problemAt(at(key), path, message))
    }
  }
  return config
}

function reportUnknown(schema: ConfigSchema, root: MapNode, problems: Problem[]): void {
  const valid = Object.keys(schema.keys)
  const inner = settings(schema).filter(({ path }) => path.length > 1)
  for (const [key, entry] of root.entries) {
    if (Object.hasOwn(schema.keys, key)) continue
    // `maxBodyBytes` at the top: right key, wrong place.
    const meant = inner.find(({ path }) => path.at(-1) === key)?.path.join('.')
    problems.push(unknownKey(entry.key, key, key, valid, meant))
  }
}
