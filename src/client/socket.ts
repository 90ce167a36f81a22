import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { authorities } from './authorities.ts'

/** How long a connection may take to be made, in ms. */
const CONNECT_TIMEOUT = 30_000
/** How long a quiet connection is left before the system looks whether the other side is there, in ms. */
const KEEP_ALIVE = 30_000

/** Nothing was sent yet: whatever it was may be tried again. */
export class NotConnectedError extends Error {}

export interface SocketOptions {
  readonly host: string
  readonly port: number
  readonly tls?: boolean
  readonly signal?: AbortSignal | undefined
  /** ms */
  readonly timeout?: number
}

/**
 * A connection, once it is made.
 * @throws NotConnectedError whose cause says why
 */
export function openSocket(options: SocketOptions): Promise<Socket> {
  const { host, port, tls = false, signal, timeout = CONNECT_TIMEOUT } = options
  return new Promise((resolve, reject) => {
    const name = isIP(host) === 0 ? { servername: host } : {}
    const socket = tls
      ? connectTls({ host, port, ...name, ...authorities() })
      : connect({ host, port })
    const fail = (error: Error): void => {
      socket.destroy()
      clearTimeout(timer)
      reject(new NotConnectedError(error.message, { cause: error }))
    }
    const timer = setTimeout(() => fail(new Error('nothing answers there')), timeout)
    const abort = (): void => void socket.destroy(new Error('aborted'))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    socket.once('close', () => {
      signal?.removeEventListener('abort', abort)
      fail(new Error('the server closed the connection'))
    })
    socket.once('error', fail)
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      // Whoever reads gets the error; this is for the time in which nobody does.
      socket.on('error', () => {})
      socket.setNoDelay(true)
      socket.setKeepAlive(true, KEEP_ALIVE)
      resolve(socket)
    })
  })
}

/**
 * What comes on a socket, until its end.
 * @param silence a server that sends nothing for this long is not there, in ms
 * @throws Error when the connection breaks, or is silent
 */
export async function* chunksOf(socket: Socket, silence?: number): AsyncGenerator<Buffer, void> {
  // Two strikes: after a long wait for a slow reader, what has come meanwhile is read before the second.
  let strikes = 0
  const watch =
    silence === undefined
      ? undefined
      : setInterval(() => {
          if (++strikes === 2) socket.destroy(new Error('the server is silent'))
        }, silence / 2)
  // Also when nobody reads to the end.
  socket.once('close', () => clearInterval(watch))
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      strikes = 0
      yield chunk
      strikes = 0
    }
  } finally {
    socket.destroy()
  }
}
