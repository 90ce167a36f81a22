import type { IncomingMessage } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Wheel } from '../net/wheel.ts'
import type { Exchange, Upgrade } from './exchange.ts'
import { Fallback, NodeRequest } from './fallback.ts'
import { type HttpLimits, LeanConnection } from './lean.ts'

export interface HttpServerOptions {
  readonly wheel: Wheel
  readonly limits: HttpLimits
  /** Open connections at most; further ones are closed at once. */
  readonly maxConnections: number
  /** False sends everything over node:http: for tests, which run over both paths. */
  readonly lean?: boolean
  handle(exchange: Exchange): void
  upgrade(upgrade: Upgrade): void
}

/** The main port: the lean path first, node:http for all that it leaves alone. */
export class HttpServer {
  readonly wheel: Wheel
  readonly limits: HttpLimits
  readonly #options: HttpServerOptions
  readonly #listener: Server
  readonly #fallback: Fallback
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
  })
  readonly #open = new Set<Socket>()

  constructor(options: HttpServerOptions) {
    this.#options = options
    this.wheel = options.wheel
    this.limits = options.limits
    this.#fallback = new Fallback({
      limits: options.limits,
      handle: (exchange) => options.handle(exchange),
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    })
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    )
    this.#listener.maxConnections = options.maxConnections
  }

  /** @returns the address it listens on, once it does */
  async listen(port: number, address: string): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject)
      this.#listener.listen(
        { port, ...(address === '' ? {} : { host: address }), backlog: 4096 },
        () => {
          this.#listener.off('error', reject)
          resolve()
        },
      )
    })
    return this.#listener.address() as AddressInfo
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#listener.close(() => resolve())
    })
    this.#fallback.close()
    for (const socket of this.#open) socket.destroy()
    await closed
  }

  get connections(): number {
    return this.#open.size
  }

  handle(exchange: Exchange): void {
    this.#options.handle(exchange)
  }

  takeOver(socket: Socket, unread: Buffer): void {
    this.#fallback.takeOver(socket, unread)
  }

  #accept(socket: Socket): void {
    this.#open.add(socket)
    socket.on('close', () => this.#open.delete(socket))
    if (this.#options.lean === false) this.#fallback.takeOver(socket, Buffer.alloc(0))
    else LeanConnection.serve(this, socket)
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => {})
    const upgrade = new NodeUpgrade(
      request,
      (accepted) => {
        this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
          accepted(webSocket, socket),
        )
      },
      (response) => socket.end(response),
    )
    if (request.headers.upgrade?.toLowerCase() === 'websocket') this.#options.upgrade(upgrade)
    else upgrade.refuse(Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'))
  }
}

class NodeUpgrade extends NodeRequest implements Upgrade {
  readonly accept: Upgrade['accept']
  readonly refuse: Upgrade['refuse']

  constructor(request: IncomingMessage, accept: Upgrade['accept'], refuse: Upgrade['refuse']) {
    super(request, Buffer.alloc(0))
    this.accept = accept
    this.refuse = refuse
  }
}
