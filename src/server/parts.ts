import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import type { Limits, StoreConfig } from '../config/types.ts'
import type { HttpServer } from '../http/server.ts'
import { urlHost } from '../net/listener.ts'
import type { Carried } from './carried.ts'
import type { Draining } from './draining.ts'
import type { ServerHealth } from './health.ts'
import type { Held, Shared } from './lent.ts'
import type { Retired } from './retired.ts'
import type { Router } from './router.ts'

/** The name of a node that stands alone. */
export const LOCAL_NODE = 'local'

/** What a server consists of. A change of its configuration puts others in the place of some. */
export interface Parts {
  readonly shared: Shared
  readonly health: ServerHealth
  readonly http: HttpServer
  /** Read by everyone: another configuration's are written into it. */
  readonly limits: Limits
  readonly draining: Draining
  readonly retired: Retired
  readonly node: string
  readonly incarnation: string
  /** Undefined until the first configuration holds. */
  held: Held | undefined
  router: Router | undefined
  address: AddressInfo | undefined
  /** By name, in the order of `doors.ts`. */
  carried: ReadonlyMap<string, Carried>
  roles: ReadonlySet<string> | undefined
  /** Doors that take no more connections for a while, and keep those they have. */
  readonly parked: Map<string, Carried>
  readonly urlOf?: (address: AddressInfo, scheme: 'http' | 'https') => string
}

/** The main port as a URL, without a path. */
export function urlOf({ address, http, urlOf: given }: Parts): string {
  if (address && given) return given(address, http.scheme)
  return address ? `${http.scheme}://${urlHost(address)}:${address.port}` : ''
}

/**
 * The node's name for those who see the same facts. Several servers without names may share one Redis, and
 * must not take one another for their own former lives.
 * @param port of the main port, as configured
 */
export function nodeAmong(
  { node, incarnation }: Parts,
  { type }: StoreConfig,
  port: number,
): string {
  if (node !== LOCAL_NODE || type !== 'redis') return node
  return `${hostname()}:${port === 0 ? incarnation : port}`
}
