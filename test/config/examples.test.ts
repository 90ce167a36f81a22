/** docs/configuration.md shows an example of every key whose form its default does not show. */
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config/index.ts'
import { literalsOf, type Shape } from '../../src/config/shape.ts'
import { configSchema } from '../../src/server/schema.ts'

const schema = configSchema()

interface Key {
  readonly path: readonly string[]
  readonly shape: Shape
  /** A document in which the key has this value. */
  readonly written: (value: unknown) => unknown
}

/** A key, and all keys in the maps that it may hold, in lists or under names as well. */
function within({ path, shape, written }: Key): Key[] {
  const inside = (map: Shape | undefined, name: string, hold: (map: object) => unknown): Key[] =>
    Object.entries(map?.properties ?? {}).flatMap(([key, option]) =>
      within({
        path: [...path, ...(name === '' ? [] : [name]), key],
        shape: option,
        written: (value) => written(hold({ [key]: value })),
      }),
    )
  const own = shape.properties ? shape : shape.anyOf?.find((branch) => branch.properties)
  const [named] = Object.values(shape.patternProperties ?? {})
  return [
    { path, shape, written },
    ...inside(own, '', (map) => map),
    ...inside(shape.items, '0', (map) => [map]),
    ...inside(named, 'name', (map) => ({ name: map })),
  ]
}

const keys: Key[] = [
  ...Object.entries(schema.keys)
    .filter(([key]) => key !== 'store' && key !== 'locations')
    .map(([key, shape]) => ({
      path: [key],
      shape,
      written: (value: unknown) => ({ [key]: value }),
    })),
  ...Object.entries(schema.storeTypes).flatMap(([type, options]) =>
    Object.entries(options).map(([key, shape]) => ({
      path: ['store', key],
      shape,
      written: (value: unknown) => ({ store: { type, ...asMap(key, value) } }),
    })),
  ),
  ...Object.entries(schema.locationTypes).flatMap(([type, options]) =>
    Object.entries(options).map(([key, shape]) => ({
      path: ['locations[0]', key],
      shape,
      written: (value: unknown) => ({ locations: [{ type, prefix: '/x/', ...asMap(key, value) }] }),
    })),
  ),
].flatMap(within)

function asMap(key: string, value: unknown): object {
  return { [key]: value }
}

/** Whether the default says nothing of what else there may be. */
function isVague(shape: Shape): boolean {
  if (literalsOf(shape) || shape.type === 'boolean') return false
  // Its keys have a table of their own.
  if (shape.properties || shape.anyOf?.some(({ properties }) => properties)) return false
  const fallback = shape.default
  return fallback === undefined || ['""', '[]', '{}', 'false'].includes(JSON.stringify(fallback))
}

it('every key whose form is not plain from its default has one', () => {
  const without = keys.filter(({ shape }) => isVague(shape) && !shape.examples?.length)
  expect(without.map(({ path }) => path.join('.'))).toEqual([])
})

/** What is wrong with a document at this key, or below. */
function mistakesAt(path: readonly string[], document: unknown): string[] {
  const text = JSON.stringify(document)
  try {
    loadConfig(schema, { text, file: 'f.json', format: 'json', env: {}, flags: {} })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const at = path.join('.').replace(/\.0\b/g, '[0]')
    return error.problems
      .filter((problem) => problem.path === at || problem.path.startsWith(`${at}.`))
      .map((problem) => `${problem.path}: ${problem.message}`)
  }
}

/** What a document has to say beside a key. */
const BESIDE: Readonly<Record<string, object>> = {
  'cluster.spare_for': { cluster: { roles: ['events'], spare_for: ['redis', 'management'] } },
}

describe('what is shown', () => {
  const shown = keys.flatMap((key) =>
    (key.shape.examples ?? []).map((example) => ({
      path: key.path,
      written: key.written,
      example,
      name: key.path.join('.'),
    })),
  )

  it.each(shown)('$name takes $example', ({ name, path, written, example }) => {
    expect(mistakesAt(path, BESIDE[name] ?? written(example))).toEqual([])
    // That a mistake would have been seen.
    expect(mistakesAt(path, written({ no: { such: 'key' } }))).not.toEqual([])
  })
})
