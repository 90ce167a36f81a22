import type { Socket } from 'node:net'
import { unsentOf } from './straight.ts'

/** What a socket's handle tells beyond the public interface; net's own time limit reads the same. */
interface Handle {
  /** Bytes that were handed to it … */
  readonly bytesWritten?: number
  /** … and those of them that the kernel has not taken. */
  readonly writeQueueSize?: number
}

/** Watches whether a client still takes what is written to it. */
export class Progress {
  #taken = 0
  #at: number

  /** @param now ms, on the clock that `stalledFor` is asked with */
  constructor(now: number) {
    this.#at = now
  }

  /**
   * For how long the kernel has taken nothing although something is unsent, in ms, as far as earlier
   * calls have seen; 0 while nothing is unsent.
   */
  stalledFor(socket: Socket, now: number): number {
    const unsent = unsentOf(socket)
    const taken = unsent === 0 ? -1 : takenBy(socket, unsent)
    if (taken === -1 || taken !== this.#taken) {
      this.#taken = taken
      this.#at = now
    }
    return now - this.#at
  }
}

/** Bytes that the kernel has taken: of one large write too, of which `writableLength` says nothing. */
function takenBy(socket: Socket, unsent: number): number {
  const handle = (socket as { _handle?: Handle | null })._handle
  const { bytesWritten, writeQueueSize } = handle ?? {}
  if (bytesWritten === undefined || writeQueueSize === undefined) {
    return socket.bytesWritten - unsent
  }
  return bytesWritten - writeQueueSize
}
