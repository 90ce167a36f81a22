import type { Socket } from 'node:net'
import { FanfareError } from '../model/errors.ts'
import type { Wheel, WheelItem } from '../net/wheel.ts'
import type { Exchange, Waiter } from './exchange.ts'
import { readHead, type RequestHead } from './head.ts'
import { errorReply } from './reply.ts'

/** What a lean connection needs of its server. */
export interface LeanHost {
  readonly wheel: Wheel
  readonly limits: HttpLimits
  /** Answers a request, now or later. */
  handle(exchange: Exchange): void
  /** Takes over a connection with bytes that were read and not understood. */
  takeOver(socket: Socket, unread: Buffer): void
}

export interface HttpLimits {
  readonly maxBodyBytes: number
  readonly maxHeaderBytes: number
  /** ms for a request to arrive, from its first byte. */
  readonly headersTimeout: number
  /** ms a connection may rest between requests; 0 = any time. */
  readonly keepAliveTimeout: number
  /** ms for a request with its body to arrive. */
  readonly requestTimeout: number
}

/** What a client may send ahead while its request waits; beyond it, its socket is not read. */
const MAX_AHEAD = 64 * 2 ** 10

const EMPTY = Buffer.alloc(0)

const owner = Symbol('lean connection')
type OwnedSocket = Socket & { [owner]?: LeanConnection }

/**
 * One connection of the main port, as long as it sends what `readHead` understands. Requests are
 * answered in order, one at a time; a waiting long poll costs this object and its exchange.
 */
export class LeanConnection implements WheelItem {
  wheelBucket = -1
  wheelIndex = -1
  readonly socket: OwnedSocket
  readonly #host: LeanHost
  /** Bytes that no request has claimed yet. */
  #input: Buffer = EMPTY
  /** The request whose body is arriving. */
  #head: RequestHead | undefined
  #body: Buffer[] = []
  #bodyBytes = 0
  /** The request that is being answered. */
  #current: LeanExchange | undefined
  /** Answers given while input is being worked through: one write for all of them. */
  #output: Buffer[] | undefined
  /** Nothing more is read: the last answer was given, or the client closed its half. */
  #ended = false
  /** The socket belongs to somebody else now. */
  #detached = false
  /** When the connection last finished something, on the wheel's clock. */
  #since: number

  constructor(host: LeanHost, socket: Socket) {
    this.#host = host
    this.socket = socket
    this.#since = host.wheel.now
    this.socket[owner] = this
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('close', onClose)
    socket.on('error', onError)
    host.wheel.add(this)
  }

  /** Serves a connection that was just accepted. */
  static serve(host: LeanHost, socket: Socket): LeanConnection {
    return new LeanConnection(host, socket)
  }

