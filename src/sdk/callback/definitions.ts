import type { Param, ResultOf, ServiceDefinition } from '../../services/definition.ts'
import { SERVICES, type ServiceName, type Services } from '../../services/definitions/index.ts'

/** A parameter as socket-push knew them: the id of a user is a number. */
export interface CallbackParam {
  readonly name: string
  readonly type: 'number' | 'string' | 'object'
  readonly optional?: true
}

/** A service in socket-push's form, as `fanfare/service/auth` is one. */
export interface CallbackDefinition {
  readonly name: string
  readonly methods: {
    readonly [method: string]: {
      readonly params: readonly CallbackParam[]
      readonly description: string
    }
  }
}

/** What the modules `fanfare/service/*` export. */
export type CallbackServices = {
  readonly [Name in ServiceName]: CallbackDefinition & { readonly name: Name }
}

/** Gets what a method answers; undefined where that is nothing. */
export type ResultCallback<Result> = (result: Result) => void

/** Gets the server's words, or why there were none. */
export type ErrorCallback = (error: string) => void

interface CallbackValues {
  user: number
  string: string | number
  number: number
  object: unknown
}

type CallbackArgs<Params, Result> = Params extends readonly [infer First, ...infer Rest]
  ? First extends { type: infer Type extends keyof CallbackValues }
    ?
        | [value: CallbackValues[Type], ...rest: CallbackArgs<Rest, Result>]
        | (First extends { optional: true } ? Callbacks<Result> : never)
    : never
  : Callbacks<Result>

type Callbacks<Result> = [result?: ResultCallback<Result>, error?: ErrorCallback]

type CallbackMethod<Method> = Method extends { params: infer Params }
  ? (...args: CallbackArgs<Params, ResultOf<Method>>) => void
  : never

/** A service as an object whose methods take callbacks. */
export type CallbackClient<Definition> = Definition extends { name: infer Name extends ServiceName }
  ? {
      readonly [Method in keyof Services[Name]['methods']]: CallbackMethod<
        Services[Name]['methods'][Method]
      >
    }
  : Readonly<Record<string, (...args: unknown[]) => void>>

/** All services in socket-push's form. */
export function callbackDefinitions(): CallbackServices {
  const services: [string, ServiceDefinition][] = Object.entries(SERVICES)
  const definitions = services.map(([name, { methods }]) => {
    const described = Object.entries(methods).map(([method, { params, description }]) => [
      method,
      { params: params.map(paramOf), description },
    ])
    return [name, { name, methods: Object.fromEntries(described) }]
  })
  return Object.fromEntries(definitions) as CallbackServices
}

function paramOf({ name, type, optional }: Param): CallbackParam {
  const known = type === 'user' ? 'number' : type
  return optional ? { name, type: known, optional } : { name, type: known }
}
