import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { FanfareError } from '../model/errors.ts'
import { contained, type OnConnectionError } from '../net/contained.ts'
import type { Mount } from './mount.ts'
import { connectionOf, NodeConnection, type NodeHost } from './node-connection.ts'
import { errorReply, NO_REQUEST, PLAIN, reply } from './reply.ts'
import { pathOf, type Upgrading } from './upgrading.ts'

export interface FallbackHost extends NodeHost {
  /** Who answers requests to this path by itself, if anybody does. */
  mountAt(path: string): Mount | undefined
  /** A request to speak something else, after which node:http has no part in the connection any more. */
  upgrade(request: IncomingMessage, upgrading: Upgrading): void
  /** Hears of what failed here; the connection is closed. */
  onError: OnConnectionError
}

/** How often node:http looks for requests that take too long, in ms, at most and at least. */
const MOST_BETWEEN_CHECKS = 5_000
const LEAST_BETWEEN_CHECKS = 50

/**
 * The same exchanges over node:http. The server listens to nothing: connections are handed to it,
 * with what was already read of them.
 */
export class Fallback {
  readonly #host: FallbackHost
  readonly #server: Server

  constructor(host: FallbackHost) {
    const { maxHeaderBytes, headersTimeout, keepAliveTimeout, requestTimeout } = host.limits
    const soonest = Math.min(headersTimeout, requestTimeout)
    this.#host = host
    this.#server = createServer({
      maxHeaderSize: maxHeaderBytes,
      // node:http takes no request time that is shorter than the head's.
      headersTimeout: soonest,
      requestTimeout,
      keepAliveTimeout,
      // Its own answer has no words.
      requireHostHeader: false,
      connectionsCheckingInterval: Math.min(
        MOST_BETWEEN_CHECKS,
        Math.max(LEAST_BETWEEN_CHECKS, soonest),
      ),
    })
    // Whoever closes its half may still want its answer: NodeConnection tells who does.
    Object.assign(this.#server, { httpAllowHalfOpen: true })
    this.#listen()
  }

  #listen(): void {
    const server = this.#server
    server.on('request', (request, response) => {
      this.#contain(request.socket, () => {
        const mount = this.#host.mountAt(pathOf(request.url))
        const connection = connectionOf(request.socket)
        if (mount) connection?.mounted(mount, request, response)
        else connection?.received(request, response)
      })
    })
    server.on('checkContinue', (request, response) => {
      this.#contain(request.socket, () => {
        const connection = connectionOf(request.socket)
        // Nobody is asked to send what would not be taken.
        if (!connection?.declaresTooMuch(request)) response.writeContinue()
        connection?.received(request, response)
      })
    })
    server.on('checkExpectation', (request, response) => {
      connectionOf(request.socket)?.received(request, response, ({ closes }) =>
        reply(417, PLAIN, '417 bad_request: Expect has 100-continue or nothing.\n', closes),
      )
    })
    server.on('upgrade', (request, socket, head) => {
      const connection = connectionOf(socket)
      this.#contain(socket, () => {
        connection?.upgrade(() => this.#upgrade(request, head, connection))
      })
    })
    server.on('connect', (_request, socket) => {
      const connection = connectionOf(socket)
      const error = new FanfareError('method_not_allowed', 'This server is no proxy.')
      connection?.upgrade(() => connection.end(errorReply(NO_REQUEST, error, true)))
    })
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
      // What somebody says who is only supposed to listen is not read, wrong or right.
      else connectionOf(socket)?.failed(error)
    })
    // It never listens, but this is when its time limits for requests start to be watched.
    server.emit('listening')
  }

  /** What is thrown on a connection closes that one, and no other. */
  #contain(socket: Duplex, work: () => void): void {
    contained(socket as Socket, (error, peer) => this.#host.onError(error, peer), work)
  }

  /** The host's limits have changed. The size of a head is what it was: node:http cannot change it. */
  update(): void {
    const { headersTimeout, keepAliveTimeout, requestTimeout } = this.#host.limits
    this.#server.headersTimeout = Math.min(headersTimeout, requestTimeout)
    this.#server.requestTimeout = requestTimeout
    this.#server.keepAliveTimeout = keepAliveTimeout
  }

  takeOver(socket: Socket, unread: Buffer): void {
    socket.pause()
    socket.unshift(unread)
    this.#server.emit('connection', socket)
    // node:http reads the socket's handle itself until somebody else listens. From then on pausing and
    // giving away are what they are for any stream.
    socket.on('data', ignore)
    socket.off('data', ignore)
    NodeConnection.serve(this.#host, socket)
    // Once node:http has its listeners on, and before anything more can be read.
    process.nextTick(() => socket.resume())
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #upgrade(request: IncomingMessage, head: Buffer, connection: NodeConnection): void {
    const isOurs = request.headers.upgrade?.toLowerCase() === 'websocket'
    if (isOurs || this.#host.mountAt(pathOf(request.url))) {
      this.#host.upgrade(request, {
        take: () => {
          connection.letGo()
          return head
        },
        end: (response) => connection.end(response),
      })
    } else this.takeOver(request.socket, Buffer.concat([withoutUpgrade(request), head]))
  }
}

function ignore(): void {}

/** Headers of an upgrade: they concern this connection only. */
const UPGRADING = new Set(['upgrade', 'connection', 'http2-settings'])

/**
 * The head of a request without its wish to upgrade, which a server may ignore (RFC 9110, 7.8): Java's
 * client and curl ask for HTTP/2 so, and take the answer in HTTP/1.1.
 */
function withoutUpgrade(request: IncomingMessage): Buffer {
  const { method, url, httpVersion, rawHeaders, headers } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (!UPGRADING.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[index + 1]}`)
  }
  if (/\bclose\b/i.test(headers.connection ?? '')) lines.push('Connection: close')
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
