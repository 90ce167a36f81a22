import { connect, type Socket } from 'node:net'
import { unlink } from 'node:fs/promises'
import type { Access } from '../../access/access.ts'
import { entranceOf } from '../../config/entrance.ts'
import type { Limits } from '../../config/types.ts'
import type { StreamOptions } from '../../http/stream.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { Entrance } from '../../net/entrance.ts'
import { TcpListener, urlHost, type Where } from '../../net/listener.ts'
import { Wheel, type WheelItem } from '../../net/wheel.ts'
import type { DoorContext, Place } from '../door.ts'
import { connectionErrors } from '../reporting.ts'
import { FeedEncoder, LAST_CHUNK, stillalive } from './codec.ts'
import type { FeedConfig } from './config.ts'
import { FeedConnection } from './connection.ts'
import { NOT_TLS } from './refusal.ts'
import { type Statistics, statisticsReply } from './statistics.ts'

/** How often connections are looked at when there is no stillalive, in ms. */
const REVOLUTION = 5_000

/** What the connections of the feed share. */
export class FeedServer {
  config: FeedConfig
  readonly limits: Limits
  readonly hub: Hub
  readonly access: Access
  readonly traffic: Traffic
  readonly encoder = new FeedEncoder()
  readonly wheel: Wheel
  readonly stream: StreamOptions
  readonly onError: OnConnectionError
  readonly listener: TcpListener
  readonly #entrance: Entrance
  readonly #context: DoorContext
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
    this.#context = context
    this.limits = context.config.limits
    this.hub = context.hub(config.store)
    this.access = context.access
    this.traffic = context.traffic.of('feed')
    this.onError = connectionErrors(context)
    this.wheel = new Wheel(config.stillalive || REVOLUTION, undefined, this.onError)
    this.stream = {
      wheel: this.wheel,
      farewell: LAST_CHUNK,
      // As it is now, for streams that are open, too.
      get idleTimeout() {
        return context.config.limits.idleTimeout
      },
      heartbeat: ({ subscription }) => {
        if (this.config.stillalive === 0) return undefined
        // Its time may be asked for: whoever has not got all that was before it must not hear it.
        if (subscription && !subscription.isCurrent) return undefined
        return this.#stillalive(context.clock.now())
      },
    }
    this.#entrance = context.entrances.open(entranceOf(config, context.config), {
      notTls: NOT_TLS.bytes,
      protocols: ['http/1.1'],
    })
    this.listener = new TcpListener((socket) => this.#accept(socket), this.onError, {
      entrance: this.#entrance,
      allowHalfOpen: true,
      keepAlive: 0,
    })
  }

  /** Whether it listens on a UNIX socket. */
  get local(): boolean {
    return typeof this.config.port === 'string'
  }

  /**
   * @param former its port is taken over when it is the same
   * @throws Error as node:net gives it
   */
  async listen(former?: TcpListener): Promise<Place> {
    const where = whereOf(this.config, this.#context)
    const { listener } = this
    if ('path' in where) {
      const { path } = where
      await listener.listen(where, former).catch(async (error: NodeJS.ErrnoException) => {
        // What a server that was killed has left behind.
        if (error.code !== 'EADDRINUSE' || (await answers(path))) throw error
        await unlink(path)
        await listener.listen(where)
      })
      this.wheel.start()
      return {
        what: 'feed',
        where: path,
        example: `curl -N --unix-socket ${path} http://localhost/json`,
      }
    }
    const bound = await listener.listen(where, former, 'feed')
    if (!bound) throw new Error('the feed listens to nothing')
    this.wheel.start()
    const scheme = this.#entrance.hasTls ? 'https' : 'http'
    const url = `${scheme}://${urlHost(bound)}:${bound.port}`
    return { what: 'feed', where: url, example: `curl -N ${url}/json`, address: bound.address }
  }

  /**
   * @param context of a configuration that is to hold
   * @returns what makes it hold here; undefined: another port, or another store
   */
  update(config: FeedConfig, context: DoorContext): (() => void) | undefined {
    const isThere = this.listener.isAt(whereOf(config, context))
    if (!isThere || context.hub(config.store) !== this.hub) return undefined
    const enter = this.#entrance.prepare(entranceOf(config, context.config))
    return () => {
      enter()
      this.config = config
      this.wheel.interval = config.stillalive || REVOLUTION
    }
  }

  /** All connections. */
  leavers(): readonly WheelItem[] {
    return this.wheel.items()
  }

  async drain(): Promise<void> {
    await this.listener.drain()
    this.wheel.stop()
  }

  async close(): Promise<void> {
    this.wheel.stop()
    await this.listener.close()
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

function whereOf({ port, address }: FeedConfig, context: DoorContext): Where {
  if (typeof port === 'string') return { path: port }
  return { port, address: address ?? context.config.address }
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
