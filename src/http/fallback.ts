import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { FanfareError } from '../model/errors.ts'
import type { Exchange, HttpRequest, Waiter } from './exchange.ts'
import type { HttpLimits } from './lean.ts'
import { errorReply, reply } from './reply.ts'

const EMPTY = Buffer.alloc(0)

export interface FallbackHost {
  readonly limits: HttpLimits
  handle(exchange: Exchange): void
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void
}

/**
 * The same exchanges over node:http. The server listens to nothing: connections are handed to it,
 * with what was already read of them.
 */
export class Fallback {
  readonly #server: Server

  constructor(host: FallbackHost) {
    const { limits } = host
    this.#server = createServer(
      {
        maxHeaderSize: limits.maxHeaderBytes,
        headersTimeout: limits.headersTimeout,
        requestTimeout: limits.requestTimeout,
        keepAliveTimeout: limits.keepAliveTimeout,
        connectionsCheckingInterval: 5_000,
      },
      (request, response) => receive(host, request, response),
    )
    this.#server.on('upgrade', (request, socket, head) => {
      host.upgrade(request, socket as Socket, head)
    })
    this.#server.on('clientError', answerBadRequest)
    // It never listens, but this is when its time limits for requests start to be watched.
    this.#server.emit('listening')
  }

  takeOver(socket: Socket, unread: Buffer): void {
    socket.pause()
    socket.unshift(unread)
    this.#server.emit('connection', socket)
    // Once node:http has its listeners on, and before anything more can be read.
    process.nextTick(() => socket.resume())
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

function receive(host: FallbackHost, request: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false
  const { maxBodyBytes } = host.limits
  const chunks: Buffer[] = []
  let length = 0
  let refused = false
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length <= maxBodyBytes) {
      chunks.push(chunk)
      return
    }
    if (refused) return
    refused = true
    chunks.length = 0
    response.setHeader('Connection', 'close')
    const exchange = new NodeExchange(request, response, EMPTY)
    const error = new FanfareError('too_large', `A message has at most ${maxBodyBytes} bytes here.`)
    exchange.send(errorReply(exchange, error, true))
  })
  request.on('end', () => {
    if (!refused) host.handle(new NodeExchange(request, response, Buffer.concat(chunks)))
  })
  // An aborted body: there is nobody left to answer.
  request.on('error', () => {})
  response.on('error', () => {})
}

/** What node:http makes of a request, in the form that doors read. */
export class NodeRequest implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly body: Buffer
  protected readonly request: IncomingMessage

  constructor(request: IncomingMessage, body: Buffer) {
    const target = originForm(request.url ?? '/')
    const mark = target.indexOf('?')
    this.request = request
    this.method = request.method ?? ''
    this.path = mark === -1 ? target : target.slice(0, mark)
    this.query = mark === -1 ? '' : target.slice(mark + 1)
    this.body = body
  }

  get peer(): string {
    return this.request.socket.remoteAddress ?? ''
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
}

class NodeExchange extends NodeRequest implements Exchange {
  readonly #response: ServerResponse
  #waiter: Waiter | undefined

  constructor(request: IncomingMessage, response: ServerResponse, body: Buffer) {
    super(request, body)
    this.#response = response
    response.on('close', () => {
      const waiter = this.#waiter
      this.#waiter = undefined
      if (!response.writableFinished) waiter?.left()
    })
  }

  get closes(): boolean {
    return !this.#response.shouldKeepAlive
  }

  get chunked(): boolean {
    return this.request.httpVersionMinor >= 1
  }

  send(response: Buffer): void {
    this.respond(response)
  }

  respond(bytes: Buffer): void {
    this.#waiter = undefined
    const { status, headers, end } = readOwnHead(bytes)
    this.#response.writeHead(status, headers)
    this.#response.end(bytes.subarray(end))
  }

  finish(): void {}

  hold(waiter: Waiter): void {
    this.#waiter = waiter
  }

  stream(head: Buffer): Socket {
    const { status, headers } = readOwnHead(head)
    this.#response.writeHead(status, headers)
    this.#response.flushHeaders()
    const { socket } = this.request
    // No answer follows on this connection: its end is the client's leaving.
    socket.on('end', () => socket.destroy())
    return socket
  }
}

/** `http://host/path`, as proxies send it, means `/path`. */
function originForm(target: string): string {
  const match = /^https?:\/\/[^/?#]*(?<rest>.*)$/i.exec(target)
  const rest = match?.groups?.['rest']
  if (rest === undefined) return target
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Doors make whole responses; node:http wants its parts. The head is one that `reply.ts` wrote. */
function readOwnHead(bytes: Buffer): { status: number; headers: string[]; end: number } {
  const end = bytes.indexOf('\r\n\r\n')
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers: string[] = []
  for (const line of lines) {
    const colon = line.indexOf(': ')
    headers.push(line.slice(0, colon), line.slice(colon + 2))
  }
  return { status: Number(first.split(' ')[1]), headers, end: end + 4 }
}

function answerBadRequest(
  error: NodeJS.ErrnoException,
  socket: import('node:stream').Duplex,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 431
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 408
        : 400
  const text = `${status}: ${error.code === undefined ? error.message : `${error.message} (${error.code})`}\n`
  const bytes = reply(status, ['Content-Type: text/plain; charset=utf-8'], text, true)
  socket.end(bytes, () => socket.destroy())
}
