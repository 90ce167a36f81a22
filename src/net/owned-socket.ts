import type { Socket } from 'node:net'
import { readTo, stopReading } from './straight-read.ts'

/** Whose a socket is. What it throws is its own: `failed` hears of it, and nobody else notices. */
export interface SocketOwner {
  /** @param bytes lent until it returns */
  received(bytes: Buffer): void
  /** What was written has been taken. */
  drained(): void
  /** The client has said all it had to say. */
  clientEnded(): void
  closed(): void
  failed(error: unknown): void
}

const owner = Symbol('owner')
type OwnedSocket = Socket & { [owner]?: SocketOwner | undefined }

/**
 * Has a socket that was just accepted read for its owner, who hears of all else as well. The handlers are the same
 * for all sockets: one that waits costs none of its own.
 */
export function own(socket: Socket, by: SocketOwner): void {
  ;(socket as OwnedSocket)[owner] = by
  readTo(socket, onData)
  socket.on('drain', onDrain)
  socket.on('end', onEnd)
  socket.on('close', onClose)
  socket.on('error', onError)
}

/** The socket is somebody else's from now on, or nobody's. */
export function disown(socket: Socket): void {
  // Not deleted: that would turn the socket into a table, which is slower and larger.
  ;(socket as OwnedSocket)[owner] = undefined
  stopReading(socket, onData)
  socket.off('drain', onDrain)
  socket.off('end', onEnd)
  socket.off('close', onClose)
  socket.off('error', onError)
}

export function isOwnedBy(socket: Socket, by: SocketOwner): boolean {
  return (socket as OwnedSocket)[owner] === by
}

function onData(this: OwnedSocket, bytes: Buffer): void {
  const by = this[owner]
  try {
    by?.received(bytes)
  } catch (error) {
    by?.failed(error)
  }
}

const onDrain = telling((by) => by.drained())
const onEnd = telling((by) => by.clientEnded())
const onClose = telling((by) => by.closed())

function telling(tell: (by: SocketOwner) => void) {
  return function (this: OwnedSocket): void {
    const by = this[owner]
    if (!by) return
    try {
      tell(by)
    } catch (error) {
      by.failed(error)
    }
  }
}

/** The close that follows is what counts. */
function onError(): void {}
