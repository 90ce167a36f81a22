import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { FanfareError } from '../model/errors.ts'
import { Progress } from '../net/progress.ts'
import type { Wheel, WheelItem } from '../net/wheel.ts'
import { Body } from './body.ts'
import type { Exchange, HttpRequest } from './exchange.ts'
import { type HttpLimits, tooLarge } from './limits.ts'
import type { Mount } from './mount.ts'
import { type NodeAnswers, NodeExchange } from './node-exchange.ts'
import { errorReply, NO_REQUEST, PLAIN, reply } from './reply.ts'

/** What a connection needs of its server. */
export interface NodeHost {
  readonly wheel: Wheel
  readonly limits: HttpLimits
  /** The server is going: no request is answered but those that are there. */
  readonly leaving: boolean
  handle(exchange: Exchange): void
  /** What a client is told whose request is not taken; the connection closes. */
  refusal(request: HttpRequest, error: FanfareError): Buffer
}

/** Requests that wait for an earlier one's answer; with more, the socket is not read. */
const MAX_QUEUED = 16

/** Bytes a client may send while it is only supposed to listen. */
const MAX_IGNORED_BYTES = 64 * 2 ** 10

/** A request of which at least the head has come. */
interface Arrival {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Body
  /** An answer in which no door has a say. */
  refusal: ((exchange: Exchange) => Buffer) | undefined
  /** Who reads the body and answers by itself. */
  readonly mount: Mount | undefined
  stage: 'waiting' | 'reading' | 'whole'
}

const owner = Symbol('node connection')
type OwnedSocket = Socket & { [owner]?: NodeConnection | undefined }

/**
 * One connection under node:http, which hands out the requests of a pipeline as soon as it has read
 * them. Here they are answered as on the lean path: one after the other, each once the former's answer
 * has left; and what is wrong behind them is answered behind them.
 */
export class NodeConnection implements WheelItem, NodeAnswers {
  wheelBucket = -1
  wheelIndex = -1
  readonly #socket: OwnedSocket
  readonly #host: NodeHost
  /** Oldest first. */
  #queue: Arrival[] = []
  #current:
    | (Pick<NodeExchange, 'leave' | 'waits'> & Partial<Pick<NodeExchange, 'goElsewhere'>>)
    | undefined
  /** What follows the last answer: a complaint about what came behind it, or an upgrade. */
  #afterwards: (() => void) | undefined
  /** Requests are still read. */
  #reading = true
  /** When the queue was found full, and still is. */
  #fullSince: number | undefined
  #clientEnded = false
  /** The last answer was given: when, on the wheel's clock. */
  #endedAt: number | undefined
  readonly #progress: Progress

  private constructor(host: NodeHost, socket: Socket) {
    this.#host = host
    this.#socket = socket
    this.#progress = new Progress(host.wheel.now)
    this.#socket[owner] = this
    // node:http calls it behind a last answer. What the client is still sending then would make the
    // kernel reset the connection, and the answer would be lost with it.
    socket.destroySoon = endSoon
    // node:http resumes the socket with every request that begins to be read.
    socket.resume = resumeIfRoom
    socket.on('end', onEnd)
    socket.on('close', onClose)
    // node:http takes its own away with an upgrade; the close that follows is what counts.
    socket.on('error', ignore)
    host.wheel.add(this)
  }

  /** Looks after a connection that node:http was given, again or for the first time. */
  static serve(host: NodeHost, socket: Socket): NodeConnection {
    return connectionOf(socket) ?? new NodeConnection(host, socket)
  }

  /** @param refusal the answer, whatever the body */
  received(request: IncomingMessage, response: ServerResponse, refusal?: Arrival['refusal']): void {
    this.#arrived(request, response, { refusal })
  }

  get leaving(): boolean {
    return this.#host.leaving
  }

