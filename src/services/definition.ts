/**
 * What a service is made of. A definition is plain data, and everything else is made from it: the
 * calls over HTTP, `/api`, OpenAPI, the TypeScript and PHP clients, docs/management.md, the forms of
 * the console. Importing definitions costs nothing and needs no server.
 */
import type { ErrorCode } from '../model/errors.ts'

/**
 * - `user`: the id of a user: a whole number, or a text of 1 to 255 characters;
 * - `string`: a text of 1 to 4096 characters;
 * - `number`: a whole number, 0 or more;
 * - `object`: any JSON but null.
 */
export type ParamType = 'user' | 'string' | 'number' | 'object'

export interface Param {
  readonly name: string
  readonly type: ParamType
  readonly description: string
  /** May be left out, with all that follow it. */
  readonly optional?: true
  readonly example: unknown
}

/** A result's form, as JSON Schema has it; only what is needed here. */
export interface Schema {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null'
  readonly description?: string
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly anyOf?: readonly Schema[]
}

export interface MethodDefinition {
  /** One line; for the methods of socket-push, its words. */
  readonly description: string
  readonly params: readonly Param[]
  /** Undefined: nothing, as an empty body. */
  readonly result?: Schema
  /** What it may fail with, beside `bad_argument` and what every call may fail with. */
  readonly errors: readonly ErrorCode[]
  /** More, for the reference. */
  readonly details?: string
}

export interface ServiceDefinition {
  readonly description: string
  readonly methods: Readonly<Record<string, MethodDefinition>>
}

/** The id of a user as callers give it. */
export type UserId = number | string

/** JSON, but null. */
export type Json =
  | string
  | number
  | boolean
  | readonly unknown[]
  | { readonly [key: string]: unknown }

interface ParamValues {
  user: UserId
  string: string
  number: number
  object: Json
}

/** The TypeScript type of a value with this schema. */
export type ValueOf<S> = S extends { anyOf: readonly (infer One)[] }
  ? One extends unknown
    ? ValueOf<One>
    : never
  : S extends { type: 'string' }
    ? string
    : S extends { type: 'integer' | 'number' }
      ? number
      : S extends { type: 'boolean' }
        ? boolean
        : S extends { type: 'null' }
          ? null
          : S extends { type: 'array'; items: infer Item }
            ? ValueOf<Item>[]
            : S extends { type: 'object'; properties: infer Properties }
              ? { [Key in keyof Properties]: ValueOf<Properties[Key]> }
              : S extends { type: 'object'; additionalProperties: infer Value }
                ? Value extends Schema
                  ? Record<string, ValueOf<Value>>
                  : Record<string, unknown>
                : unknown

/** The TypeScript type of what a method answers. */
export type ResultOf<M> = M extends { result: infer S } ? ValueOf<S> : undefined

type ValueOfParam<P> = P extends { type: infer T extends ParamType } ? ParamValues[T] : never

/** The arguments of a method, in order. */
export type ArgsOf<M> = M extends { params: infer Params extends readonly unknown[] }
  ? Args<Params>
  : never

type Args<Params> = Params extends readonly [infer First, ...infer Rest]
  ? First extends { optional: true }
    ? [value?: ValueOfParam<First>, ...rest: Args<Rest>]
    : [value: ValueOfParam<First>, ...rest: Args<Rest>]
  : []

/** A service as an object with a method for each of its definition's. */
export type ClientOf<S> = S extends { methods: infer Methods }
  ? {
      [Name in keyof Methods]: (...args: ArgsOf<Methods[Name]>) => Promise<ResultOf<Methods[Name]>>
    }
  : never
