import { FanfareError } from '../../model/errors.ts'
import type { MaybePromise } from '../../model/maybe.ts'
import type { MethodDefinition, ServiceDefinition } from '../definition.ts'
import { type ServiceName, SERVICES, type Services } from '../definitions/index.ts'
import { type Values, valuesOfList } from './args.ts'
import { authService } from './auth.ts'
import { channelService } from './channel.ts'
import type { Control } from '../control.ts'
import type { ServiceContext } from './context.ts'
import { managerService } from './manager.ts'
import { userService } from './user.ts'
import type { RunOf } from './values.ts'
import { workerService } from './worker.ts'

/** One method of one service. */
export interface Method {
  readonly service: ServiceName
  readonly name: string
  readonly definition: MethodDefinition
}

/** All methods, in the order of their definitions. */
export const METHODS: readonly Method[] = Object.entries(SERVICES).flatMap(
  ([service, { methods }]) =>
    Object.entries(methods as ServiceDefinition['methods']).map(([name, definition]) => ({
      service: service as ServiceName,
      name,
      definition,
    })),
)

const byName = new Map(
  METHODS.map((method) => [`${method.service}/${method.name}`.toLowerCase(), method]),
)

/** A method by its names, in whatever case; undefined when there is none. */
export function methodOf(service: string, method: string): Method | undefined {
  return byName.get(`${service}/${method}`.toLowerCase())
}

type Run = (...values: Values) => MaybePromise<unknown>

/** Calls methods of services, whoever asks. */
export class Caller {
  readonly #context: ServiceContext
  readonly #services: { readonly [Name in keyof Services]: RunOf<Services[Name]> }

  constructor(context: ServiceContext) {
    this.#context = context
    this.#services = {
      auth: authService(context),
      user: userService(context),
      channel: channelService(context),
      worker: workerService(context),
      manager: managerService(context),
    }
  }

  /**
   * @param args as JSON has them, in order
   * @returns what the method's definition says; undefined where that is nothing
   * @throws FanfareError `unknown_method`, `bad_argument`, and what the definition names
   */
  async call(service: string, method: string, args: readonly unknown[]): Promise<unknown> {
    const found = methodOf(service, method)
    if (!found) throw new FanfareError('unknown_method')
    return this.run(found, valuesOfList(found.definition, args))
  }

  /** Whether this node carries a service. */
  carries(service: string): boolean {
    return this.#context.control.cluster?.carries(service) ?? true
  }

  /**
   * @param values as `args.ts` reads them for this method
   * @throws FanfareError `not_here`, naming a node that carries the service
   */
  async run({ service, name, definition }: Method, values: Values): Promise<unknown> {
    if (!this.carries(service)) throw notHere(service, this.#context.control)
    // What the definition says of its arguments was checked when they were read.
    const methods = this.#services[service] as unknown as Readonly<Record<string, Run>>
    const run = methods[name]
    if (!run) throw new TypeError(`nothing runs ${service}/${name}`)
    const result = await run(...values)
    return definition.result ? result : undefined
  }
}

function notHere(service: string, { node, cluster }: Control): FanfareError {
  const where = cluster?.elsewhere(service)
  return new FanfareError(
    'not_here',
    where === undefined
      ? `Node ${node} does not carry the service ${service}, and no other one does at this moment.`
      : `Node ${node} does not carry the service ${service}; ask ${where}.`,
  )
}
