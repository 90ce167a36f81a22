import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { FanfareError } from '../model/errors.ts'
import type { Wheel, WheelItem } from '../net/wheel.ts'
import { Progress } from '../net/progress.ts'
import { unsentOf, writeTextTo, writeTo } from '../net/straight.ts'
import { disown, isOwnedBy, own, type SocketOwner } from '../net/owned-socket.ts'
import { isLent } from '../net/straight-read.ts'
import type { Slice } from '../model/message.ts'
import { Body, ownSlice } from './body.ts'
import type { Exchange, HttpRequest, Response } from './exchange.ts'
import { readHead, type RequestHead } from './head.ts'
import { type LeanAnswers, LeanExchange } from './lean-exchange.ts'
import { type HttpLimits, tooLarge } from './limits.ts'
import { bytesOf, errorReply, NO_REQUEST } from './reply.ts'
import { requestOf, type Upgrading } from './upgrading.ts'

/** What a lean connection needs of its server. */
export interface LeanHost {
  readonly wheel: Wheel
  readonly limits: HttpLimits
  /** The server is going: no request is answered but those that are there. */
  readonly leaving: boolean
  /** Hears of what failed here; the connection is closed. */
  onError(error: unknown, peer?: string): void
  /** Answers a request, now or later. */
  handle(exchange: Exchange): void
  /** What a client is told whose request is not taken; the connection closes. */
  refusal(request: HttpRequest, error: FanfareError): Buffer
  /** Whether requests to this path are somebody else's to answer, over node:http. */
  isMounted(path: string): boolean
  /** Answers a request to speak WebSocket, now or later, whoever's path it is. */
  upgrade(request: IncomingMessage, upgrading: Upgrading): void
  /** Takes over a connection with bytes that were read and not understood. */
  takeOver(socket: Socket, unread: Buffer): void
}

/** What a client may send ahead while its request waits; beyond it, its socket is not read. */
const MAX_AHEAD = 64 * 2 ** 10

/** What a client may leave unread of its answers; beyond it, its next requests wait. */
const MAX_UNSENT = 256 * 2 ** 10

/** Answers up to here are written straight to the socket's handle. */
const MAX_STRAIGHT = 16 * 2 ** 10

const EMPTY = Buffer.alloc(0)

/**
 * One connection of the main port, as long as it sends what `readHead` understands. Requests are
 * answered in order, one at a time; a waiting long poll costs this object and its exchange.
 */
export class LeanConnection implements WheelItem, LeanAnswers, SocketOwner {
  wheelBucket = -1
  wheelIndex = -1
  readonly socket: Socket
  readonly #host: LeanHost
  /** Bytes that no request has claimed yet. */
  #input: Buffer = EMPTY
  /** The request whose body is arriving, and what has come of it. */
  #head: RequestHead | undefined
  #body: Body | undefined
  /** The request that is being answered. */
  #current: Pick<LeanExchange, 'leave' | 'goElsewhere'> | undefined
  /** Answers given while input is being worked through: one write for all of them. */
  #output: Response[] | undefined
  #outputBytes = 0
  /** The client does not take its answers: its next requests wait until it does. */
  #congested = false
  /** The client closed its half: what it asked before that is still answered. */
  #clientEnded = false
  /** Nothing has come yet. */
  #isNew = true
  /** Nothing more is read: the last answer was given, or the socket belongs to somebody else now. */
  #ended = false
  /** When the connection last finished something, on the wheel's clock. */
  #since: number
  readonly #progress: Progress

  constructor(host: LeanHost, socket: Socket) {
    this.#host = host
    this.socket = socket
    this.#since = host.wheel.now
    this.#progress = new Progress(host.wheel.now)
    own(socket, this)
    host.wheel.add(this)
  }

  /** Serves a connection that was just accepted. */
  static serve(host: LeanHost, socket: Socket): LeanConnection {
    return new LeanConnection(host, socket)
  }

  get leaving(): boolean {
    return this.#host.leaving
  }