  received(bytes: Buffer): void {
    if (this.#ended) return
    if (!this.#head && this.#input.length === 0) this.#since = this.#host.wheel.now
    if (this.#head && !this.#current) {
      this.#takeBody(bytes)
      return
    }
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes])
    if (this.#current) {
      if (this.#input.length > MAX_AHEAD) this.socket.pause()
      return
    }
    this.#work()
  }

  /** Answers all requests that have arrived, as far as they can be answered at once. */
  #work(): void {
    if (this.#output) return
    this.#output = []
    while (!this.#current && this.#input.length > 0 && !this.#ended) {
      const head = readHead(this.#input, 0, this.#host.limits.maxHeaderBytes)
      if (head === 'more') break
      if (head === 'foreign') {
        this.#release()
        return
      }
      const rest = this.#input.subarray(head.end)
      if (head.length > this.#host.limits.maxBodyBytes) {
        this.#input = EMPTY
        this.#refuseBody(head)
        break
      }
      this.#head = head
      this.#body = []
      this.#bodyBytes = 0
      this.#input = EMPTY
      this.#takeBody(rest)
    }
    const output = this.#output
    this.#output = undefined
    this.#flush(output)
  }

  #flush(output: Buffer[]): void {
    if (output.length === 1) this.socket.write(output[0] as Buffer)
    else if (output.length > 1) this.socket.write(Buffer.concat(output))
    if (this.#ended && !this.#current && !this.#detached) this.socket.end()
  }

  #takeBody(bytes: Buffer): void {
    const head = this.#head as RequestHead
    const missing = head.length - this.#bodyBytes
    if (bytes.length < missing) {
      if (bytes.length > 0) this.#body.push(bytes)
      this.#bodyBytes += bytes.length
      return
    }
    this.#head = undefined
    this.#input = bytes.length > missing ? bytes.subarray(missing) : EMPTY
    let body = EMPTY
    if (head.length > 0) {
      // A copy: the message outlives the large buffer that the socket was read into.
      this.#body.push(bytes.subarray(0, missing))
      body = Buffer.concat(this.#body)
      this.#body = []
    }
    this.#current = new LeanExchange(this, head, body)
    this.#host.handle(this.#current)
    // Called for a body that arrived by itself, not from within the loop over the input.
    if (!this.#output && !this.#current && this.#input.length > 0) this.#work()
  }

  #refuseBody(head: RequestHead): void {
    const { maxBodyBytes } = this.#host.limits
    const exchange = new LeanExchange(this, { ...head, keepAlive: false }, EMPTY)
    this.#current = exchange
    exchange.send(
      errorReply(
        exchange,
        new FanfareError('too_large', `A message has at most ${maxBodyBytes} bytes here.`),
        true,
      ),
    )
  }

  write(response: Buffer): void {
    if (this.#output) this.#output.push(response)
    else this.socket.write(response)
  }

  /** The current request is answered. */
  answered(exchange: LeanExchange): void {
    if (this.#current !== exchange) return
    this.#current = undefined
    this.#since = this.#host.wheel.now
    if (exchange.closes) {
      this.#ended = true
      this.#input = EMPTY
    }
    if (this.#output) return
    if (this.#ended) this.socket.end()
    else if (this.#input.length > 0) this.#work()
    if (this.socket.isPaused()) this.socket.resume()
  }

  /** Gives the socket to an endless answer. */
  detach(): Socket {
    const { socket } = this
    if (this.#output) {
      const output = this.#output
      this.#output = []
      for (const bytes of output) socket.write(bytes)
    }
    this.#letGo()
    // The socket keeps flowing, so that the client's leaving is noticed; what it says is ignored.
    socket.on('data', ignore)
    socket.on('end', onStreamEnd)
    return socket
  }

  /** Hands the connection over to node:http, with every byte that was not understood here. */
  #release(): void {
    const unread = this.#input
    const output = this.#output ?? []
    this.#output = undefined
    this.#input = EMPTY
    for (const bytes of output) this.socket.write(bytes)
    this.#letGo()
    this.#host.takeOver(this.socket, unread)
  }

  #letGo(): void {
    const { socket } = this
    this.#host.wheel.remove(this)
    delete socket[owner]
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('close', onClose)
    socket.off('error', onError)
    this.#ended = true
    this.#detached = true
  }

  /** The client has said all it had to say. */
  clientEnded(): void {
    const current = this.#current
    if (current?.leave()) {
      this.socket.destroy()
      return
    }
    this.#ended = true
    if (!current) this.socket.end()
  }

  closed(): void {
    this.#host.wheel.remove(this)
    this.#ended = true
    this.#current?.leave()
    this.#current = undefined
    this.#input = EMPTY
  }

  tick(now: number): void {
    if (this.#current) return
    const { headersTimeout, keepAliveTimeout, requestTimeout } = this.#host.limits
    const idle = now - this.#since
    if (this.#ended) {
      // A client that does not close after its last answer.
      if (idle >= headersTimeout) this.socket.destroy()
      return
    }
    const partial = this.#head !== undefined || this.#input.length > 0
    if (!partial) {
      if (keepAliveTimeout > 0 && idle >= keepAliveTimeout) this.socket.destroySoon()
    } else if (idle >= (this.#head ? requestTimeout : headersTimeout)) {
      this.#ended = true
      this.socket.end(errorReply(NO_REQUEST, new FanfareError('request_timeout'), true))
    }
  }
}

/** A request on the lean path. */
class LeanExchange implements Exchange {
  readonly #connection: LeanConnection
  readonly #head: RequestHead
  readonly body: Buffer
  #waiter: Waiter | undefined

  constructor(connection: LeanConnection, head: RequestHead, body: Buffer) {
    this.#connection = connection
    this.#head = head
    this.body = body
  }

  get method(): string {
    return this.#head.method
  }

  get path(): string {
    return this.#head.path
  }

  get query(): string {
    return this.#head.query
  }

  get closes(): boolean {
    return !this.#head.keepAlive
  }

  get chunked(): boolean {
    return true
  }

  get peer(): string {
    return this.#connection.socket.remoteAddress ?? ''
  }

  header(name: string): string | undefined {
    const index = this.#head.names.indexOf(name)
    return index === -1 ? undefined : this.#head.values[index]
  }

  send(response: Buffer): void {
    this.respond(response)
    this.finish()
  }

  respond(response: Buffer): void {
    this.#waiter = undefined
    this.#connection.write(response)
  }

  finish(): void {
    this.#connection.answered(this)
  }

  hold(waiter: Waiter): void {
    this.#waiter = waiter
  }

  stream(head: Buffer): Socket {
    const socket = this.#connection.detach()
    socket.write(head)
    return socket
  }

  /** The client went away; true when the request was waiting for something. */
  leave(): boolean {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.left()
    return waiter !== undefined
  }
}

/** For answers to what is not a request yet. */
const NO_REQUEST = {
  method: '',
  path: '',
  query: '',
  body: EMPTY,
  peer: '',
  header: (): undefined => undefined,
}

function onData(this: OwnedSocket, bytes: Buffer): void {
  this[owner]?.received(bytes)
}

function onEnd(this: OwnedSocket): void {
  this[owner]?.clientEnded()
}

function onClose(this: OwnedSocket): void {
  this[owner]?.closed()
}

/** The close that follows is what counts. */
function onError(): void {}

/** A stream has no end of its own: a client that closes its half has left. */
function onStreamEnd(this: Socket): void {
  this.destroy()
}

/** Bytes a client may send while it is only supposed to listen. */
const MAX_IGNORED_BYTES = 64 * 2 ** 10

function ignore(this: Socket): void {
  if (this.bytesRead > MAX_IGNORED_BYTES) this.destroy()
}
