import type { Socket } from 'node:net'
import type { Slice } from '../model/message.ts'

/** One HTTP request, whole: its body has arrived and is within the limit. */
export interface HttpRequest {
  readonly method: string
  /** As sent, percent-encoded, without the query. */
  readonly path: string
  /** As sent, without the `?`; '' when there is none. */
  readonly query: string
  readonly body: Buffer
  /** The address at the other end of the socket, whoever that speaks for; '' when it has gone. */
  readonly peer: string
  /** @param name in lower case */
  header(name: string): string | undefined
}

/** A complete response: its bytes, or text of one byte a character. */
export type Response = Buffer | string

export interface Waiter {
  /** The client went away; nothing can be answered any more. */
  left(): void
  /** The server is going: the time to answer, if there is an answer that says no more than that. */
  goElsewhere?(): void
}

/**
 * A request and the one answer to it. Exactly one of `send`, `hold` + `send`, `stream` is used; what is
 * answered after an answer, or after the client has left, is not sent.
 */
export interface Exchange extends HttpRequest {
  /** The body, as it may be kept. */
  readonly content: Buffer | Slice
  /** True when the connection ends with this answer: the answer must say so (`Connection: close`). */
  readonly closes: boolean
  /** True when the client understands chunked answers. */
  readonly chunked: boolean
  /** Answers with a complete response, and goes on to the connection's next request. */
  send(response: Response): void
  /**
   * Writes the complete response without going on: for a fan-out, in which nothing may call back.
   * MUST be followed by `finish`.
   */
  respond(response: Response): void
  finish(): void
  /** The answer comes later; the waiter hears of it if the client goes away before. */
  hold(waiter: Waiter): void
  /** Sends a response head, and hands over the socket for an answer without an end. */
  stream(head: Buffer): Socket
  /** The handler failed: this is the answer, if there was none; an endless one is broken off. */
  abort(response: Response): void
}

/** A request to speak WebSocket, still unanswered. */
export interface Upgrade extends HttpRequest {
  /** Completes the handshake; `accept` gets the WebSocket. */
  accept(accepted: (socket: import('./closing.ts').ClosingWebSocket, raw: Socket) => void): void
  /** Answers with an ordinary response and closes. */
  refuse(response: Buffer): void
}