  /** Closes it once what was asked is answered; what only waits is answered now. */
  leave(): void {
    if (this.#current) this.#current.goElsewhere()
    else if (!this.#isPartial && !this.#congested && !this.#ended) {
      this.#end()
      this.socket.end()
    }
  }

  broken(): void {
    this.socket.destroy()
  }

  /** What was thrown on a connection closes that one, and no other. */
  failed(error: unknown): void {
    const peer = this.socket.remoteAddress
    this.socket.destroy()
    this.#host.onError(error, peer)
  }

  /** @param bytes lent until it returns */
  received(bytes: Buffer): void {
    if (this.#ended) return
    this.#isNew = false
    this.#receive(bytes)
    if (this.#input.length > 0 && isLent(this.#input)) this.#input = Buffer.from(this.#input)
  }

  #receive(bytes: Buffer): void {
    if (this.#head) {
      this.#takeBody(bytes)
      return
    }
    if (this.#input.length === 0) this.#since = this.#host.wheel.now
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes])
    if (this.#current || this.#congested) this.#regulate()
    else this.#work()
  }

  /** Answers all requests that have arrived, as far as they can be answered at once. */
  #work(): void {
    if (this.#output) return
    this.#output = []
    this.#outputBytes = 0
    while (!this.#current && this.#input.length > 0 && !this.#ended) {
      if (this.socket.writableLength + this.#outputBytes > MAX_UNSENT) {
        // One of the writes was beyond the socket's own mark: there will be a `drain`.
        this.#congested = true
        break
      }
      const head = readHead(this.#input, 0, this.#host.limits.maxHeaderBytes)
      if (head === 'more') break
      if (head === 'foreign' || (!head.upgrades && this.#host.isMounted(head.path))) {
        this.#release()
        return
      }
      const rest = this.#input.subarray(head.end)
      if (head.upgrades) {
        this.#input = rest
        this.#upgrade(head)
        break
      }
      this.#input = EMPTY
      this.#head = head
      if (head.length > this.#host.limits.maxBodyBytes) this.#refuseBody(head)
      else this.#takeBody(rest)
    }
    // None, when the socket was given away: its new owner writes behind them.
    const output = this.#output ?? []
    this.#output = undefined
    if (output.length === 1) this.#send(output[0] as Response)
    else if (output.length > 1) this.#send(Buffer.concat(output.map(bytesOf), this.#outputBytes))
    this.#rest()
  }

  /** Takes what has come of the body; once it is whole, the request is answered. */
  #takeBody(bytes: Buffer): void {
    const head = this.#head as RequestHead
    const missing = head.length - (this.#body?.length ?? 0)
    let content: Buffer | Slice = EMPTY
    // A copy in any case: the message outlives the large buffer that the socket was read into.
    if (!this.#body && bytes.length >= missing) content = ownSlice(bytes, missing)
    else {
      this.#body ??= new Body(head.length)
      this.#body.add(bytes.length > missing ? bytes.subarray(0, missing) : bytes)
      if (bytes.length < missing) return
      content = this.#body.take()
    }
    this.#head = undefined
    this.#body = undefined
    this.#input = bytes.length > missing ? bytes.subarray(missing) : EMPTY
    const exchange = new LeanExchange(this, head, content)
    this.#current = exchange
    this.#host.handle(exchange)
    // It came too late to wait for anything.
    if (this.#clientEnded) this.#forget()
  }

  /** What comes from now on is not for us, unless the answer is no. */
  #upgrade(head: RequestHead): void {
    const pending = { leave: () => true, goElsewhere: () => {} }
    this.#current = pending
    this.#host.upgrade(requestOf(head, this.socket), {
      take: () => {
        const unread = isLent(this.#input) ? Buffer.from(this.#input) : this.#input
        if (this.#current !== pending) this.socket.destroy()
        else this.#letGo()
        this.#current = undefined
        if (this.socket.isPaused()) this.socket.resume()
        return unread
      },
      end: (response) => {
        if (this.#current !== pending) return
        this.#current = undefined
        this.write(response)
        this.#end()
        if (this.#output) return
        this.#rest()
        // What was sent ahead is read and dropped: the client's end lies behind it.
        this.#regulate()
      },
    })
  }

  #refuseBody(head: RequestHead): void {
    const { maxBodyBytes } = this.#host.limits
    const exchange = new LeanExchange(this, { ...head, keepAlive: false }, EMPTY)
    this.#head = undefined
    this.#current = exchange
    exchange.send(this.#host.refusal(exchange, tooLarge(maxBodyBytes)))
  }

  write(response: Response): void {
    if (this.#output) {
      this.#output.push(response)
      this.#outputBytes += response.length
    } else this.#send(response)
  }

  /** Only the stream tells of its `drain`: what may not be taken at once goes through it. */
  #send(response: Response): void {
    const { socket } = this
    if (response.length > MAX_STRAIGHT || unsentOf(socket) > 0) socket.write(bytesOf(response))
    else if (typeof response === 'string') writeTextTo(socket, response)
    else writeTo(socket, response)
  }

  answered(exchange: LeanExchange): void {
    if (this.#current !== exchange) return
    this.#current = undefined
    this.#since = this.#host.wheel.now
    if (exchange.closes) this.#end()
    // Otherwise the loop over the input goes on by itself.
    if (!this.#output) this.#goOn()
  }

  /** The client has taken its answers. */
  drained(): void {
    if (!this.#congested) return
    this.#congested = false
    this.#since = this.#host.wheel.now
    if (!this.#current) this.#goOn()
  }

  #goOn(): void {
    if (this.#input.length > 0) this.#work()
    else this.#rest()
    this.#regulate()
  }

  /** Closes what is to be closed once nothing is being answered. */
  #rest(): void {
    if (!isOwnedBy(this.socket, this) || this.#current || this.#congested) return
    if (this.#clientEnded && !this.#ended) {
      if (this.#isPartial) {
        const error = new FanfareError('bad_request', 'The request ended before it was whole.')
        this.socket.write(errorReply(NO_REQUEST, error, true))
      }
      this.#end()
    }
    if (this.#ended) this.socket.end()
  }

  /** Reads on only while there is room for what comes. */
  #regulate(): void {
    if (!isOwnedBy(this.socket, this)) return
    const full = (this.#current || this.#congested) && this.#input.length > MAX_AHEAD
    if (full) this.socket.pause()
    else if (this.socket.isPaused()) this.socket.resume()
  }

  get #isPartial(): boolean {
    return this.#head !== undefined || this.#input.length > 0
  }

  /** Nothing more of this client is read. */
  #end(): void {
    this.#ended = true
    this.#since = this.#host.wheel.now
    this.#input = EMPTY
    this.#head = undefined
    this.#body = undefined
  }

  detach(): Socket {
    const { socket } = this
    this.#letGo()
    // The socket flows, so that the client's leaving is noticed; what it says is ignored.
    socket.on('data', ignore)
    socket.on('end', onStreamEnd)
    socket.resume()
    return socket
  }

  /** Hands the connection over to node:http, with every byte that was not understood here. */
  #release(): void {
    const unread = isLent(this.#input) ? Buffer.from(this.#input) : this.#input
    this.#letGo()
    // Nothing can be read by node:http behind the end of what was to be read.
    if (this.#clientEnded) this.socket.end()
    else this.#host.takeOver(this.socket, unread)
  }

  #letGo(): void {
    const { socket } = this
    for (const response of this.#output ?? []) socket.write(bytesOf(response))
    this.#output = undefined
    this.#host.wheel.remove(this)
    disown(socket)
    this.#end()
  }

  /** The client has said all it had to say. */
  clientEnded(): void {
    this.#clientEnded = true
    this.#forget()
    this.#rest()
  }

  /** Lets go of a request that only waits: nobody is there to wait for it. */
  #forget(): void {
    if (!this.#current?.leave()) return
    this.#current = undefined
    this.#end()
  }

  closed(): void {
    this.#host.wheel.remove(this)
    this.#current?.leave()
    this.#current = undefined
    this.#end()
  }

  tick(now: number): void {
    const { limits } = this.#host
    const { headersTimeout, idleTimeout, keepAliveTimeout, requestTimeout } = limits
    const { socket } = this
    const stalled = this.#progress.stalledFor(socket, now)
    if (idleTimeout > 0 && stalled >= idleTimeout) {
      socket.destroy()
      return
    }
    // Time runs from when the client has its answer.
    if (unsentOf(socket) > 0) this.#since = now
    const idle = now - this.#since
    if (this.#current) {
      // A socket that is not read does not show that the client has left either.
      if (socket.isPaused() && idle >= requestTimeout) socket.destroy()
    } else if (this.#ended) {
      // A client that does not close after its last answer.
      if (idle >= headersTimeout) socket.destroy()
    } else if (this.#isPartial) {
      if (idle < requestTimeout && (this.#head || idle < headersTimeout)) return
      this.#end()
      socket.end(errorReply(NO_REQUEST, new FanfareError('request_timeout'), true))
    } else if (this.#isNew && idle >= limits.handshakeTimeout) socket.destroy()
    else if (keepAliveTimeout > 0 && idle >= keepAliveTimeout) socket.destroySoon()
  }
}

/** A stream has no end of its own: a client that closes its half has left. */
function onStreamEnd(this: Socket): void {
  this.destroy()
}

/** Bytes a client may send while it is only supposed to listen. */
const MAX_IGNORED_BYTES = 64 * 2 ** 10

function ignore(this: Socket): void {
  if (this.bytesRead > MAX_IGNORED_BYTES) this.destroy()
}
