import type { MaybePromise } from '../../model/maybe.ts'
import type { Json, ParamType, ResultOf, ServiceDefinition } from '../definition.ts'

/** JSON as it was written, and what it says: a message is passed on in its publisher's spelling. */
export interface JsonText {
  /** The `traceparent` of the request that it came with. */
  readonly trace?: string | undefined
  readonly text: string
  readonly value: Json
}

/** Arguments once they are read. The id of a user is a text inside. */
interface Values {
  user: string
  string: string
  number: number
  object: JsonText
}

export type Value = Values[ParamType]

type ValueOfParam<P> = P extends { type: infer T extends ParamType } ? Values[T] : never

type ValuesOf<Params> = Params extends readonly [infer First, ...infer Rest]
  ? First extends { optional: true }
    ? [value?: ValueOfParam<First> | undefined, ...rest: ValuesOf<Rest>]
    : [value: ValueOfParam<First>, ...rest: ValuesOf<Rest>]
  : []

type ValuesOfMethod<M> = M extends { params: infer Params } ? ValuesOf<Params> : never

/** What a service runs: a function for each method of its definition, with its arguments and result. */
export type RunOf<S extends ServiceDefinition> = {
  readonly [Name in keyof S['methods']]: (
    ...values: ValuesOfMethod<S['methods'][Name]>
  ) => MaybePromise<Result<S['methods'][Name]>>
}

type Result<M> = M extends { result: unknown } ? ResultOf<M> : void
