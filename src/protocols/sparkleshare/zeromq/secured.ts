/** Both sockets with PLAIN or CURVE: whoever connects says who it is, and may do what that one may. */
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Context, Router } from 'zeromq'
import { NOTHING } from '../../../access/access.ts'
import { MAX_CHANNEL_BYTES } from '../../../model/channel.ts'
import { TcpListener } from '../../../net/listener.ts'
import type { Place, Running } from '../../door.ts'
import type { ZeromqConfig } from '../config.ts'
import type { SparkleshareServer } from '../server.ts'
import { ZAP_ENDPOINT } from './commands.ts'
import { curveKeyOf } from './curve.ts'
import type { Mechanism } from './greeting.ts'
import type { Zeromq } from './library.ts'
import { Commands, type Known, Notified, type Part } from './parts.ts'
import { Peer, type PeerOptions } from './peer.ts'
import { placeOf } from './place.ts'
import { answerZap } from './zap.ts'

/** How long what is under way has when the sockets are to be closed, in ms. */
const LINGER = 500

/** Sockets of libzmq that are closed, and not yet gone, beside those of peers. */
const SPARE = 64

/**
 * @param address '' = all interfaces
 * @throws Error as node:net gives it, when a port cannot be listened on; CurveKeyError
 */
export async function startSecured(
  zeromq: Zeromq,
  config: ZeromqConfig,
  server: SparkleshareServer,
  address: string,
): Promise<Running> {
  const secured = new Secured(zeromq, config, server)
  try {
    await secured.listen(address)
    return secured
  } catch (error) {
    await secured.stop()
    throw error
  }
}

/** Options of all sockets of peers. */
interface Shared {
  readonly context: Context
  readonly linger: number
  readonly handshakeInterval: number
  readonly zapEnforceDomain: boolean
  readonly plainServer?: boolean
  readonly curveServer?: boolean
  readonly curveSecretKey?: string
}

type Opened = Awaited<ReturnType<PeerOptions['open']>>

class Secured implements Running {
  places: readonly Place[] = []
  readonly #config: ZeromqConfig
  readonly #server: SparkleshareServer
  readonly #gate: Router
  readonly #mechanism: Mechanism
  /** What all sockets of peers are made with. */
  readonly #shared: Shared
  /** Where peers are asked for the public key. */
  readonly #publicKey: string | undefined
  readonly #broadcast: TcpListener
  readonly #command: TcpListener
  readonly #peers = new Map<string, Peer>()
  /** Where libzmq's UNIX sockets are, for nobody but this process. */
  #folder: Promise<string> | undefined
  #count = 0
  /** One socket is opened after the other: that takes a while, and others are to have their turns. */
  #last: Promise<void> = Promise.resolve()
  #stopped = false

  /** @throws CurveKeyError */
  constructor(zeromq: Zeromq, config: ZeromqConfig, server: SparkleshareServer) {
    this.#config = config
    this.#server = server
    const curve = config.security === 'curve' ? curveKeyOf(config.curveKey) : undefined
    this.#publicKey = curve?.public
    this.#mechanism = curve ? 'CURVE' : 'PLAIN'
    // One of its own: the gate is for all sockets of a context.
    const context = new zeromq.Context({ blocky: false, maxSockets: 2 * config.maxPeers + SPARE })
    this.#gate = new zeromq.Router({ context, linger: 0 })
    this.#shared = {
      context,
      linger: 0,
      handshakeInterval: server.limits.handshakeTimeout,
      // Without an answer from the gate nobody is let in.
      zapEnforceDomain: true,
      ...(curve ? { curveServer: true, curveSecretKey: curve.secret } : { plainServer: true }),
    }
    this.#broadcast = this.#listener((domain, known) => {
      const socket = new zeromq.XPublisher({
        ...this.#shared,
        zapDomain: domain,
        noDrop: true,
        sendHighWaterMark: config.sendHighWaterMark,
        // Says at once that a queue is full.
        sendTimeout: 0,
        // What peers send here are subscriptions: a byte, and the beginning of a name with its slash.
        maxMessageSize: MAX_CHANNEL_BYTES + 2,
      })
      return new Notified(socket, server, known)
    })
    this.#command = this.#listener((domain, known) => {
      const socket = new zeromq.Pull({
        ...this.#shared,
        zapDomain: domain,
        receiveHighWaterMark: config.receiveHighWaterMark,
        maxMessageSize: server.config.maxObjectBytes,
      })
      return new Commands(socket, server, known)
    })
  }

  async listen(address: string): Promise<void> {
    const { onError } = this.#server
    await this.#gate.bind(ZAP_ENDPOINT)
    answerZap(
      this.#gate,
      (domain, credentials) => this.#peers.get(domain)?.judge(credentials) ?? '400',
      onError,
    ).catch(onError)
    const { broadcast, command } = this.#config
    const listened = [
      { what: 'zmq notify', at: await this.#broadcast.listen({ port: broadcast, address }) },
      { what: 'zmq command', at: await this.#command.listen({ port: command, address }) },
    ]
    const key = this.#publicKey
    this.places = [
      ...listened.map(({ what, at }) => placeOf(what, address, (at as AddressInfo).port)),
      ...(key === undefined ? [] : [{ what: 'zmq key', where: key }]),
    ]
  }

  async drain(): Promise<void> {
    const drained = Promise.all([this.#broadcast.drain(), this.#command.drain()])
    await Promise.all([...this.#peers.values()].map((peer) => peer.finish()))
    await Promise.race([drained, setTimeout(LINGER, undefined, { ref: false })])
    await this.stop()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const peer of this.#peers.values()) peer.close()
    await Promise.all([this.#broadcast.close(), this.#command.close()])
    this.#gate.close()
    const folder = this.#folder
    this.#folder = undefined
    if (folder) await rm(await folder, { recursive: true, force: true })
  }

  #listener(make: (domain: string, known: Known) => Part): TcpListener {
    const { entrances, onError } = this.#server
    const options: PeerOptions = {
      server: this.#server,
      mechanism: this.#mechanism,
      open: (domain, known) => {
        const opened = this.#last.then(() => this.#open(make, domain, known))
        this.#last = opened.then(NOTHING, NOTHING)
        return opened
      },
      closed: ({ domain }) => this.#peers.delete(domain),
    }
    const accept = (client: Socket): void => {
      if (this.#peers.size >= this.#config.maxPeers) {
        entrances.connections.refused++
        client.destroy()
        return
      }
      const domain = String(++this.#count)
      this.#peers.set(domain, new Peer(domain, client, options))
    }
    const entrance = entrances.open({ tls: false, proxyProtocol: false })
    return new TcpListener(accept, onError, { entrance })
  }

  async #open(
    make: (domain: string, known: Known) => Part,
    domain: string,
    known: Known,
  ): Promise<Opened> {
    if (!known.isHere) return undefined
    const bind = async (): Promise<Opened> => {
      this.#folder ??= mkdtemp(join(tmpdir(), 'fanfare-zmq-'))
      const path = join(await this.#folder, domain)
      const part = make(domain, known)
      try {
        await part.socket.bind(`ipc://${path}`)
        return { part, path }
      } catch (error) {
        part.close()
        throw error
      }
    }
    const folder = this.#folder
    try {
      return await bind()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || this.#stopped) throw error
      // Somebody tidies up the folder of temporary files. Nobody else's is taken in its place.
      if (this.#folder === folder) this.#folder = undefined
      return bind()
    }
  }
}
