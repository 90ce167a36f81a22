import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Exchange, HttpRequest, Response, Waiter } from './exchange.ts'
import { own } from './head.ts'
import { bytesOf } from './reply.ts'

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
    this.path = own(mark === -1 ? target : target.slice(0, mark))
    this.query = mark === -1 ? '' : own(target.slice(mark + 1))
    this.body = body
  }

  get content(): Buffer {
    return this.body
  }

  get peer(): string {
    return this.request.socket.remoteAddress ?? ''
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
}

/** What an exchange needs of its connection. */
export interface NodeAnswers {
  /** The server is going: each answer is its connection's last. */
  readonly leaving: boolean
  /** It gets its answer, which is the connection's last if `closes`. */
  answering(closes: boolean): void
  /** It waits for something. */
  waiting(): void
  /** It gets the socket for an endless answer. */
  detach(): Socket
}

/** A request over node:http. */
export class NodeExchange extends NodeRequest implements Exchange {
  readonly #connection: NodeAnswers
  readonly #response: ServerResponse
  #waiter: Waiter | undefined
  /** `over`: answered, or there is nobody left to answer. */
  #state: 'open' | 'streaming' | 'over' = 'open'

  constructor(
    connection: NodeAnswers,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ) {
    super(request, body)
    this.#connection = connection
    this.#response = response
  }

  get closes(): boolean {
    return !this.#response.shouldKeepAlive || this.#connection.leaving
  }

  get chunked(): boolean {
    return this.request.httpVersionMinor >= 1
  }

  send(response: Response): void {
    this.respond(response)
  }

  respond(response: Response): void {
    // A second answer would be taken for that to the next request.
    if (this.#state !== 'open') return
    this.#state = 'over'
    this.#waiter = undefined
    const bytes = bytesOf(response)
    const { status, headers, closes, end } = readOwnHead(bytes)
    this.#connection.answering(closes || this.closes)
    this.#response.writeHead(status, headers)
    this.#response.end(bytes.subarray(end))
  }

  /** The connection goes on by itself, once the answer is on its way. */
  finish(): void {}

  hold(waiter: Waiter): void {
    if (this.#state !== 'open') return
    this.#waiter = waiter
    this.#connection.waiting()
  }

  stream(head: Buffer): Socket {
    this.#state = 'streaming'
    this.#waiter = undefined
    const { status, headers } = readOwnHead(head)
    this.#response.writeHead(status, headers)
    this.#response.flushHeaders()
    return this.#connection.detach()
  }

  abort(response: Response): void {
    if (this.#state === 'streaming') this.request.socket.destroy()
    else this.respond(response)
  }

  get waits(): boolean {
    return this.#waiter !== undefined
  }

  /** Asks whoever waits to answer now: the server is going. */
  goElsewhere(): void {
    this.#waiter?.goElsewhere?.()
  }

  /** The client went away; true when the request was waiting for something. */
  leave(): boolean {
    const waiter = this.#waiter
    if (!waiter) return false
    this.#state = 'over'
    this.#waiter = undefined
    waiter.left()
    return true
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
function readOwnHead(bytes: Buffer): {
  status: number
  headers: string[]
  closes: boolean
  end: number
} {
  const end = bytes.indexOf('\r\n\r\n')
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers: string[] = []
  for (const line of lines) {
    const colon = line.indexOf(': ')
    headers.push(line.slice(0, colon), line.slice(colon + 2))
  }
  const closes = lines.includes('Connection: close')
  return { status: Number(first.split(' ')[1]), headers, closes, end: end + 4 }
}
