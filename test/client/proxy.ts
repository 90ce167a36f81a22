import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A door of its own in front of a server, through which a test can cut connections. */
export class Proxy {
  readonly port: number
  /** Where connections lead; undefined: they are closed at once. */
  target: number | undefined
  /** Connections made so far. */
  connections = 0
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, target: number | undefined) {
    this.port = (server.address() as AddressInfo).port
    this.target = target
    server.on('connection', (socket) => this.#accept(socket))
  }

  static async start(target?: number): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new Proxy(server, target)
    onTestFinished(() => {
      proxy.cut()
      server.close()
    })
    return proxy
  }

  url(path: string, scheme = 'http'): URL {
    return new URL(`${scheme}://127.0.0.1:${this.port}${path}`)
  }

  /** Breaks all connections, with whatever is under way in them. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept(client: Socket): void {
    this.connections++
    if (this.target === undefined) {
      client.destroy()
      return
    }
    const server = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true })
    client.pipe(server)
    server.pipe(client)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }
}
