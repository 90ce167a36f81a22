import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { asFanfareError, type FanfareError } from '../model/errors.ts'
import type { About } from '../model/events.ts'
import type { Entrance, Entrances, EntranceSettings } from '../net/entrance.ts'
import { TcpListener } from '../net/listener.ts'
import { Wheel } from '../net/wheel.ts'
import { ClosingWebSocket } from './closing.ts'
import type { Exchange, HttpRequest, Upgrade } from './exchange.ts'
import { Fallback } from './fallback.ts'
import { LeanConnection } from './lean.ts'
import type { HttpLimits } from './limits.ts'
import type { Mount } from './mount.ts'
import { NodeRequest } from './node-exchange.ts'
import { errorReply, PLAIN, reply } from './reply.ts'
import { collect, pathOf, type Upgrading } from './upgrading.ts'

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
  /** Connections of this port at most; further ones are closed at once. */
  readonly maxConnections?: number
  /** What all connections of a server pass; without it, they are not counted together, and there is no TLS. */
  readonly entrances?: Entrances
  /** Its connections have room of their own. */
  readonly reserved?: boolean
  /** False sends everything over node:http: for tests, which run over both paths. */
  readonly lean?: boolean
  /** Answers, now or later. What it throws is answered for it, and reported. */
  handle(exchange: Exchange): void
  upgrade(upgrade: Upgrade): void
  /** Who answers requests to this path by itself, if anybody does. */
  mountAt?(path: string): Mount | undefined
  /** Another form of what a client is told whose request is not even taken. */
  refusal?(request: HttpRequest, error: FanfareError): Buffer
  /** Hears of what a handler threw that was nobody's mistake but ours. */
  onError(error: unknown, about?: About): void
}

/** How often requests and answers that take too long are looked for, in ms, at most and at least. */
const MOST_BETWEEN_LOOKS = 5_000
const LEAST_BETWEEN_LOOKS = 50

/** JSON spells a body's bytes with up to twice as many, mostly; and there are other keys. */
const FRAME_OVERHEAD = 64 * 2 ** 10

/** Told to whoever does not speak TLS where it is spoken. */
const NOT_TLS = reply(400, PLAIN, '400 bad_request: This port speaks TLS: use https.\n', true)

const PLAIN_ENTRANCE: EntranceSettings = { tls: false, proxyProtocol: false }

/** The main port: the lean path first, node:http for all that it leaves alone. */
export class HttpServer {
  readonly wheel: Wheel
  readonly limits: HttpLimits
  /** It is going: each connection ends with the answer that it is waiting for. */
  leaving = false
  readonly #options: HttpServerOptions
  readonly #fallback: Fallback
  readonly #sockets: WebSocketServer
  readonly #entrance: Entrance | undefined
  #listener: TcpListener
  #most: number | undefined
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
      WebSocket: ClosingWebSocket,
    })
    const isLeaving = (): boolean => this.leaving
    this.#fallback = new Fallback({
      limits,
      wheel: this.wheel,
      get leaving() {
        return isLeaving()
      },
      onError: (error, peer) => this.onError(error, peer),
      handle: (exchange) => this.handle(exchange),
      refusal: (request, error) => this.refusal(request, error),
      mountAt: (path) => options.mountAt?.(path),
      upgrade: (request, upgrading) => this.upgrade(request, upgrading),
    })
    const words = {
      notTls: NOT_TLS,
      protocols: ['http/1.1'],
      ...(options.reserved ? { reserved: true } : {}),
    }
    this.#entrance = options.entrances?.open(PLAIN_ENTRANCE, words)
    this.#most = options.maxConnections
    this.#listener = this.#newListener()
  }

  #newListener(): TcpListener {
    return new TcpListener(
      (socket) => this.#accept(socket),
      (error, peer) => this.onError(error, peer),
      {
        allowHalfOpen: true,
        keepAlive: 0,
        ...(this.#most === undefined ? {} : { most: this.#most }),
        ...(this.#entrance ? { entrance: this.#entrance } : {}),
      },
    )
  }

  /**
   * How connections are to come in.
   * @returns what makes it so
   * @throws Error that names the file which cannot be used
   */
  prepareEntrance(settings: EntranceSettings): () => void {
    return this.#entrance?.prepare(settings) ?? (() => {})
  }

  /** Of its URLs. */
  get scheme(): 'http' | 'https' {
    return this.#entrance?.hasTls ? 'https' : 'http'
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
  update(maxConnections?: number): void {
    this.#most = maxConnections
    if (maxConnections !== undefined) this.#listener.most = maxConnections
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

  onError(error: unknown, peer?: string): void {
    this.#options.onError(error, peer === undefined ? undefined : { peer })
  }

  get connections(): number {
    return [this.#listener, ...this.#drained].reduce((sum, { size }) => sum + size, 0)
  }

  handle(exchange: Exchange): void {
    try {
      this.#options.handle(exchange)
    } catch (error) {
      this.#report(error, exchange)
      exchange.abort(errorReply(exchange, error, exchange.closes))
    }
  }

  refusal(request: HttpRequest, error: FanfareError): Buffer {
    return this.#options.refusal?.(request, error) ?? errorReply(request, error, true)
  }

  /** A client's own mistake is answered, and nothing more. */
  #report(error: unknown, { peer }: HttpRequest): void {
    if (asFanfareError(error) !== error) this.#options.onError(error, { peer })
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

  upgrade(request: IncomingMessage, upgrading: Upgrading): void {
    const { socket } = request
    const path = pathOf(request.url)
    const mount = this.#options.mountAt?.(path)
    // Without the last `/` it is no path of its library's, which would leave the socket to nobody.
    if (mount && path.startsWith(mount.prefix)) {
      // Not collected: a library that says no may destroy the socket behind its words.
      mount.upgrade(request, socket, upgrading.take())
      return
    }
    let answered = false
    const upgrade = new NodeUpgrade(
      request,
      (accepted) => {
        answered = true
        const head = upgrading.take()
        collect(socket)
        this.#sockets.handleUpgrade(request, socket, head, (webSocket: WebSocket) =>
          accepted(webSocket as ClosingWebSocket, socket),
        )
      },
      (response) => {
        answered = true
        upgrading.end(response)
      },
    )
    try {
      this.#options.upgrade(upgrade)
    } catch (error) {
      this.#report(error, upgrade)
      if (answered) socket.destroy()
      else upgrading.end(errorReply(upgrade, error, true))
    }
  }
}

/** What the `ws` package takes in one frame. */
function frameBytes({ maxBodyBytes }: HttpLimits): number {
  return 2 * maxBodyBytes + FRAME_OVERHEAD
}

function lookInterval({ headersTimeout, requestTimeout, ...limits }: HttpLimits): number {
  const { handshakeTimeout, keepAliveTimeout, idleTimeout } = limits
  const times = [headersTimeout, requestTimeout, keepAliveTimeout, idleTimeout, handshakeTimeout]
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
