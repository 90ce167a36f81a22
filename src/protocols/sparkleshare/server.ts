import type { Socket } from 'node:net'
import type { Trust } from '../../access/trust.ts'
import type { Limits } from '../../config/types.ts'
import type { StreamOptions } from '../../http/stream.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { FanfareError } from '../../model/errors.ts'
import { TcpListener, urlHost } from '../../net/listener.ts'
import { Pacer } from '../../net/paced.ts'
import type { DoorContext, Place } from '../door.ts'
import type { SparkleshareConfig } from './config.ts'
import { SparkleshareConnection } from './connection.ts'
import { NewVersionEncoder } from './encoder.ts'

/** What the connections of the sparkleshare door share. */
export class SparkleshareServer {
  readonly config: SparkleshareConfig
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
  readonly onError: (error: unknown) => void
  /** Notifications over TCP, and connections to ZeroMQ's commands, of peers that are not trusted. */
  refused = 0
  readonly #trust: Trust
  readonly #listener: TcpListener

  constructor(config: SparkleshareConfig, context: DoorContext) {
    this.config = config
    this.pacer = new Pacer(config.pace)
    this.limits = context.config.limits
    this.hub = context.hub(config.store)
    this.traffic = context.traffic.of('sparkleshare')
    this.zeromqTraffic = context.traffic.of('zeromq')
    this.#trust = context.trust
    this.onError = (error) => context.onError(error)
    const { idleTimeout, maxConnections } = this.limits
    const { traffic } = this
    this.stream = { wheel: context.wheel, heartbeat: undefined, idleTimeout, traffic }
    const accept = (socket: Socket): void => SparkleshareConnection.serve(this, socket)
    this.#listener = new TcpListener(accept, this.onError, maxConnections)
  }

  /** @throws Error as node:net gives it */
  async listen(address: string): Promise<Place> {
    const bound = await this.#listener.listen(this.config.port, address)
    const host = urlHost(bound)
    const hello = '{"repo": "hello", "command": "new_version", "revision": "c0ffee"}'
    return {
      what: 'sparkleshare',
      where: `tcp://${host}:${bound.port}`,
      example: `echo '${hello}' | nc -N ${host.replace(/[[\]]/g, '')} ${bound.port}`,
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
      this.#trust.mustPublish({ peer: address, header: () => undefined })
      return true
    } catch (error) {
      if (!(error instanceof FanfareError)) throw error
      this.refused++
      traffic.refused++
      return false
    }
  }

  close(): Promise<void> {
    return this.#listener.close()
  }
}
