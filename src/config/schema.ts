import type { TProperties, TSchema } from 'typebox'
import { core } from './core.ts'
import { defaultOf } from './check.ts'
import { locationsShape, storeShape } from './json-schema.ts'
import { type Shape, shapeOf } from './shape.ts'
import type { ResolvedConfig } from './types.ts'

/** What one part (a door, a store, the core) adds to the configuration. */
export interface ConfigFragment {
  /** Top-level keys: schemas with `default`, `description`, `examples`. */
  keys?: Record<string, TSchema>
  /** Types of locations, and the options that each takes besides type, store, prefix and url. */
  locationTypes?: Record<string, TProperties>
  /** Types of stores, and the options of each. */
  storeTypes?: Record<string, TProperties>
  /** The locations that are there when the configuration has none of its own. */
  defaultLocations?: readonly DefaultLocation[]
  /** Paths of the main port that are served when no location takes them, given the doors' values. */
  fixedPaths?: (doors: Readonly<Record<string, unknown>>) => readonly string[]
  /** What no key alone gets wrong: asked once everything else is right. */
  mistakes?: (config: ResolvedConfig) => readonly Mistake[]
}

/** Something that does not fit together. */
export interface Mistake {
  /** The top-level key that is pointed at. */
  readonly key: string
  /** The path that it is told about. */
  readonly path: string
  readonly message: string
}

export interface DefaultLocation {
  type: string
  prefix?: string
  url?: string
  [option: string]: unknown
}

/** All that a configuration may say. */
export interface ConfigSchema {
  /** Every top-level key; `store` and `locations` among them. */
  readonly keys: Readonly<Record<string, Shape>>
  /** The keys that fragments added: they are found in `doors` of the resolved configuration. */
  readonly doors: readonly string[]
  readonly locationTypes: Readonly<Record<string, Readonly<Record<string, Shape>>>>
  readonly storeTypes: Readonly<Record<string, Readonly<Record<string, Shape>>>>
  readonly defaultLocations: readonly DefaultLocation[]
  readonly defaultStore: Readonly<Record<string, unknown>>
  /** What is served when no location takes it, given the doors' values. */
  fixedPaths(doors: Readonly<Record<string, unknown>>): string[]
  /** What of a configuration does not fit together. */
  mistakes(config: ResolvedConfig): Mistake[]
}

/**
 * The store that runs when the configuration names none, whether there is a file or not: what was acknowledged
 * is there after a restart, unless somebody has decided otherwise.
 */
const DEFAULT_STORE = { type: 'file' }

/** Keys of every location, whatever its type. */
const LOCATION_KEYS = ['type', 'store', 'prefix', 'url']

/**
 * The schema of the core and of all parts. Several parts may add options to one type of location.
 * @throws TypeError when two parts claim the same key or option: that is a mistake in the program
 */
export function composeSchema(fragments: readonly ConfigFragment[]): ConfigSchema {
  const keys: Record<string, Shape> = {}
  const locationTypes: Record<string, Record<string, Shape>> = {}
  const storeTypes: Record<string, Record<string, Shape>> = {}
  const doors: string[] = []
  for (const fragment of [core, ...fragments]) {
    for (const [key, schema] of Object.entries(fragment.keys ?? {})) {
      if (fragment !== core) doors.push(key)
      claim(keys, key, shapeOf(schema), 'key')
    }
    addTypes(locationTypes, fragment.locationTypes, LOCATION_KEYS)
    addTypes(storeTypes, fragment.storeTypes, ['type'])
  }
  const defaultLocations = fragments.flatMap((fragment) => fragment.defaultLocations ?? [])
  claim(keys, 'store', { ...storeShape(storeTypes), default: DEFAULT_STORE }, 'key')
  const locations = { ...locationsShape(locationTypes), default: defaultLocations }
  claim(keys, 'locations', locations, 'key')
  return {
    keys,
    doors,
    locationTypes,
    storeTypes,
    defaultLocations,
    defaultStore: DEFAULT_STORE,
    fixedPaths: (values) => [
      ...new Set(fragments.flatMap(({ fixedPaths }) => fixedPaths?.(values) ?? [])),
    ],
    mistakes: (config) => [core, ...fragments].flatMap(({ mistakes }) => mistakes?.(config) ?? []),
  }
}

function addTypes(
  all: Record<string, Record<string, Shape>>,
  added: Record<string, TProperties> = {},
  taken: readonly string[],
): void {
  for (const [type, options] of Object.entries(added)) {
    const known = (all[type] ??= {})
    for (const [option, schema] of Object.entries(options)) {
      if (taken.includes(option)) throw new TypeError(`every ${type} has \`${option}\` already`)
      claim(known, option, shapeOf(schema), `option of ${type}`)
    }
  }
}

function claim(all: Record<string, Shape>, name: string, shape: Shape, what: string): void {
  if (Object.hasOwn(all, name)) throw new TypeError(`two parts define the ${what} \`${name}\``)
  all[name] = shape
}

/** One value that can be set: for documentation and for environment variables. */
export interface Setting {
  readonly path: readonly string[]
  /** The environment variable that sets it. */
  readonly env: string
  readonly shape: Shape
  readonly description: string
  /** What holds when it is not set; undefined where there is no such thing. */
  readonly default: unknown
}

/** Every key and the keys within, in order; not the options of stores and locations. */
export function settings(schema: ConfigSchema): Setting[] {
  const found: Setting[] = []
  const add = (path: readonly string[], shape: Shape): void => {
    const description = shape.description ?? ''
    found.push({ path, env: envName(path), shape, description, default: defaultOf(shape) })
    if (path[0] === 'store' || path[0] === 'locations') return
    const map = shape.properties ? shape : shape.anyOf?.find((branch) => branch.properties)
    for (const [key, inner] of Object.entries(map?.properties ?? {})) add([...path, key], inner)
  }
  for (const [key, shape] of Object.entries(schema.keys)) add([key], shape)
  return found
}

/** `limits.maxBodyBytes` → `FANFARE_LIMITS__MAX_BODY_BYTES`. */
export function envName(path: readonly string[]): string {
  const parts = path.map((key) =>
    key
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/[^A-Za-z0-9]/g, '_')
      .toUpperCase(),
  )
  return `FANFARE_${parts.join('__')}`
}
