import { type Loaded, loadConfig, type LoadOptions } from '../config/index.ts'
import type { Layer } from '../config/layers.ts'
import type { ResolvedConfig } from '../config/types.ts'
import { FanfareError } from '../model/errors.ts'
import { configSchema } from '../server/schema.ts'

/** A configuration as it would stand in a file. */
export type WrittenConfig = Readonly<Record<string, unknown>>

/** The configuration of all nodes: a configuration, and under `nodes` what single ones have beside. */
export interface SharedConfig {
  readonly version: number
  readonly document: WrittenConfig
}

/** What a node's own configuration is read from, each time anew. */
export type ConfigSource = Omit<LoadOptions, 'over'> & {
  /** What this process leaves to another one. */
  readonly adjust?: (config: ResolvedConfig) => ResolvedConfig
}

/**
 * What a node runs with: its own file, over that what all nodes share, over that what this node is to have beside,
 * over all the environment and the command line.
 * @param shared undefined: there is none
 * @param extra laid over all that, for a while
 * @throws ConfigError with every mistake
 */
export function loadNode(
  source: ConfigSource,
  node: string,
  shared?: SharedConfig,
  extra?: WrittenConfig,
): Loaded {
  const over: Layer[] = shared ? layersOf(shared, node) : []
  if (extra) over.push({ name: 'worker/setConfig', config: extra })
  const { adjust, ...options } = source
  const { config, warnings } = loadConfig(configSchema(), { ...options, over })
  return { config: adjust?.(config) ?? config, warnings }
}

function layersOf({ version, document }: SharedConfig, node: string): Layer[] {
  const name = version === 0 ? 'manager/setConfig' : `shared configuration, version ${version}`
  const { nodes, ...config } = document
  const layers: Layer[] = [{ name, config }]
  const own = overlaysOf(nodes)[node] ?? overlaysOf(nodes)[machineOf(node)]
  if (own) layers.push({ name: `${name}, nodes.${node}`, config: own })
  return layers
}

/** Several workers of one machine are `NAME/1` and so on; what is said of `NAME` holds for each. */
export function machineOf(node: string): string {
  return node.split('/')[0] as string
}

/**
 * What single nodes have beside.
 * @throws FanfareError `bad_config` when it is no map of maps
 */
export function overlaysOf(nodes: unknown): Readonly<Record<string, WrittenConfig>> {
  if (nodes === undefined || nodes === null) return {}
  const entries = isMap(nodes) ? Object.entries(nodes) : undefined
  if (!entries?.every(([, config]) => isMap(config))) {
    throw new FanfareError(
      'bad_config',
      '`nodes` is a map of names of nodes, each with a configuration: `{ "a": { "port": 8081 } }`.',
    )
  }
  return Object.fromEntries(entries) as Record<string, WrittenConfig>
}

export function isMap(value: unknown): value is WrittenConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
