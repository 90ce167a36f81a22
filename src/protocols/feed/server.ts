import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { unlink } from 'node:fs/promises'
import type { Trust } from '../../access/trust.ts'
import type { Limits } from '../../config/types.ts'
import type { StreamOptions } from '../../http/stream.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { listenOn, portOf, urlHost } from '../../net/listener.ts'
import { Wheel } from '../../net/wheel.ts'
import type { DoorContext, Place } from '../door.ts'
import { FeedEncoder, stillalive } from './codec.ts'
import type { FeedConfig } from './config.ts'
import { FeedConnection } from './connection.ts'
import { type Statistics, statisticsReply } from './statistics.ts'

/** How often connections are looked at when there is no stillalive, in ms. */
const REVOLUTION = 5_000

/** What the connections of the feed share. */
export class FeedServer {
  readonly config: FeedConfig
  readonly limits: Limits
  readonly hub: Hub
  readonly trust: Trust
  readonly traffic: Traffic
  readonly encoder = new FeedEncoder()
  readonly wheel: Wheel
  readonly stream: StreamOptions
  readonly onError: (error: unknown) => void
  readonly #listener: Server
  readonly #open = new Set<Socket>()
  readonly #started = performance.now()
  #subscribers = 0
  #connections = 0
  /** Bytes of connections that have closed. */
  #received = 0
  #sent = 0
  /** The stillalive of this ms: all that are due in one turn get the same bytes. */
  #alive: { at: number; bytes: Buffer } = { at: -1, bytes: Buffer.alloc(0) }

  constructor(config: FeedConfig, context: DoorContext) {
    this.config = config
    this.limits = context.config.limits
    this.hub = context.hub(config.store)
    this.trust = context.trust
    this.traffic = context.traffic.of('feed')
    this.onError = (error) => context.onError(error)
    this.wheel = new Wheel(config.stillalive || REVOLUTION)
    this.stream = {
      wheel: this.wheel,
      idleTimeout: this.limits.idleTimeout,
      heartbeat:
        config.stillalive === 0
          ? undefined
          : ({ subscription }) => {
              // Its time may be asked for: whoever has not got all that was before it must not hear it.
              if (subscription && subscription.position < this.hub.head) return undefined
              return this.#stillalive(context.clock.now())
            },
    }
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    )
    this.#listener.maxConnections = this.limits.maxConnections
  }

  /** Whether it listens on a UNIX socket. */
  get local(): boolean {
    return typeof this.config.port === 'string'
  }

  /**
   * @param address for a port; '' = all interfaces
   * @throws Error as node:net gives it
   */
  async listen(address: string): Promise<Place> {
    const { port } = this.config
    if (typeof port === 'string') {
      await listenOn(this.#listener, { path: port }, this.onError).catch(
        async (error: NodeJS.ErrnoException) => {
          // What a server that was killed has left behind.
          if (error.code !== 'EADDRINUSE' || (await answers(port))) throw error
          await unlink(port)
          await listenOn(this.#listener, { path: port }, this.onError)
        },
      )
      this.wheel.start()
      const example = `curl -N --unix-socket ${port} http://localhost/json`
      return { what: 'feed', where: port, example }
    }
    await listenOn(this.#listener, portOf(port, address), this.onError)
    this.wheel.start()
    const bound = this.#listener.address() as AddressInfo
    const url = `http://${urlHost(bound)}:${bound.port}`
    return { what: 'feed', where: url, example: `curl -N ${url}/json`, address: bound.address }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#listener.close(() => resolve())
    })
    this.wheel.stop()
    for (const socket of this.#open) socket.destroy()
    await closed
  }

  subscribed(socket: Socket): void {
    this.#subscribers++
    socket.once('close', this.#unsubscribed)
  }

  statistics(): Buffer {
    const now: Statistics = {
      uptime: (performance.now() - this.#started) / 1000,
      subscribers: this.#subscribers,
      connections: this.#connections,
      received: this.#received,
      sent: this.#sent,
    }
    let { received, sent } = now
    for (const socket of this.#open) {
      received += socket.bytesRead
      sent += socket.bytesWritten
    }
    return statisticsReply({ ...now, received, sent })
  }

  readonly #unsubscribed = (): void => {
    this.#subscribers--
  }

  #accept(socket: Socket): void {
    this.#connections++
    this.traffic.opened()
    this.#open.add(socket)
    socket.on('close', () => {
      this.#open.delete(socket)
      this.traffic.closed()
      this.#received += socket.bytesRead
      this.#sent += socket.bytesWritten
    })
    FeedConnection.serve(this, socket)
  }

  /** @param now ms since 1970 */
  #stillalive(now: number): Buffer {
    if (this.#alive.at !== now) this.#alive = { at: now, bytes: stillalive(now) }
    return this.#alive.bytes
  }
}

/** Whether anybody listens on a UNIX socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
