import type { IncomingMessage } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { asFanfareError } from '../model/errors.ts'
import { listenOn, portOf } from '../net/listener.ts'
import { Wheel } from '../net/wheel.ts'
import type { Exchange, Upgrade } from './exchange.ts'
import { Fallback } from './fallback.ts'
import { LeanConnection } from './lean.ts'
import type { HttpLimits } from './limits.ts'
import type { Mount } from './mount.ts'
import type { NodeConnection } from './node-connection.ts'
import { NodeRequest } from './node-exchange.ts'
import { errorReply } from './reply.ts'

export interface HttpServerOptions {
  readonly limits: HttpLimits
  /** Open connections at most; further ones are closed at once. */
  readonly maxConnections: number
  /** False sends everything over node:http: for tests, which run over both paths. */
  readonly lean?: boolean
  /** Answers, now or later. What it throws is answered for it, and reported. */
  handle(exchange: Exchange): void
  upgrade(upgrade: Upgrade): void
  /** Who answers requests to this path by itself, if anybody does. */
  mountAt?(path: string): Mount | undefined
  /** Hears of what a handler threw that was nobody's mistake but ours. */
  onError(error: unknown): void
}

/** How often requests and answers that take too long are looked for, in ms, at most and at least. */
const MOST_BETWEEN_LOOKS = 5_000
const LEAST_BETWEEN_LOOKS = 50

/** JSON spells a body's bytes with up to twice as many, mostly; and there are other keys. */
const FRAME_OVERHEAD = 64 * 2 ** 10

/** The main port: the lean path first, node:http for all that it leaves alone. */
export class HttpServer {
  readonly wheel: Wheel
  readonly limits: HttpLimits
  readonly #options: HttpServerOptions
  readonly #listener: Server
  readonly #fallback: Fallback
  readonly #sockets: WebSocketServer
  readonly #open = new Set<Socket>()

  constructor(options: HttpServerOptions) {
    const { limits } = options
    this.#options = options
    this.limits = limits
    this.wheel = new Wheel(lookInterval(limits))
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: 2 * limits.maxBodyBytes + FRAME_OVERHEAD,
    })
    this.#fallback = new Fallback({
      limits,
      wheel: this.wheel,
      handle: (exchange) => this.handle(exchange),
      mountAt: (path) => options.mountAt?.(path),
      upgrade: (request, head, connection) => this.#upgrade(request, head, connection),
    })
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    )
    this.#listener.maxConnections = options.maxConnections
  }

  /** @returns the address it listens on, once it does */
  async listen(port: number, address: string): Promise<AddressInfo> {
    await listenOn(this.#listener, portOf(port, address), (error) => this.#options.onError(error))
    this.wheel.start()
    return this.#listener.address() as AddressInfo
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#listener.close(() => resolve())
    })
    this.wheel.stop()
    this.#fallback.close()
    for (const socket of this.#open) socket.destroy()
    await closed
  }

  get connections(): number {
    return this.#open.size
  }

  handle(exchange: Exchange): void {
    try {
      this.#options.handle(exchange)
    } catch (error) {
      this.#report(error)
      exchange.abort(errorReply(exchange, error, exchange.closes))
    }
  }

  /** A client's own mistake is answered, and nothing more. */
  #report(error: unknown): void {
    if (asFanfareError(error) !== error) this.#options.onError(error)
  }

  isMounted(path: string): boolean {
    return this.#options.mountAt?.(path) !== undefined
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

  #upgrade(request: IncomingMessage, head: Buffer, connection: NodeConnection): void {
    const { socket } = request
    let answered = false
    const upgrade = new NodeUpgrade(
      request,
      (accepted) => {
        answered = true
        connection.letGo()
        this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
          accepted(webSocket, socket),
        )
      },
      (response) => {
        answered = true
        connection.end(response)
      },
    )
    try {
      this.#options.upgrade(upgrade)
    } catch (error) {
      this.#report(error)
      if (answered) socket.destroy()
      else connection.end(errorReply(upgrade, error, true))
    }
  }
}

function lookInterval({ headersTimeout, requestTimeout, ...limits }: HttpLimits): number {
  const times = [headersTimeout, requestTimeout, limits.keepAliveTimeout, limits.idleTimeout]
  const soonest = Math.min(MOST_BETWEEN_LOOKS, ...times.filter((time) => time > 0))
  return Math.max(LEAST_BETWEEN_LOOKS, soonest)
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
