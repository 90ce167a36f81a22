/**
 * Configuration: one YAML or JSON file, a superset of hbpush's, overridden by environment and flags.
 *
 * Importing this takes the 0.2 s that TypeBox needs. Beside it are, for those that need less:
 * - `types.ts`: what a loaded configuration looks like (types, and two accessors that cost nothing)
 * - `kinds.ts`: the kinds of values for the schemas of doors and stores (durations, sizes, peers, …)
 * - `problems.ts`, `format-problems.ts`: problems, and how they are printed
 */
export { formatProblems } from './format-problems.ts'
export { jsonSchema } from './json-schema.ts'
export { Bytes, Door, Duration, StoreName } from './kinds.ts'
export { type Loaded, loadConfig, type LoadOptions } from './load.ts'
export { ConfigError, type Problem } from './problems.ts'
export { composeSchema, type ConfigFragment, type ConfigSchema, settings } from './schema.ts'
export { doorOf, optionsOf } from './types.ts'
