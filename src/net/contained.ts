import type { Socket } from 'node:net'

/**
 * Does what a socket's callback is to do: what that throws closes this socket, and nobody else notices.
 * @param onError hears of it
 */
export function contained(
  socket: Pick<Socket, 'destroy'>,
  onError: (error: unknown) => void,
  work: () => void,
): void {
  try {
    work()
  } catch (error) {
    socket.destroy()
    onError(error)
  }
}
