import type { Socket } from 'node:net'
import { bytesOf, type Slice } from '../model/message.ts'
import type { Exchange, Response, Waiter } from './exchange.ts'
import type { RequestHead } from './head.ts'
import { collect } from './upgrading.ts'

/** What an exchange needs of its connection. */
export interface LeanAnswers {
  readonly socket: Socket
  /** The server is going: each answer is its connection's last. */
  readonly leaving: boolean
  write(response: Response): void
  /** This exchange is over: on to the next request. */
  answered(exchange: LeanExchange): void
  /** Gives the socket to an endless answer. */
  detach(): Socket
}

/** A request on the lean path. */
export class LeanExchange implements Exchange {
  readonly #connection: LeanAnswers
  readonly #head: RequestHead
  readonly content: Buffer | Slice
  #waiter: Waiter | undefined
  /** `over`: answered, or there is nobody left to answer. */
  #state: 'open' | 'streaming' | 'over' = 'open'

  constructor(connection: LeanAnswers, head: RequestHead, content: Buffer | Slice) {
    this.#connection = connection
    this.#head = head
    this.content = content
  }

  get body(): Buffer {
    return bytesOf(this.content)
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

  get plain(): boolean {
    return this.#head.plain
  }

  get closes(): boolean {
    return !this.#head.keepAlive || this.#connection.leaving
  }

  get chunked(): boolean {
    return true
  }

  get peer(): string {
    return this.#connection.socket.remoteAddress ?? ''
  }

  header(name: string): string | undefined {
    const index = this.#head.names.indexOf(name)
    return this.#head.values[index]
  }

  send(response: Response): void {
    this.respond(response)
    this.finish()
  }

  respond(response: Response): void {
    // A second answer would be taken for that to the next request.
    if (this.#state !== 'open') return
    this.#state = 'over'
    this.#waiter = undefined
    this.#connection.write(response)
  }

  finish(): void {
    this.#connection.answered(this)
  }

  hold(waiter: Waiter): void {
    if (this.#state === 'open') this.#waiter = waiter
  }

  stream(head: Buffer): Socket {
    this.#state = 'streaming'
    this.#waiter = undefined
    const socket = this.#connection.detach()
    collect(socket)
    socket.write(head)
    return socket
  }

  abort(response: Response): void {
    if (this.#state === 'streaming') this.#connection.socket.destroy()
    else this.send(response)
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