  /** Closes it once what was asked is answered; what only waits is answered now. */
  leave(): void {
    if (this.#current) this.#current.goElsewhere?.()
    else if (this.#queue.length === 0 && this.#reading && !this.#afterwards) {
      this.#lastAnswer()
      this.#socket.end()
    }
  }

  broken(): void {
    this.#socket.destroy()
  }

  /** A request that a library answers by itself. */
  mounted(mount: Mount, request: IncomingMessage, response: ServerResponse): void {
    this.#arrived(request, response, { mount })
  }

  #arrived(
    request: IncomingMessage,
    response: ServerResponse,
    { refusal, mount }: { refusal?: Arrival['refusal']; mount?: Mount },
  ): void {
    // An aborted body: there is nobody left to answer.
    request.on('error', ignore)
    response.on('error', ignore)
    if (!this.#reading) return
    response.sendDate = false
    const body = new Body(this.#host.limits.maxBodyBytes)
    this.#queue.push({ request, response, body, refusal, mount, stage: 'waiting' })
    response.on('finish', () => this.#finished())
    this.#next()
    if (!this.isFull) return
    this.#fullSince ??= this.#host.wheel.now
    this.#socket.pause()
  }

  /** More requests wait than should; nothing is read until they are fewer. */
  get isFull(): boolean {
    return this.#reading && this.#queue.length > MAX_QUEUED
  }

  declaresTooMuch(request: IncomingMessage): boolean {
    return Number(request.headers['content-length'] ?? 0) > this.#host.limits.maxBodyBytes
  }

  /** On to the oldest request, if nothing is being answered. */
  #next(): void {
    if (this.#current) return
    const [arrival] = this.#queue
    if (arrival) {
      if (arrival.mount) this.#lend(arrival, arrival.mount)
      else if (arrival.stage === 'waiting') this.#begin(arrival)
      else if (arrival.stage === 'whole') this.#answer(arrival)
      return
    }
    const afterwards = this.#afterwards
    this.#afterwards = undefined
    afterwards?.()
  }

  /** It is its mount's until the answer has left. */
  #lend({ request, response }: Arrival, mount: Mount): void {
    this.#queue.shift()
    // A client that closes its half has left: nobody here knows what its request waits for.
    this.#current = { waits: false, leave: () => this.#clientEnded && this.#abandon() }
    if (this.leaving) response.shouldKeepAlive = false
    mount.request(request, response)
    if (this.#clientEnded) this.#forget()
  }

  #abandon(): boolean {
    this.#socket.destroy()
    return false
  }

  /** Reads the body, now that there is nothing before it; until then node:http keeps the little it read. */
  #begin(arrival: Arrival): void {
    const { request, body } = arrival
    const { maxBodyBytes } = this.#host.limits
    arrival.stage = 'reading'
    if (this.declaresTooMuch(request)) {
      this.#refuse(arrival, tooLarge(maxBodyBytes))
      return
    }
    if (!namesOneHost(request)) {
      const error = new FanfareError('bad_request', 'A request of HTTP/1.1 has one Host.')
      this.#refuse(arrival, error)
      return
    }
    // A small body could be unpacked to one of any size.
    if (!/^(?:identity)?$/i.test(request.headers['content-encoding'] ?? '')) {
      this.#refuse(arrival, new FanfareError('unsupported_encoding'))
      return
    }
    request.on('data', (piece: Buffer) => {
      if (arrival.stage !== 'reading') return
      if (body.length + piece.length > maxBodyBytes) this.#refuse(arrival, tooLarge(maxBodyBytes))
      else body.add(piece)
    })
    request.on('end', () => {
      if (arrival.stage !== 'reading') return
      arrival.stage = 'whole'
      this.#next()
    })
  }

  /** Answers before the body has come, and closes. */
  #refuse(arrival: Arrival, error: FanfareError): void {
    arrival.body.take()
    arrival.refusal = (exchange) => this.#host.refusal(exchange, error)
    arrival.stage = 'whole'
    this.#next()
  }

  #answer({ request, response, body, refusal }: Arrival): void {
    const wasFull = this.isFull
    this.#queue.shift()
    const exchange = new NodeExchange(this, request, response, body.take())
    this.#current = exchange
    if (refusal) exchange.send(refusal(exchange))
    else this.#host.handle(exchange)
    // It came too late to wait for anything.
    if (this.#clientEnded) this.#forget()
    this.#fullSince = this.isFull ? this.#host.wheel.now : undefined
    if (wasFull && !this.isFull) this.#socket.resume()
  }

  answering(closes: boolean): void {
    if (closes) this.#lastAnswer()
  }

