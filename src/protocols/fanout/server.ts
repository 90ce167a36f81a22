import type { AddressInfo, Socket } from 'node:net'
import type { Access } from '../../access/access.ts'
import { entranceOf } from '../../config/entrance.ts'
import type { Limits } from '../../config/types.ts'
import { type StreamOptions, streamOptions } from '../../http/stream.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import type { ChannelName } from '../../model/channel.ts'
import type { Clock } from '../../model/clock.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { Entrance } from '../../net/entrance.ts'
import { pipeTo, TcpListener, urlHost, whereOf } from '../../net/listener.ts'
import { Pacer } from '../../net/paced.ts'
import type { DoorContext, Place } from '../door.ts'
import { connectionErrors } from '../reporting.ts'
import { FanoutEncoder } from './codec.ts'
import type { FanoutConfig } from './config.ts'
import { FanoutConnection } from './connection.ts'
import { infoBlock, type Statistics } from './statistics.ts'

const BUSY = 'debug!busy\n'
const NOT_TLS = Buffer.from('debug!this port speaks TLS\n')

/** What the connections of the fanout door share. */
export class FanoutServer {
  config: FanoutConfig
  readonly limits: Limits
  readonly hub: Hub
  readonly traffic: Traffic
  readonly access: Access
  readonly clock: Clock
  readonly stream: StreamOptions
  readonly pacer: Pacer
  /** By what stands in front of the name. */
  readonly encoders = { '': new FanoutEncoder(''), '/': new FanoutEncoder('/') }
  readonly onError: OnConnectionError
  readonly statistics: Statistics
  /** Announcements of peers that are not trusted. */
  refused = 0
  readonly listener: TcpListener
  readonly #entrance: Entrance
  readonly #context: DoorContext
  readonly #started = performance.now()
  /** How many connections follow each channel. */
  readonly #followed = new Map<ChannelName, number>()

  constructor(config: FanoutConfig, context: DoorContext) {
    this.config = config
    this.#context = context
    this.pacer = new Pacer(config.pace, (error) => context.onError(error))
    this.limits = context.config.limits
    this.hub = context.hub(config.store)
    this.traffic = context.traffic.of('fanout')
    this.access = context.access
    this.clock = context.clock
    this.onError = connectionErrors(context)
    const { limits, traffic } = this
    this.stream = streamOptions(limits, { wheel: context.wheel, heartbeat: undefined, traffic })
    this.#entrance = context.entrances.open(entranceOf(config, context.config), {
      notTls: NOT_TLS,
      full: (socket) => this.#refuse(socket),
    })
    this.listener = new TcpListener((socket) => this.#accept(socket), this.onError, {
      entrance: this.#entrance,
    })
    this.statistics = {
      uptime: 0,
      clientLimit: config.clientLimit ?? limits.maxConnections,
      rejected: 0,
      maxConnections: 0,
      connections: 0,
      channels: 0,
      subscriptions: 0,
      requested: 0,
      totalConnections: 0,
      announcements: 0,
      messages: 0,
      subscribes: 0,
      unsubscribes: 0,
      pings: 0,
    }
  }

  /**
   * @param former its port is taken over when it is the same
   * @throws Error as node:net gives it
   */
  async listen(former?: TcpListener): Promise<Place> {
    const where = whereOf(this.config, this.#context.config.address)
    const bound = (await this.listener.listen(where, former, 'fanout')) as AddressInfo
    const host = urlHost(bound)
    const pipe = pipeTo(host, bound.port, this.#entrance.hasTls)
    const example = `echo 'announce hello world' | ${pipe}`
    return {
      what: 'fanout',
      where: `${this.#entrance.hasTls ? 'tls' : 'tcp'}://${host}:${bound.port}`,
      example,
      address: bound.address,
    }
  }

  /**
   * @param context of a configuration that is to hold
   * @returns what makes it hold here; undefined: another port, or another store
   */
  update(config: FanoutConfig, context: DoorContext): (() => void) | undefined {
    const isThere = this.listener.isAt(whereOf(config, context.config.address))
    if (!isThere || context.hub(config.store) !== this.hub) return undefined
    const enter = this.#entrance.prepare(entranceOf(config, context.config))
    return () => {
      enter()
      this.config = config
      this.pacer.pause = config.pace
      this.statistics.clientLimit = config.clientLimit ?? this.limits.maxConnections
    }
  }

  drain(): Promise<void> {
    return this.listener.drain()
  }

  close(): Promise<void> {
    return this.listener.close()
  }

  info(): Buffer {
    this.statistics.uptime = (performance.now() - this.#started) / 1000
    this.statistics.channels = this.#followed.size
    return infoBlock(this.statistics)
  }

  /** @param automatic not asked for: every connection's subscription to `all` */
  followed(channel: ChannelName, automatic: boolean): void {
    this.#followed.set(channel, (this.#followed.get(channel) ?? 0) + 1)
    this.statistics.subscriptions++
    if (!automatic) this.statistics.requested++
  }

  left(channel: ChannelName, automatic: boolean): void {
    const others = (this.#followed.get(channel) ?? 1) - 1
    if (others === 0) this.#followed.delete(channel)
    else this.#followed.set(channel, others)
    this.statistics.subscriptions--
    if (!automatic) this.statistics.requested--
  }

  #accept(socket: Socket): void {
    const { statistics } = this
    if (statistics.connections >= statistics.clientLimit) {
      this.#refuse(socket)
      return
    }
    statistics.connections++
    statistics.totalConnections++
    statistics.maxConnections = Math.max(statistics.maxConnections, statistics.connections)
    socket.on('close', () => statistics.connections--)
    FanoutConnection.serve(this, socket)
  }

  #refuse(socket: Socket): void {
    this.statistics.rejected++
    this.traffic.refused++
    socket.end(BUSY, () => socket.destroy())
  }
}
