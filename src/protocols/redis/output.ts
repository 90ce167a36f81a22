import type { Socket } from 'node:net'
import type { EndReason, Sink } from '../../hub/contract.ts'
import { type Handle, unsentOf, writeOn, writeTo } from '../../net/straight.ts'
import type { RedisServer } from './server.ts'

/** Replies up to here are written straight to the socket's handle. */
const MOST_STRAIGHT = 16 * 2 ** 10

const NOTHING = Buffer.alloc(0)

/** What goes out to one client: replies, and messages behind those. */
export class Output implements Sink {
  readonly server: RedisServer
  readonly socket: Socket
  /** Commands are being done, whose replies are collected in `server.out`. */
  protected running = false
  /** Too many replies are unsent. */
  protected full = false
  /** While nothing that was written is unsent, and nothing was written by the stream. */
  #handle: Handle | undefined

  constructor(server: RedisServer, socket: Socket) {
    this.server = server
    this.socket = socket
  }

  get unsent(): number {
    return this.#handle ? 0 : unsentOf(this.socket)
  }

  write(bytes: Buffer): void {
    // What its commands were answered comes first.
    if (this.running) this.flush()
    const handle = this.#handle
    if (handle) {
      if (!writeOn(this.socket, handle, bytes)) this.#handle = undefined
    } else if (!this.socket.writableEnded) this.#handle = writeTo(this.socket, bytes)
  }

  whenSent(then: () => void): void {
    if (this.socket.writableEnded) return
    this.#handle = undefined
    this.socket.write(NOTHING, (error) => {
      // One that was under way when its socket was closed is called without an error.
      if (!error && !this.socket.destroyed) then()
    })
  }

  /** Pub/Sub has no word for a gap: whoever comes back knows that it missed something. */
  ended(_reason: EndReason): void {
    this.socket.destroy()
  }

  /** Writes the replies that were collected. */
  protected flush(): void {
    const { out, config } = this.server
    if (out.length === 0) return
    const { socket } = this
    if (socket.writableEnded || socket.destroyed) {
      out.truncate(0)
      return
    }
    // Only the stream tells of its `drain`: what may not be taken at once goes through it.
    if (out.length <= MOST_STRAIGHT && unsentOf(socket) === 0) {
      this.#handle = writeTo(socket, out.lend())
      out.settle(unsentOf(socket) === 0)
      return
    }
    this.#handle = undefined
    socket.write(out.take())
    if (socket.writableLength > config.maxReplyBytes) this.full = true
  }

  /** Ends the stream behind what was written. @param last the last words, if any */
  protected end(last?: string): void {
    this.#handle = undefined
    if (last === undefined) this.socket.end()
    else if (!this.socket.writableEnded) this.socket.end(last)
  }
}
