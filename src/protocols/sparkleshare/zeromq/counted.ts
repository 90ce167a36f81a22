import type { Socket } from 'zeromq'
import type { Connections } from '../../../net/connections.ts'

/**
 * Counts connections that libzmq accepts among those of the server. Their addresses are not told, and only
 * a socket with a gate can refuse any; peers of the others count all the same.
 */
export class Counted {
  readonly #connections: Connections
  #open = 0
  #closed = false

  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** Counts the connections of a socket, from before it is bound. */
  watch(socket: Socket): void {
    socket.events.on('accept', () => {
      if (this.#closed) return
      this.#open++
      this.#connections.enterAnyway()
    })
    socket.events.on('disconnect', () => {
      if (this.#closed) return
      this.#open--
      this.#connections.leave()
    })
  }

  /** Whether one more is let in. The one that asks may be counted already, or not yet. */
  get hasRoom(): boolean {
    return this.#connections.hasRoom
  }

  /** The sockets are being closed. */
  close(): void {
    this.#closed = true
    for (; this.#open > 0; this.#open--) this.#connections.leave()
  }
}
