import type { Socket } from 'node:net'

/** Hears of what failed on a connection, with the address at its other end where that is known. */
export type OnConnectionError = (error: unknown, peer?: string) => void

/**
 * Does what a socket's callback is to do: what that throws closes this socket, and nobody else notices.
 * @param onError hears of it
 */
export function contained(
  socket: Pick<Socket, 'destroy' | 'remoteAddress'>,
  onError: OnConnectionError,
  work: () => void,
): void {
  try {
    work()
  } catch (error) {
    // A socket that is destroyed knows no address any more.
    const peer = socket.remoteAddress
    socket.destroy()
    onError(error, peer)
  }
}
