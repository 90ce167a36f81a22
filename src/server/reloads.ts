/** When a key of the configuration that has changed holds: for `Change`, which makes it so, and for the reference. */
import type { Reload, Reloads } from '../config/reference.ts'
import type { ConfigSchema } from '../config/schema.ts'
import type { Door } from '../protocols/door.ts'
import { DOORS } from '../protocols/doors.ts'
import { storeKeyReload } from './changes.ts'

/** What node:http is told once, and what a log that has begun goes on in. */
const FIXED: ReadonlySet<string> = new Set(['limits.maxHeaderBytes', 'log.format'])

/** Top-level keys beside the core's of which a server that runs takes another value. */
const KNOWN: ReadonlySet<string> = new Set(['users', 'access', 'log', ...DOORS.flatMap(keysOf)])

/** The top-level keys that are the door's. */
export function keysOf(door: Door): string[] {
  return Object.keys(door.config?.keys ?? {})
}

/** Whether only a start can change it. @param path as `limits.heartbeat` */
export function isFixed(path: string): boolean {
  return FIXED.has(path)
}

/** Whether a top-level key is of the process, and not of the server in it (`cluster`, `workers`, `watch`). */
export function isForeign(key: string): boolean {
  return !KNOWN.has(key)
}

/** What a port or a door cannot go on with. */
const ANEW: readonly RegExp[] = [
  /^(?:address|port)$/,
  /^(?:feed|redis|sparkleshare|fanout|management)\.(?:address|port|store)$/,
  /^users\.store$/,
  /^sparkleshare\.zeromq(?:\.|$)/,
  /^scan(?:\.|$)/,
]

/** What is looked at when a connection, a request or a login begins, and then no more. */
const AT_BEGIN: readonly RegExp[] = [
  /^(?:\w+\.)?(?:tls|proxyProtocol)(?:\.|$)/,
  /^limits\.(?:maxConnections|maxConnectionsPerAddress|handshakeTimeout)$/,
  /^users\.authenticationTimeOut$/,
  /^socketio\.(?:allow_origin|allow_credentials)$/,
  /^locations$/,
]

/** When each key's other value holds. */
export function reloadsOf(schema: ConfigSchema): Reloads {
  const foreign = new Set(schema.doors.filter(isForeign))
  return {
    key: (path): Reload => {
      const text = path.join('.')
      if (isFixed(text) || foreign.has(path[0] ?? '')) return 'next start'
      if (ANEW.some((pattern) => pattern.test(text))) return 'begun anew'
      return AT_BEGIN.some((pattern) => pattern.test(text)) ? 'new connections' : 'at once'
    },
    storeKey: storeKeyReload,
    locationKey: 'new connections',
  }
}
