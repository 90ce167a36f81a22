/**
 * The sparkleshare door: the notifications of SparkleShare's demonstration servers, over TCP in JSON and
 * XML, and over ZeroMQ. See docs/protocols/sparkleshare.md.
 */
import { doorOf } from '../../config/types.ts'
import type { TcpListener } from '../../net/listener.ts'
import type { Door, DoorContext, Place, Running } from '../door.ts'
import { sparkleshareConfig, sparkleshareKey, type ZeromqConfig } from './config.ts'
import { SparkleshareServer } from './server.ts'
import { curveKeyOf } from './zeromq/curve.ts'
import { startZeromq } from './zeromq/index.ts'

export const sparkleshare: Door = {
  name: 'sparkleshare',
  config: sparkleshareConfig,
  async start(context, former) {
    const config = doorOf(context.config, 'sparkleshare', sparkleshareKey)
    if (config === false) return undefined
    const server = new SparkleshareServer(config, context)
    const place = await server.listen(former?.listener)
    const running = new RunningSparkleshare(server, place)
    try {
      if (config.zeromq !== false) {
        const address = config.zeromq.address ?? config.address ?? context.config.address
        await running.openZeromq(config.zeromq, address, former)
      }
      return running
    } catch (error) {
      await running.stop()
      throw error
    }
  },
}

/** How long a port that was given up may take to be free, and how often that is tried, in ms. */
const MOST_TO_FREE = 5_000
const PAUSE = 20

/** Both parts of the door. */
class RunningSparkleshare implements Running {
  readonly #server: SparkleshareServer
  readonly #place: Place
  #zeromq: Running | undefined
  #ports: readonly number[] = []
  /** What is put off until this one's sockets are closed, and whose sockets this one waits for. */
  #then: (() => void) | undefined
  #waitsFor: RunningSparkleshare | undefined
  #stopped = false

  constructor(server: SparkleshareServer, place: Place) {
    this.#server = server
    this.#place = place
  }

  get listener(): TcpListener {
    return this.#server.listener
  }

  get places(): readonly Place[] {
    return [this.#place, ...(this.#zeromq?.places ?? [])]
  }

  /**
   * Sockets of ZeroMQ cannot be handed over: at a port that the former one holds they are opened when it has
   * let go. Clients of ZeroMQ connect again by themselves.
   */
  async openZeromq(
    config: ZeromqConfig,
    address: string,
    former: Running | undefined,
  ): Promise<void> {
    const open = async (): Promise<void> => {
      const zeromq = await startZeromq(config, this.#server, address)
      if (this.#stopped) await zeromq.stop()
      else this.#zeromq = zeromq
    }
    // Now: later nobody could be told that a configuration cannot hold.
    if (config.security === 'curve') curveKeyOf(config.curveKey)
    this.#ports = [config.broadcast, config.command].filter((port) => port !== 0)
    const holds = former instanceof RunningSparkleshare ? former : undefined
    if (!holds || !this.#ports.some((port) => holds.#ports.includes(port))) return open()
    this.#waitsFor = holds
    holds.#then = () => {
      this.#waitsFor = undefined
      this.#openSoon(open).catch(this.#server.onError)
    }
  }

  /** libzmq closes in a thread of its own: its port is free a moment later. */
  async #openSoon(open: () => Promise<void>): Promise<void> {
    const until = performance.now() + MOST_TO_FREE
    while (!this.#stopped) {
      try {
        await open()
        return
      } catch (error) {
        if (performance.now() > until) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE))
    }
  }

  update(context: DoorContext): (() => void) | undefined {
    const changed = doorOf(context.config, 'sparkleshare', sparkleshareKey)
    return changed === false ? undefined : this.#server.update(changed, context)
  }

  async drain(): Promise<void> {
    await Promise.all([this.#drainZeromq(), this.#server.drain()])
  }

  async stop(): Promise<void> {
    // It was never put in that one's place.
    if (this.#waitsFor) this.#waitsFor.#then = undefined
    await this.#closeZeromq()
    await this.#server.close()
  }

  async #drainZeromq(): Promise<void> {
    this.#stopped = true
    const zeromq = this.#zeromq
    this.#zeromq = undefined
    await zeromq?.drain?.()
    await this.#closeZeromq()
  }

  async #closeZeromq(): Promise<void> {
    this.#stopped = true
    await this.#zeromq?.stop()
    this.#zeromq = undefined
    const then = this.#then
    this.#then = undefined
    then?.()
  }
}
