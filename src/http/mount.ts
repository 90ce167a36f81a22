import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * Paths of the main port that a library answers by itself, over node:http's own objects. Its requests
 * take their turn among the others of a connection, but their bodies and answers are its own affair.
 */
export interface Mount {
  /** What its paths begin with, such as `/socket.io/`; without the last `/` it counts as well. */
  readonly prefix: string
  request(request: IncomingMessage, response: ServerResponse): void
  /** Takes over the socket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export function isUnder(mount: Mount, path: string): boolean {
  return path.startsWith(mount.prefix) || `${path}/` === mount.prefix
}
