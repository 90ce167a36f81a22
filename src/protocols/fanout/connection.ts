import type { Socket } from 'node:net'
import { ownBytes } from '../../http/body.ts'
import { StreamConnection } from '../../http/stream.ts'
import type { ChannelName } from '../../model/channel.ts'
import { asFanfareError, FanfareError } from '../../model/errors.ts'
import type { MessageId } from '../../model/id.ts'
import { attempt, chain } from '../../model/maybe.ts'
import { Selectors } from '../../model/selector.ts'
import { contained } from '../../net/contained.ts'
import { isRequestLine, TLS_HANDSHAKE } from '../../net/foreign.ts'
import { PacedSink, PacedWriter } from '../../net/paced.ts'
import { ALL_CHANNEL, type Command, readCommand, revisionIn } from './codec.ts'
import { LineReader } from './lines.ts'
import type { FanoutServer } from './server.ts'

const GREETING = Buffer.from('debug!connected...\n')

/** One connection: lines in, announcements out, each by a write of its own. */
export class FanoutConnection {
  readonly #server: FanoutServer
  readonly #socket: Socket
  readonly #writer: PacedWriter
  readonly #reader: LineReader
  readonly #subscriptions = new Map<ChannelName, FanoutSubscription>()
  readonly #peer: string
  #heard: 'nothing' | 'bytes' | 'lines' = 'nothing'

  /** Serves a client from now on. */
  static serve(server: FanoutServer, socket: Socket): void {
    const connection = new FanoutConnection(server, socket)
    connection.#writer.answer(GREETING)
    connection.#subscribe('all', ALL_CHANNEL, true)
  }

  private constructor(server: FanoutServer, socket: Socket) {
    this.#server = server
    this.#socket = socket
    // Now: of a hook that has sent its line and is gone, the kernel soon knows no address any more.
    this.#peer = socket.remoteAddress ?? ''
    const stream = new StreamConnection(socket, server.stream)
    this.#writer = new PacedWriter(server.pacer, stream)
    stream.owedBy(this.#writer)
    this.#reader = new LineReader(server.config.maxLineBytes)
    const { onError } = server
    socket.on('data', (bytes) => contained(socket, onError, () => this.#received(bytes)))
    socket.on('close', () => contained(socket, onError, () => this.#closed()))
  }

  #received(bytes: Buffer): void {
    if (this.#heard === 'nothing' && bytes[0] === TLS_HANDSHAKE) {
      this.#socket.destroy()
      return
    }
    if (this.#heard === 'nothing') this.#heard = 'bytes'
    const { lines, tooLong } = this.#reader.add(bytes)
    for (const line of lines) {
      // Nothing of an HTTP request counts, whoever sends it.
      const foreign = this.#heard === 'bytes' && isRequestLine(line.toString('latin1'))
      this.#heard = 'lines'
      if (foreign) this.#socket.destroy()
      if (this.#socket.destroyed) return
      const command = readCommand(line)
      if (command) this.#obey(command)
    }
    if (tooLong) this.#socket.destroy()
  }

  #obey(command: Command): void {
    const { statistics, clock } = this.#server
    switch (command.kind) {
      case 'ping':
        statistics.pings++
        this.#answer(Buffer.from(`${Math.floor(clock.now() / 1000)}\n`))
        return
      case 'info':
        this.#answer(this.#server.info())
        return
      case 'subscribe':
        statistics.subscribes++
        this.#subscribe(command.name, command.channel, false)
        return
      case 'unsubscribe':
        statistics.unsubscribes++
        this.#unsubscribe(command.channel)
        return
      case 'announce':
        this.#announce(command.channel, command.message)
    }
  }

  #subscribe(name: string, channel: ChannelName, automatic: boolean): void {
    const { access, traffic, onError } = this.#server
    const selectors = Selectors.channel(channel)
    attempt(
      () => access.mustFollow(access.identifyPeer(this.#peer), selectors, false),
      () => this.#follow(name, channel, automatic),
      (error) => {
        // Nobody asked for `all`.
        if (automatic) return
        traffic.refused++
        const known = asFanfareError(error)
        if (known !== error) onError(error, this.#peer)
        this.#say(known.message)
      },
    )
  }

  #follow(name: string, channel: ChannelName, automatic: boolean): void {
    if (this.#subscriptions.has(channel) || this.#socket.destroyed) return
    const { hub, encoders, limits } = this.#server
    // `all` comes on top.
    if (this.#subscriptions.size > limits.maxSubscriptions) {
      this.#say(`one connection follows at most ${limits.maxSubscriptions} channels`)
      return
    }
    const lost = (): void => void this.#socket.destroy()
    const sink = new FanoutSubscription(this.#server, this.#writer, lost, automatic)
    this.#subscriptions.set(channel, sink)
    this.#server.followed(channel, automatic)
    const encoder = encoders[name.startsWith('/') ? '/' : '']
    sink.attach(hub.follow({ selectors: Selectors.channel(channel), encoder, sink }))
  }

  #unsubscribe(channel: ChannelName): void {
    const subscription = this.#subscriptions.get(channel)
    if (!subscription) return
    this.#subscriptions.delete(channel)
    this.#server.left(channel, subscription.automatic)
    subscription.close()
  }

  #announce(channel: ChannelName, message: Buffer): void {
    const { hub, traffic, access, statistics, onError } = this.#server
    const revision = revisionIn(message)
    attempt(
      () => {
        const attributes = revision === undefined ? undefined : { revision }
        const draft = { channel, body: ownBytes(message), attributes }
        return chain(access.mustBeTrusted(this.#peer, channel), () => hub.publish(draft, traffic))
      },
      () => {
        statistics.announcements++
      },
      (error) => {
        traffic.refused++
        if (error instanceof FanfareError && error.code === 'not_trusted') {
          this.#server.refused++
          this.#say('only trusted peers may announce')
          return
        }
        const known = asFanfareError(error)
        if (known !== error) onError(error, this.#peer)
        this.#say(known.message)
      },
    )
  }

  /** Words for people: clients pass by whatever comes on `debug`. */
  #say(words: string): void {
    this.#answer(Buffer.from(`debug!${words}\n`))
  }

  /** Answers have a bound of their own: messages have theirs in the hub. */
  #answer(bytes: Buffer): void {
    const { limits, traffic } = this.#server
    if (this.#socket.destroyed) return
    if (this.#writer.unsentAnswers > limits.maxUnsentBytes) {
      traffic.dropped.unread++
      this.#socket.destroy()
    } else this.#writer.answer(bytes)
  }

  #closed(): void {
    this.#writer.close()
    for (const channel of this.#subscriptions.keys()) this.#unsubscribe(channel)
  }
}

/** A channel that a connection follows; it counts what it is sent. */
class FanoutSubscription extends PacedSink {
  readonly automatic: boolean
  readonly #server: FanoutServer

  /** @param automatic not asked for */
  constructor(server: FanoutServer, writer: PacedWriter, lost: () => void, automatic: boolean) {
    super(writer, lost)
    this.#server = server
    this.automatic = automatic
  }

  override takes(id: MessageId): boolean {
    const wanted = super.takes(id)
    if (wanted) this.#server.statistics.messages++
    return wanted
  }
}
