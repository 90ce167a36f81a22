import type { AddressInfo, Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Access } from '../../access/access.ts'
import { entranceOf } from '../../config/entrance.ts'
import type { Limits } from '../../config/types.ts'
import { type StreamOptions, streamOptions } from '../../http/stream.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { FanfareError } from '../../model/errors.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { Entrance, Entrances } from '../../net/entrance.ts'
import type { Connections } from '../../net/connections.ts'
import { pipeTo, TcpListener, urlHost, whereOf } from '../../net/listener.ts'
import { Pacer } from '../../net/paced.ts'
import type { DoorContext, Place } from '../door.ts'
import { connectionErrors } from '../reporting.ts'
import type { SparkleshareConfig } from './config.ts'
import { SparkleshareConnection } from './connection.ts'
import { NewVersionEncoder } from './encoder.ts'

/** What the connections of the sparkleshare door share. */
export class SparkleshareServer {
  config: SparkleshareConfig
  readonly limits: Limits
  readonly hub: Hub
  readonly traffic: Traffic
  readonly stream: StreamOptions
  readonly pacer: Pacer
  /** By dialect, and by what stands in front of the name. */
  readonly encoders = {
    json: { '': new NewVersionEncoder('json', ''), '/': new NewVersionEncoder('json', '/') },
    xml: { '': new NewVersionEncoder('xml', ''), '/': new NewVersionEncoder('xml', '/') },
  }
  /** ZeroMQ's connections are its own affair: what goes through them is counted. */
  readonly zeromqTraffic: Traffic
  readonly onError: OnConnectionError
  /** Notifications over TCP, and connections to ZeroMQ's commands, of peers that are not trusted. */
  refused = 0
  readonly access: Access
  /** What the doors' addresses are by default. */
  readonly #address: string
  readonly listener: TcpListener
  readonly #entrance: Entrance
  /** Of all ports. */
  readonly connections: Connections
  readonly entrances: Entrances
  readonly #context: DoorContext

  constructor(config: SparkleshareConfig, context: DoorContext) {
    this.config = config
    this.#context = context
    this.pacer = new Pacer(config.pace, (error) => context.onError(error))
    this.limits = context.config.limits
    this.hub = context.hub(config.store)
    this.traffic = context.traffic.of('sparkleshare')
    this.zeromqTraffic = context.traffic.of('zeromq')
    this.access = context.access
    this.#address = context.config.address
    this.onError = connectionErrors(context)
    const { limits, traffic } = this
    this.stream = streamOptions(limits, { wheel: context.wheel, heartbeat: undefined, traffic })
    const accept = (socket: Socket): void => SparkleshareConnection.serve(this, socket)
    this.connections = context.entrances.connections
    this.entrances = context.entrances
    this.#entrance = context.entrances.open(entranceOf(config, context.config))
    this.listener = new TcpListener(accept, this.onError, { entrance: this.#entrance })
  }

  /**
   * @param former its port is taken over when it is the same
   * @throws Error as node:net gives it
   */
  async listen(former?: TcpListener): Promise<Place> {
    const where = whereOf(this.config, this.#context.config.address)
    const bound = (await this.listener.listen(where, former, 'sparkleshare')) as AddressInfo
    const host = urlHost(bound)
    const hello = '{"repo": "hello", "command": "new_version", "revision": "c0ffee"}'
    return {
      what: 'sparkleshare',
      where: `${this.#entrance.hasTls ? 'tls' : 'tcp'}://${host}:${bound.port}`,
      example: `echo '${hello}' | ${pipeTo(host, bound.port, this.#entrance.hasTls)}`,
      address: bound.address,
    }
  }

  /**
   * Whether a peer may publish; one that may not is counted.
   * @param address as the kernel tells it
   * @param traffic of the door that it came by
   */
  trusts(address: string, traffic: Traffic): boolean {
    try {
      void this.access.mustBeTrusted(address)
      return true
    } catch (error) {
      if (!(error instanceof FanfareError)) throw error
      this.refused++
      traffic.refused++
      return false
    }
  }

  /**
   * @param context of a configuration that is to hold
   * @returns what makes it hold here; undefined: another port or store, or other sockets of ZeroMQ
   */
  update(config: SparkleshareConfig, context: DoorContext): (() => void) | undefined {
    const isThere =
      this.listener.isAt(whereOf(config, context.config.address)) &&
      isDeepStrictEqual(config.zeromq, this.config.zeromq) &&
      context.config.address === this.#address
    if (!isThere || context.hub(config.store) !== this.hub) return undefined
    const enter = this.#entrance.prepare(entranceOf(config, context.config))
    return () => {
      enter()
      this.config = config
      this.pacer.pause = config.pace
    }
  }

  drain(): Promise<void> {
    return this.listener.drain()
  }

  close(): Promise<void> {
    return this.listener.close()
  }
}
