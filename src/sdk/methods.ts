import type { ClientOf } from '../services/definition.ts'
import type { ServiceName, Services } from '../services/definitions/index.ts'
import { FanfareError, parseJson } from './errors.ts'
import { type RequestOptions, send } from './request.ts'

type NamesOf<M> = M extends { params: infer Params extends readonly unknown[] }
  ? { readonly [At in keyof Params]: Params[At] extends { name: infer Name } ? Name : never }
  : never

type MethodTable = {
  readonly [Service in ServiceName]: {
    readonly [Method in keyof Services[Service]['methods']]: NamesOf<
      Services[Service]['methods'][Method]
    >
  }
}

/**
 * What a client has to know of the services at run time: names. The definitions themselves stay out of
 * bundles, as they are mostly words; the types see to it that this says what they say.
 */
export const METHODS: MethodTable = {
  auth: {
    set: ['userId', 'sessionId'],
    check: ['sessionId'],
    remove: ['userId', 'sessionId'],
    add: ['userId', 'sessionId', 'seconds'],
    list: ['userId'],
  },
  user: {
    remove: ['userId'],
    publish: ['userId', 'message'],
    listAll: [],
    getFrontendServer: ['userId'],
    connections: ['userId'],
    disconnect: ['connectionId'],
  },
  channel: {
    subscribe: ['userId', 'channelId'],
    unsubscribe: ['userId', 'channelId'],
    unsubscribeAll: ['userId'],
    getSubscriptions: ['userId'],
    getSubscribers: ['channelId'],
    publish: ['channelId', 'message'],
    listAll: [],
    history: ['channelId', 'limit', 'since'],
    presence: ['channelId'],
    remove: ['channelId'],
  },
  worker: { status: [], reload: [], setConfig: ['config'] },
  manager: {
    setConfig: ['config', 'author'],
    getConfig: ['nodeId'],
    distributeConfig: [],
    versions: ['limit'],
    status: [],
  },
}

/** All services as objects with a method for each of theirs. */
export type ServiceClients = { readonly [Name in ServiceName]: ClientOf<Services[Name]> }

/** Where services are called. */
export interface ManagementOptions extends RequestOptions {
  /** The management port's URL. */
  readonly management: string
  /** Its key, where it has one. */
  readonly key?: string
}

/** Services at a management port. */
export function servicesAt(options: ManagementOptions): ServiceClients {
  const services = Object.entries(METHODS).map(([service, methods]) => {
    const calls = Object.entries(methods).map(([method, names]) => {
      const path = `${service}/${method}`
      return [method, (...args: unknown[]) => call(options, path, names as string[], args)]
    })
    return [service, Object.fromEntries(calls)]
  })
  return Object.fromEntries(services) as ServiceClients
}

async function call(
  options: ManagementOptions,
  path: string,
  names: readonly string[],
  args: readonly unknown[],
): Promise<unknown> {
  const { management, key } = options
  const named = Object.fromEntries(names.map((name, at) => [name, args[at]]))
  const { text } = await send(
    management + path,
    {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(named),
    },
    options,
  )
  if (text === '') return undefined
  const value = parseJson(text)
  if (value !== undefined) return value
  throw new FanfareError('bad_answer', `${path} was answered with something that is no JSON`, {
    status: 200,
    help: 'See that the URL is that of a management port.',
  })
}