  waiting(): void {
    if (!this.#afterwards || !this.#reading) return
    // Unless its answer is there already: nothing is read before an upgrade, and so the client's
    // leaving would not be noticed.
    process.nextTick(() => {
      if (this.#current?.waits && this.#afterwards && this.#reading) this.#complain(TOO_EARLY)
    })
  }

  #finished(): void {
    this.#current = undefined
    this.#next()
  }

  detach(): Socket {
    const socket = this.#socket
    this.#hush()
    this.letGo()
    socket.on('data', limit)
    // The client's end is its leaving.
    socket.on('end', destroy)
    if (this.#clientEnded) socket.destroy()
    return socket
  }

  /** What node:http could not read, or did not get in time. */
  failed(error: NodeJS.ErrnoException): void {
    // Whatever else comes after a request to close is not read, wrong or right.
    if (error.code === 'HPE_CLOSED_CONNECTION') this.#hush()
    else if (this.#reading) this.#complain(badRequest(error))
  }

  /** The last word, behind the answers to all requests that have come whole. */
  #complain(bytes: Buffer): void {
    this.#hush()
    this.#queue = this.#queue.filter(({ request }) => request.complete)
    this.#afterwards = () => this.end(bytes)
    this.#next()
  }

  /** A request to upgrade, to be answered by `answer` behind all that came before it. */
  upgrade(answer: () => void): void {
    this.#afterwards = answer
    if (this.#current?.waits) this.#complain(TOO_EARLY)
    else this.#next()
  }

  /** Ends the connection with an answer of its own. */
  end(bytes: Buffer): void {
    this.#hush()
    this.#lastAnswer()
    this.#socket.end(bytes)
  }

  #lastAnswer(): void {
    this.#hush()
    this.#queue = []
    this.#afterwards = undefined
    this.#endedAt = this.#host.wheel.now
  }

  /** Reads no more requests. The socket flows, so that the client's leaving is noticed. */
  #hush(): void {
    if (!this.#reading) return
    this.#reading = false
    const socket = this.#socket
    socket.removeAllListeners('data')
    socket.on('data', ignore)
    Socket.prototype.resume.call(socket)
  }

  /** Leaves the socket to somebody else. */
  letGo(): void {
    this.#host.wheel.remove(this)
    this.#reading = false
    // Not deleted: that would turn the socket into a table, slower for all who have it after us.
    this.#socket[owner] = undefined
    this.#socket.off('end', onEnd)
    this.#socket.off('close', onClose)
    this.#queue = []
    this.#afterwards = undefined
  }

  clientEnded(): void {
    this.#clientEnded = true
    this.#forget()
  }

  /** Lets go of a request that only waits: nobody is there to wait for it. */
  #forget(): void {
    if (!this.#current?.leave()) return
    this.#current = undefined
    this.#lastAnswer()
    this.#socket.end()
  }

  closed(): void {
    this.#current?.leave()
    this.letGo()
  }

  tick(now: number): void {
    const { headersTimeout, idleTimeout, requestTimeout } = this.#host.limits
    const socket = this.#socket
    const stalled = this.#progress.stalledFor(socket, now)
    const blocked = this.isFull && stalled === 0 ? now - (this.#fullSince ?? now) : 0
    // Blocked, a connection is not read; so that the client has left could not be seen.
    if ((idleTimeout > 0 && stalled >= idleTimeout) || blocked >= requestTimeout) {
      socket.destroy()
      return
    }
    if (this.#endedAt === undefined) return
    // Time runs from when the client has its answer.
    if (socket.writableLength > 0) this.#endedAt = now
    if (now - this.#endedAt >= headersTimeout) socket.destroy()
  }
}

/** The connection of a socket, while it is node:http's. */
export function connectionOf(socket: Duplex): NodeConnection | undefined {
  return (socket as OwnedSocket)[owner]
}

/** The answer to a request to upgrade behind one that waits. */
const TOO_EARLY = reply(
  400,
  PLAIN,
  '400 bad_request: Nothing can be upgraded while an earlier request waits.\n',
  true,
)

/** RFC 9112, 3.2: anything else could mean different hosts to different readers. */
function namesOneHost({ headersDistinct, httpVersionMinor }: IncomingMessage): boolean {
  const hosts = headersDistinct['host']?.length ?? 0
  return hosts === 1 || (hosts === 0 && httpVersionMinor === 0)
}

function badRequest(error: NodeJS.ErrnoException): Buffer {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return errorReply(NO_REQUEST, new FanfareError('request_timeout'), true)
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const words = error.code === undefined ? error.message : `${error.message} (${error.code})`
  return reply(status, PLAIN, `${status} bad_request: ${words}\n`, true)
}

function onEnd(this: OwnedSocket): void {
  this[owner]?.clientEnded()
}

function onClose(this: OwnedSocket): void {
  this[owner]?.closed()
}

function endSoon(this: Socket): void {
  this.end()
}

function resumeIfRoom(this: OwnedSocket & { _paused?: boolean }): Socket {
  // Nor while node:http has paused its parser, which cannot bear any bytes then.
  if (this[owner]?.isFull || (this[owner] && this._paused)) return this
  return Socket.prototype.resume.call(this)
}

function destroy(this: Socket): void {
  this.destroy()
}

function ignore(): void {}

function limit(this: Socket): void {
  if (this.bytesRead > MAX_IGNORED_BYTES) this.destroy()
}
