import type { TSchema } from 'typebox'
import type { Kind } from './kinds.ts'

/** A schema as data to walk: the parts of JSON Schema that this folder looks at itself. */
export interface Shape {
  readonly 'x-fanfare'?: Kind
  readonly type?: string
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Shape>>
  readonly additionalProperties?: boolean | Shape
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly title?: string
  readonly description?: string
  readonly examples?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  /** Bounds of durations and sizes, as written in a file. */
  readonly least?: string | number
  readonly most?: string | number
  /** Secrets: never shown in messages. */
  readonly writeOnly?: boolean
}

export function shapeOf(schema: TSchema): Shape {
  return schema
}

/** The values of a choice between fixed values; undefined for every other schema. */
export function literalsOf(shape: Shape): unknown[] | undefined {
  if (shape.const !== undefined) return [shape.const]
  if (shape.enum) return [...shape.enum]
  if (!shape.anyOf) return undefined
  const values: unknown[] = []
  for (const branch of shape.anyOf) {
    const inner = literalsOf(branch)
    if (!inner) return undefined
    values.push(...inner)
  }
  return values
}

/** A part of a schema's own property, never one that every object inherits. */
export function propertyOf(shape: Shape, key: string): Shape | undefined {
  return shape.properties && Object.hasOwn(shape.properties, key)
    ? shape.properties[key]
    : undefined
}
