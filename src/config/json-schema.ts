import { KIND } from './kinds.ts'
import { STORE_NAME_PATTERN, StoreName } from './kinds.ts'
import type { ConfigSchema } from './schema.ts'
import { type Shape, shapeOf } from './shape.ts'

type Options = Readonly<Record<string, Shape>>
type Types = Readonly<Record<string, Options>>

/** `store`: one store, or several by name. */
export function storeShape(types: Types): Shape {
  const stores = Object.entries(types).map(([type, options]) =>
    typed(type, options, { type: { const: type, description: 'What keeps the messages.' } }),
  )
  return {
    description:
      'Where messages are kept: one store, or several by name. Doors and locations use the one ' +
      'called `default` unless they name another; a single store is called `default`.',
    anyOf: [
      ...stores,
      {
        type: 'object',
        description: 'Stores by name; a name is 1 to 64 letters, digits, `_` or `-`.',
        patternProperties: { [STORE_NAME_PATTERN]: { anyOf: stores } },
        additionalProperties: false,
      },
    ],
  }
}

/** The options of one type of location, with the keys that all have. */
export function locationShape(type: string, options: Options): Shape {
  const shape = typed(type, options, {
    type: { const: type, description: 'What the location does.' },
    store: shapeOf(StoreName()),
    prefix: {
      type: 'string',
      description: 'The path begins with this text; what follows is the channel.',
    },
    url: {
      type: 'string',
      minLength: 1,
      maxLength: 1000,
      description:
        'A regular expression for the whole path, with exactly one group: the channel. ' +
        'Wins over `prefix`.',
    },
  })
  return { ...shape, anyOf: [{ required: ['prefix'] }, { required: ['url'] }] }
}

/** `locations`: a list, tried in order. */
export function locationsShape(types: Types): Shape {
  return {
    type: 'array',
    description:
      'Which paths do what, tried in order. A list in the file replaces the defaults altogether.',
    items: {
      anyOf: Object.entries(types).map(([type, options]) => locationShape(type, options)),
    },
  }
}

function typed(type: string, options: Options, common: Options): Shape {
  const keys = Object.keys(options).filter((key) => options[key]?.default === undefined)
  return {
    title: type,
    type: 'object',
    properties: { ...common, ...options },
    required: ['type', ...keys.filter((key) => !isOptional(options[key]))],
    additionalProperties: false,
  }
}

/** TypeBox keeps this mark beside the JSON Schema. */
function isOptional(shape: Shape | undefined): boolean {
  return shape !== undefined && '~optional' in shape
}

/**
 * The JSON Schema (draft 2020-12) of a configuration file, for editors: titles, descriptions, defaults,
 * and no key required that has a default.
 */
export function jsonSchema(schema: ConfigSchema): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Fanfare configuration',
    description: 'The configuration of a Fanfare push server, as YAML or JSON.',
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(schema.keys).map(([key, shape]) => [key, { title: key, ...published(shape) }]),
    ),
    additionalProperties: false,
  }
}

const PRIVATE = new Set<string>([KIND, 'least', 'most'])

/** A copy without our own annotations, closed to unknown keys, asking only for what has no default. */
function published(shape: Shape): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(shape)) {
    if (!PRIVATE.has(keyword)) copy[keyword] = isSchemaList(keyword, value) ?? value
  }
  if (shape.items) copy['items'] = published(shape.items)
  if (typeof shape.additionalProperties === 'object') {
    copy['additionalProperties'] = published(shape.additionalProperties)
  }
  for (const keyword of ['properties', 'patternProperties'] as const) {
    const inner = shape[keyword]
    if (inner) copy[keyword] = publishedAll(inner)
  }
  if (shape.properties) {
    copy['additionalProperties'] ??= false
    const required = shape.required?.filter((key) => shape.properties?.[key]?.default === undefined)
    if (required && required.length > 0) copy['required'] = required
    else delete copy['required']
  }
  return copy
}

function isSchemaList(keyword: string, value: unknown): unknown[] | undefined {
  if (keyword !== 'anyOf' || !Array.isArray(value)) return undefined
  return value.map((branch: Shape) => published(branch))
}

function publishedAll(shapes: Options): Record<string, unknown> {
  return Object.fromEntries(Object.entries(shapes).map(([key, inner]) => [key, published(inner)]))
}
