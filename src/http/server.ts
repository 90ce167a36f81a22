import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { asFanfareError } from '../model/errors.ts'
import { TcpListener } from '../net/listener.ts'
import { Wheel } from '../net/wheel.ts'
import type { Exchange, Upgrade } from './exchange.ts'
import { Fallback } from './fallback.ts'
import { LeanConnection } from './lean.ts'
import type { HttpLimits } from './limits.ts'
import type { Mount } from './mount.ts'
import type { NodeConnection } from './node-connection.ts'
import { NodeRequest } from './node-exchange.ts'
import { errorReply } from './reply.ts'

/** A port that is listened on already, and not yet in place of the former one. */
export interface Move {
  readonly address: AddressInfo
  /** Gives up the former port; the connections that came by it go on. */
  commit(): void
  undo(): Promise<void>
}

export interface HttpServerOptions {
  /** Read at each request; see `update` for the rest. */
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
  /** It is going: each connection ends with the answer that it is waiting for. */
  leaving = false
  readonly #options: HttpServerOptions
  readonly #fallback: Fallback
  readonly #sockets: WebSocketServer
  #listener: TcpListener
  #most: number
  /** Listeners of ports that were given up, whose connections go on. */
  readonly #drained = new Set<TcpListener>()

  constructor(options: HttpServerOptions) {
    const { limits } = options
    this.#options = options
    this.limits = limits
    this.wheel = new Wheel(lookInterval(limits), undefined, (error) => options.onError(error))
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: frameBytes(limits),
    })
    const isLeaving = (): boolean => this.leaving
    this.#fallback = new Fallback({
      limits,
      wheel: this.wheel,
      get leaving() {
        return isLeaving()
      },
      onError: (error) => options.onError(error),
      handle: (exchange) => this.handle(exchange),
      mountAt: (path) => options.mountAt?.(path),
      upgrade: (request, head, connection) => this.#upgrade(request, head, connection),
    })
    this.#most = options.maxConnections
    this.#listener = this.#newListener()
  }

  #newListener(): TcpListener {
    return new TcpListener(
      (socket) => this.#accept(socket),
      (error) => this.#options.onError(error),
      { most: this.#most, allowHalfOpen: true, keepAlive: 0 },
    )
  }

  /**
   * @param former hands its port over when it is drained, if it is the same
   * @param name what a service manager calls its socket; see `TcpListener.listen`
   * @returns the address it listens on, once it does
   */
  async listen(
    port: number,
    address: string,
    former?: TcpListener,
    name?: string,
  ): Promise<AddressInfo> {
    const bound = await this.#listener.listen({ port, address }, former, name)
    this.wheel.start()
    return bound as AddressInfo
  }

  /** What it listens with now. */
  get listener(): TcpListener {
    return this.#listener
  }

  /**
   * Listens at another port as well.
   * @throws Error as node:net gives it; nothing has changed then
   */
  async move(port: number, address: string): Promise<Move> {
    const listener = this.#newListener()
    const bound = (await listener.listen({ port, address })) as AddressInfo
    return {
      address: bound,
      commit: () => {
        const former = this.#listener
        this.#listener = listener
        this.#drained.add(former)
        former.drain().then(
          () => this.#drained.delete(former),
          (error: unknown) => this.#options.onError(error),
        )
      },
      undo: () => listener.close(),
    }
  }

  /** Has `limits` been changed, what was made of them is made again; it holds for open connections, too. */
  update(maxConnections: number): void {
    this.#most = maxConnections
    this.#listener.most = maxConnections
    this.#sockets.options.maxPayload = frameBytes(this.limits)
    this.#fallback.update()
    this.wheel.interval = lookInterval(this.limits)
  }

  /**
   * Takes no more connections; those it has go on.
   * @returns once the last has closed, and nothing is left open
   */
  async drain(): Promise<void> {
    await Promise.all([this.#listener, ...this.#drained].map((listener) => listener.drain()))
    this.wheel.stop()
    this.#fallback.close()
  }

  /** As `TcpListener.closeEnded`. */
  closeEnded(): void {
    for (const listener of [this.#listener, ...this.#drained]) listener.closeEnded()
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    this.wheel.stop()
    this.#fallback.close()
    await Promise.all([this.#listener, ...this.#drained].map((listener) => listener.close()))
  }

  onError(error: unknown): void {
    this.#options.onError(error)
  }

  get connections(): number {
    return [this.#listener, ...this.#drained].reduce((sum, { size }) => sum + size, 0)
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

/** What the `ws` package takes in one frame. */
function frameBytes({ maxBodyBytes }: HttpLimits): number {
  return 2 * maxBodyBytes + FRAME_OVERHEAD
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
