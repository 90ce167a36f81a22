import {
  type AddressInfo,
  createServer,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net'

/** After how long without a byte the kernel asks whether the client is still there, in ms. */
const KEEP_ALIVE = 60_000

/** A TCP port, and all connections that were made to it. */
export class TcpListener {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly #onError: (error: unknown) => void

  /**
   * @param accept gets each connection; every write on it goes out at once
   * @param onError hears of connections that could not be accepted
   * @param most connections at once; more are closed without a word
   */
  constructor(
    accept: (socket: Socket) => void,
    onError: (error: unknown) => void,
    most = Number.POSITIVE_INFINITY,
  ) {
    this.#onError = onError
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE }
    this.#server = createServer(options, (socket) => {
      this.#open.add(socket)
      socket.on('close', () => this.#open.delete(socket))
      // The close that follows is what counts.
      socket.on('error', () => {})
      accept(socket)
    })
    if (Number.isFinite(most)) this.#server.maxConnections = most
  }

  /**
   * @param port 0 = any free one
   * @param address '' = all interfaces
   * @throws Error as node:net gives it
   */
  async listen(port: number, address: string): Promise<AddressInfo> {
    await listenOn(this.#server, portOf(port, address), this.#onError)
    return this.#server.address() as AddressInfo
  }

  /** Closes the port and every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const socket of this.#open) socket.destroy()
    await closed
  }
}

/** A port as node:net wants it. @param address '' = all interfaces */
export function portOf(port: number, address: string): ListenOptions {
  return address === '' ? { port } : { port, host: address }
}

/**
 * Listens, with room for a burst of connections.
 * @param onError hears of connections that could not be accepted, say for want of file descriptors
 * @throws Error as node:net gives it
 */
export function listenOn(
  server: Server,
  where: ListenOptions,
  onError: (error: unknown) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...where, backlog: 4096 }, () => {
      server.off('error', reject)
      server.on('error', onError)
      resolve()
    })
  })
}

/** An address that was listened on, as it stands in a URL. */
export function urlHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost'
  return family === 'IPv6' ? `[${address}]` : address
}
