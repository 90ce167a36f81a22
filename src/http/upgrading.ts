import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { RequestHead } from './head.ts'

/** A connection whose client asks to speak WebSocket, until that is answered. */
export interface Upgrading {
  /** Leaves the socket to somebody else. @returns what was read behind the request */
  take(): Buffer
  /** Ends it with an answer of its own. */
  end(response: Buffer): void
}

/** The request in node:http's form, which is what the packages read that shake hands. */
export function requestOf(head: RequestHead, socket: Socket): IncomingMessage {
  const { method, path, query, names, values } = head
  const request = new IncomingMessage(socket)
  request.method = method
  request.url = query === '' ? path : `${path}?${query}`
  request.httpVersion = '1.1'
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  request.complete = true
  request.rawHeaders = names.flatMap((name, index) => [name, values[index] as string])
  // Its own it would make of what its parser has counted.
  request.headers = Object.fromEntries(names.map((name, index) => [name, values[index]]))
  return request
}

/** The path of a request's target, without the query. */
export function pathOf(url = '/'): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}
