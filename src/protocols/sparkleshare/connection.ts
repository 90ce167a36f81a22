import type { Socket } from 'node:net'
import { StreamConnection } from '../../http/stream.ts'
import type { ChannelName } from '../../model/channel.ts'
import { asFanfareError, FanfareError } from '../../model/errors.ts'
import type { MessageId } from '../../model/id.ts'
import { attempt, chain } from '../../model/maybe.ts'
import { Selectors } from '../../model/selector.ts'
import { contained } from '../../net/contained.ts'
import { PacedSink, PacedWriter } from '../../net/paced.ts'
import type { WheelItem } from '../../net/wheel.ts'
import { draftOf, type Packet, readPacket } from './packet.ts'
import type { SparkleshareServer } from './server.ts'
import { ObjectSplitter } from './splitter.ts'

/** One connection: objects in, notifications out, each by a write of its own. */
export class SparkleshareConnection implements WheelItem {
  wheelBucket = -1
  wheelIndex = -1
  readonly #server: SparkleshareServer
  readonly #socket: Socket
  readonly #peer: string
  readonly #writer: PacedWriter
  readonly #splitter: ObjectSplitter
  readonly #registrations = new Map<ChannelName, Registration>()
  /** On the wheel's clock, in ms. */
  readonly #since: number

  /** Serves a client from now on. */
  static serve(server: SparkleshareServer, socket: Socket): void {
    const connection = new SparkleshareConnection(server, socket)
    const { onError } = server
    // Until it has said what it is here for.
    server.stream.wheel.add(connection)
    socket.on('data', (bytes) => contained(socket, onError, () => connection.#received(bytes)))
    socket.on('close', () => contained(socket, onError, () => connection.#closed()))
  }

  private constructor(server: SparkleshareServer, socket: Socket) {
    this.#server = server
    this.#socket = socket
    // Now: of a client that has sent its word and is gone, the kernel soon knows no address any more.
    this.#peer = socket.remoteAddress ?? ''
    this.#since = server.stream.wheel.now
    const stream = new StreamConnection(socket, server.stream)
    this.#writer = new PacedWriter(server.pacer, stream)
    stream.owedBy(this.#writer)
    this.#splitter = new ObjectSplitter(server.config.maxObjectBytes)
  }

  tick(now: number): void {
    if (now - this.#since >= this.#server.limits.handshakeTimeout) this.#socket.destroy()
  }

  #received(bytes: Buffer): void {
    const { found, end } = this.#splitter.add(bytes)
    for (const object of found) {
      const packet = readPacket(object)
      if (packet) this.#obey(packet)
    }
    if (end !== undefined) this.#socket.destroy()
  }

  #obey(packet: Packet): void {
    this.#server.stream.wheel.remove(this)
    if (packet.command === 'register') this.#register(packet)
    else if (packet.command === 'unregister') this.#unregister(packet.channel)
    else this.#publish(packet)
  }

  #register({ channel, repo, dialect }: Packet): void {
    const { access, hub, encoders, limits, traffic, onError } = this.#server
    const selectors = Selectors.channel(channel)
    const register = (): void => {
      const known = this.#registrations
      if (this.#socket.destroyed || known.has(channel) || known.size >= limits.maxSubscriptions)
        return
      const sink = new Registration(this.#writer, () => void this.#socket.destroy())
      known.set(channel, sink)
      const encoder = encoders[dialect][repo.startsWith('/') ? '/' : '']
      sink.attach(hub.follow({ selectors, encoder, sink }))
    }
    // There is no answer to this either.
    attempt(
      () => access.mustFollow(access.identifyPeer(this.#peer), selectors, false),
      register,
      (error) => {
        traffic.refused++
        if (asFanfareError(error) !== error) onError(error, this.#peer)
      },
    )
  }

  #unregister(channel: ChannelName): void {
    this.#registrations.get(channel)?.close()
    this.#registrations.delete(channel)
  }

  /** There is no answer to this: what is refused is counted, and what goes wrong is for the server's log. */
  #publish(packet: Packet): void {
    const { access, hub, traffic, onError } = this.#server
    if (!this.#server.trusts(this.#peer, traffic)) return
    // A store that has to wait may announce a message before it answers which one that is.
    this.#writer.hold()
    attempt(
      () => {
        const draft = draftOf(packet)
        const allowed = access.mustPublish(access.identifyPeer(this.#peer), draft.channel)
        return chain(allowed, () => hub.publish(draft, traffic))
      },
      ({ id }) => {
        this.#registrations.get(packet.channel)?.isOwn(id)
        this.#writer.release()
      },
      (error) => {
        this.#writer.release()
        if (error instanceof FanfareError && error.status < 500) traffic.refused++
        else onError(error, this.#peer)
      },
    )
  }

  #closed(): void {
    this.#server.stream.wheel.remove(this)
    this.#writer.close()
    for (const registration of this.#registrations.values()) registration.close()
    this.#registrations.clear()
  }
}

/** Of its own notifications a connection remembers this many until they would be due. */
const MAX_OWN = 65_536

/** A repository that a connection has registered for: it is told of all but what it published itself. */
class Registration extends PacedSink {
  readonly #own = new Set<MessageId>()

  /** This message came from the same connection. */
  isOwn(id: MessageId): void {
    this.#own.add(id)
    if (this.#own.size <= MAX_OWN) return
    for (const oldest of this.#own) {
      this.#own.delete(oldest)
      return
    }
  }

  override takes(id: MessageId): boolean {
    return !this.#own.delete(id) && super.takes(id)
  }
}
