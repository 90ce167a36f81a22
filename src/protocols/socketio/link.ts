import type { Socket } from 'node:net'
import type { FrameWriter } from '../../http/closing.ts'
import type { EndReason, Sink } from '../../hub/contract.ts'
import { type Handle, unsentOf, writeOn, writeTo } from '../../net/straight.ts'
import { textsOf } from '../../net/text-frame.ts'
import { directOf, type EngineSocket, waitingPackets } from './engine.ts'

const NOTHING = Buffer.alloc(0)
/** Nothing is compressed, so that one frame serves everybody. */
const OPTIONS = { compress: false }

/**
 * What the hub writes to. On a WebSocket with nothing waiting, frames go to the socket as they are;
 * otherwise their packets take their turn in Engine.IO's queue: before the answer to CONNECT, while
 * polling, and while a transport is being exchanged.
 */
export class Link implements Sink, FrameWriter {
  readonly #conn: EngineSocket
  readonly #failed: (reason: EndReason) => void
  /** There while frames may be written to the socket itself. */
  #socket: Socket | undefined
  /** While nothing that was written is unsent, and nothing was written but here. */
  #handle: Handle | undefined
  #isClosing = false
  /** Bytes in Engine.IO's queue, or given to its transport and not taken yet. */
  #queued = 0
  #waiting: (() => void)[] = []

  /** @param failed the hub cannot go on */
  constructor(conn: EngineSocket, failed: (reason: EndReason) => void) {
    this.#conn = conn
    this.#failed = failed
  }

  /** From here on messages may be written. */
  open(): void {
    if (!directOf(this.#conn.transport)) this.#conn.once('upgrade', () => this.#takeSocket())
    else if (waitingPackets(this.#conn) === 0) this.#takeSocket()
    // The answer to CONNECT is still on its way.
    else this.#conn.once('drain', () => this.#takeSocket())
  }

  #takeSocket(): void {
    const direct = directOf(this.#conn.transport)
    if (!direct) return
    direct.webSocket.writer = this
    this.#socket = direct.socket
    this.#isClosing = direct.webSocket.readyState !== direct.webSocket.OPEN
  }

  closing(): void {
    this.#isClosing = true
    this.#handle = undefined
  }

  /** Something is about to be written by way of Engine.IO: what is written here next comes behind it. */
  stepAside(): void {
    this.#handle = undefined
  }

  get isOpen(): boolean {
    return this.#conn.readyState === 'open'
  }

  get unsent(): number {
    if (this.#handle) return 0
    const socket = this.#socket
    return socket === undefined ? this.#queued : unsentOf(socket) + this.#queued
  }

  write(frames: Buffer): void {
    const handle = this.#handle
    const socket = this.#socket
    if (handle && socket) {
      if (!writeOn(socket, handle, frames)) this.#handle = undefined
    } else if (!socket || this.#queued > 0) {
      for (const text of textsOf(frames)) this.send(text)
    } else if (!this.#isClosing) {
      // Behind a close frame nothing more may come (RFC 6455, section 5.5.1).
      this.#handle = writeTo(socket, frames)
    }
  }

  /** Sends a packet in its turn. @param text with the digit in front that makes it a `message` */
  send(text: string): void {
    if (!this.isOpen) return
    this.stepAside()
    this.#queued += text.length
    this.#conn.write(text.slice(1), OPTIONS, () => {
      this.#queued -= text.length
      if (this.#queued === 0) this.#taken()
    })
  }

  whenSent(then: () => void): void {
    this.stepAside()
    if (this.#queued > 0) this.#waiting.push(then)
    else if (!this.#socket) queueMicrotask(then)
    else if (!this.#socket.writableEnded) {
      this.#socket.write(NOTHING, (error) => {
        // One that was under way when its socket was closed is called without an error.
        if (!error && this.isOpen) then()
      })
    }
  }

  ended(reason: EndReason): void {
    this.#failed(reason)
  }

  #taken(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const then of waiting) then()
  }
}
