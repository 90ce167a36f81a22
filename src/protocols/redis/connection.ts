import type { Socket } from 'node:net'
import type { Caller } from '../../access/caller.ts'
import type { ChannelName } from '../../model/channel.ts'
import type { FanfareError } from '../../model/errors.ts'
import { chain, type MaybePromise } from '../../model/maybe.ts'
import { Progress } from '../../net/progress.ts'
import { own, type SocketOwner } from '../../net/owned-socket.ts'
import { isLent } from '../../net/straight-read.ts'
import type { WheelItem } from '../../net/wheel.ts'
import type { Command, Reply } from './command.ts'
import { errorText, RedisError } from './errors.ts'
import { Identity } from './identity.ts'
import { Output } from './output.ts'
import { ProtocolError, RespParser } from './parser.ts'
import type { RedisServer } from './server.ts'
import { Subscriptions } from './subscriptions.ts'
import type { ReplyWriter, Resp } from './writer.ts'

/** Replies are written when all commands at hand are through, or when they are this many bytes. */
const MOST_COLLECTED = 64 * 2 ** 10
/** What waits unread behind a command that waits; beyond it, the socket is not read. */
const MOST_WAITING = 64 * 2 ** 10
/** Appends of one connection that wait for the store at once. */
const MOST_APPENDS = 1_024

/** Of connections that have nothing of the kind, which are most. */
const NO_SLOTS: Slot[] = []
const NO_CHUNKS: Buffer[] = []
const NO_LIBRARY = { name: '', version: '' }

/** A reply's place in the order of commands. */
interface Slot {
  reply: Reply | undefined
}

/** Something that a command waits for. */
export interface Waiting {
  /** Nobody waits any more. */
  cancel(): void
}

/** One client: its commands in, replies and messages out, in one order. */
export class RedisConnection extends Output implements WheelItem, SocketOwner {
  wheelBucket = -1
  wheelIndex = -1
  readonly id: number
  /** ms, on the wheel's clock. */
  readonly since: number
  readonly peer: string
  readonly identity: Identity
  name = ''
  library = NO_LIBRARY
  replies: 'on' | 'off' | 'skip' = 'on'
  lastCommand = ''
  /** ms, on the wheel's clock. */
  lastActive: number
  /** What a command of this connection waits for. */
  waiting: Waiting | undefined
  #resp: Resp = 2
  #subscriptions: Subscriptions | undefined
  readonly #parser: RespParser
  readonly #progress: Progress
  /** Came while a command had to be waited for. */
  #chunks = NO_CHUNKS
  #chunkBytes = 0
  /** The parser has a command that was not done yet. */
  #held = false
  #slots = NO_SLOTS
  /** A command waits, and all behind it. */
  #waits = false
  #ended = false
  #closing = false
  #leaving = false
  /** Since when the rest of a command is missing, on the wheel's clock. */
  #incomplete: number | undefined

  constructor(server: RedisServer, socket: Socket, id: number) {
    super(server, socket)
    this.id = id
    this.since = server.wheel.now
    this.lastActive = this.since
    this.peer = socket.remoteAddress ?? ''
    this.identity = new Identity(server, this.peer)
    this.#parser = new RespParser(server.parserLimits)
    this.#parser.guarded = server.guarded
    this.#progress = new Progress(this.since)
    own(socket, this)
    server.wheel.add(this)
  }

  get resp(): Resp {
    return this.#resp
  }

  speak(resp: Resp): void {
    this.#resp = resp
    this.#subscriptions?.speak(resp)
    this.server.out.resp = resp
  }

  get subscriptions(): Subscriptions {
    if (!this.#subscriptions) {
      this.#subscriptions = new Subscriptions(this.server, this)
      this.#subscriptions.speak(this.#resp)
    }
    return this.#subscriptions
  }

  /** How many it has, without making room for any. */
  get subscribed(): number {
    return this.#subscriptions?.total ?? 0
  }

  /** Bytes of commands that were not done yet. */
  get unread(): number {
    return this.#parser.waiting + this.#chunkBytes
  }

  /**
   * It has said who it is: its bounds fall.
   * @param caller undefined: that is no more than is known by its address
   * @throws FanfareError where that one may not follow what this connection does; nothing has changed then
   */
  authenticate(caller: Caller | undefined): MaybePromise<void> {
    const followed = this.subscribed > 0 ? this.subscriptions.selectors : undefined
    const become = this.identity.become(caller, followed, (reason) => this.#expire(reason))
    return chain(become, () => {
      this.#parser.guarded = false
    })
  }

  /** What it has said is no longer good. */
  #expire({ message }: FanfareError): void {
    this.#closing = true
    this.end(`-NOAUTH ${message}\r\n`)
  }

  /** @throws FanfareError why it may not */
  mustPublish(channel: ChannelName, messages = 1): MaybePromise<void> {
    return this.identity.mustPublish(channel, messages)
  }

  /**
   * @param history whether it reads what was published before
   * @throws FanfareError why it may not
   */
  mustFollow(
    channels: readonly ChannelName[],
    history: boolean,
    patterns: readonly string[] = [],
  ): MaybePromise<void> {
    return this.identity.mustFollow(channels, history, patterns)
  }

  /** As if it had just connected (RESET). */
  reset(): void {
    this.#subscriptions?.close()
    this.#subscriptions = undefined
    this.speak(2)
    this.name = ''
    this.replies = 'on'
    this.identity.forget()
    this.identity.authenticated = !this.server.guarded
    this.#parser.guarded = this.server.guarded
  }

  /** Ends it behind the reply at hand. */
  closeAfterReply(): void {
    this.#closing = true
  }

  /** Closes it once the commands at hand are answered; one that only waits is not. */
  leave(): void {
    this.#leaving = true
    if (this.waiting || this.#isDone) this.end()
  }

  broken(): void {
    this.socket.destroy()
  }

  /** Whether all that was asked is answered. */
  get #isDone(): boolean {
    return !this.#stopped && this.#slots.length === 0
  }

  tick(now: number): void {
    const { handshakeTimeout, idleTimeout, requestTimeout } = this.server.limits
    const stalled = this.#progress.stalledFor(this.socket, now)
    if (idleTimeout > 0 && stalled >= idleTimeout) {
      this.server.counted.dropped.stalled++
      this.socket.destroy()
    } else if (this.#closing && this.unsent === 0) this.socket.destroy()
    else if (this.#incomplete !== undefined && now - this.#incomplete >= requestTimeout) {
      this.socket.destroy()
    } else if (this.#isStranger && now - this.since >= handshakeTimeout) this.socket.destroy()
  }

  /** Has not said yet what it is here for. Trusted peers, whose programs connect ahead, may be silent. */
  get #isStranger(): boolean {
    if (this.lastCommand !== '' && this.identity.authenticated) return false
    return !this.server.access.trusts(this.peer)
  }

  /** What was thrown here closes this connection, and no other. */
  failed(error: unknown): void {
    this.running = false
    this.server.out.truncate(0)
    this.socket.destroy()
    this.server.onError(error, this.peer)
  }

  // --- the socket's side ---

  /** @param bytes lent until it returns */
  received(bytes: Buffer): void {
    if (this.#closing) return
    if (this.#stopped) {
      if (this.#chunks === NO_CHUNKS) this.#chunks = []
      this.#chunks.push(isLent(bytes) ? Buffer.from(bytes) : bytes)
      this.#chunkBytes += bytes.length
      if (this.#chunkBytes > MOST_WAITING) this.socket.pause()
      return
    }
    this.lastActive = this.server.wheel.now
    this.#parser.push(bytes)
    this.#run()
    if (isLent(bytes)) this.#parser.keep(this.#held || this.#slots.length > 0)
  }

  clientEnded(): void {
    this.#ended = true
    // Nobody reads what it would wait for.
    if (this.waiting) this.socket.destroy()
    else if (this.#isDone) this.end()
  }

  drained(): void {
    if (!this.full) return
    this.full = false
    this.#run()
  }

  closed(): void {
    this.#closing = true
    this.identity.forget()
    this.server.wheel.remove(this)
    this.server.left(this)
    this.#subscriptions?.close()
    this.#chunks = NO_CHUNKS
    this.waiting?.cancel()
    this.waiting = undefined
  }

  /** Whether no further command may be done now. */
  get #stopped(): boolean {
    return this.#waits || this.full || this.#held
  }

  /** Does what can be done, and writes all replies at once. */
  #run(): void {
    if (this.socket.destroyed) return
    const { out } = this.server
    this.running = true
    out.resp = this.#resp
    try {
      this.#writeReady(out)
      if (this.#held) {
        this.#held = false
        this.#do(out)
      }
      this.#work(out)
      this.#subscriptions?.settle()
    } catch (error) {
      this.server.counted.refused++
      if (error instanceof ProtocolError) out.error(`ERR Protocol error: ${error.message}`)
      else this.server.onError(error, this.socket.remoteAddress)
      this.#closing = true
    }
    this.flush()
    this.running = false
    // What stands behind a command that waits is not what its client is slow with.
    const partial = !this.#stopped && this.#parser.waiting > 0
    this.#incomplete = partial ? (this.#incomplete ?? this.lastActive) : undefined
    if (this.#closing || ((this.#ended || this.#leaving) && this.#isDone)) {
      this.end()
    }
    if (this.socket.isPaused() && (this.#closing || this.#chunkBytes <= MOST_WAITING)) {
      this.socket.resume()
    }
  }

  #work(out: ReplyWriter): void {
    for (;;) {
      while (!this.#stopped && !this.#closing && this.#parser.next()) {
        this.#incomplete = undefined
        this.#do(out)
        if (out.length > MOST_COLLECTED) this.flush()
      }
      if (this.#stopped || this.#closing) return
      const chunk = this.#chunks.shift()
      if (!chunk) return
      this.#chunkBytes -= chunk.length
      this.#parser.push(chunk)
    }
  }

  /** Does the command that the parser has read, or holds it until what is before it is through. */
  #do(out: ReplyWriter): void {
    const args = this.#parser
    const mark = out.length
    const { replies } = this
    let command: Command | undefined
    try {
      if (args.inline) this.#mustNotBeHttp()
      if (this.#closing) return
      command = this.server.table.find(args)
      if (this.#slots.length > 0 && !this.#mayOverlap(command)) {
        this.#hold()
        return
      }
      this.#admit(command)
      this.lastCommand = command.name
      this.server.commands++
      if (!command.subscribes) this.#subscriptions?.settle()
      const later = command.run?.(this, args, out)
      if (later) this.#later(command, later)
    } catch (error) {
      if (this.#slots.length > 0 && !command) {
        this.#hold()
        return
      }
      out.truncate(Math.min(mark, out.length))
      const refused = (writer: ReplyWriter): void => this.#writeError(writer, error)
      if (this.#slots.length > 0) this.#await({ reply: this.#wanted(refused) })
      else refused(out)
    }
    const silent = replies === 'skip' || (replies === 'off' && this.replies === 'off')
    // Messages and what SUBSCRIBE is answered are no replies in this sense, as in Redis.
    if (silent && !command?.subscribes) out.truncate(Math.min(mark, out.length))
    if (replies === 'skip' && this.replies === 'skip') this.replies = 'on'
  }

  #hold(): void {
    this.#held = true
    this.#parser.hold()
  }

  #mayOverlap(command: Command): boolean {
    return command.appends === true && !this.#waits && this.#slots.length < MOST_APPENDS
  }

  /** @throws RedisError when this connection may not do that, now or at all */
  #admit(command: Command): void {
    this.identity.mustBeAllowed(command)
    if (this.#resp === 2 && !command.subscribed && this.subscribed > 0) {
      throw new RedisError(
        `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / ` +
          'QUIT / RESET are allowed in this context',
      )
    }
  }

  /** Whoever speaks HTTP here was sent by a web page: what follows would be its commands. */
  #mustNotBeHttp(): void {
    const args = this.#parser
    const word = args.lower(0)
    const version = args.count === 3 && /^HTTP\/\d/.test(args.text(2))
    if (word !== 'post' && word !== 'host:' && !version) return
    this.#closing = true
    this.socket.destroy()
  }

  #later(command: Command, promise: Promise<Reply>): void {
    const slot: Slot = { reply: undefined }
    this.#await(slot)
    if (!command.appends) this.#waits = true
    // As for what is there at once.
    const isWanted = this.replies === 'on' || command.subscribes === true
    const settled = (reply: Reply): void => {
      slot.reply = isWanted ? reply : unheard(reply)
      this.#run()
    }
    promise.then(settled, (error: unknown) => settled((out) => this.#writeError(out, error)))
  }

  #await(slot: Slot): void {
    if (this.#slots === NO_SLOTS) this.#slots = []
    this.#slots.push(slot)
  }

  #wanted(reply: Reply): Reply {
    return this.replies === 'on' ? reply : silence
  }

  /** Writes what was waited for, as far as all before it is there. */
  #writeReady(out: ReplyWriter): void {
    let ready = 0
    for (; ready < this.#slots.length; ready++) {
      const { reply } = this.#slots[ready] as Slot
      if (!reply) break
      reply(out)
      if (out.length > MOST_COLLECTED) this.flush()
    }
    if (ready > 0) this.#slots.splice(0, ready)
    if (this.#slots.length === 0) this.#waits = false
  }

  #writeError(out: ReplyWriter, error: unknown): void {
    this.server.counted.refused++
    const text = errorText(error)
    if (text === undefined) this.server.onError(error, this.socket.remoteAddress)
    out.error(text ?? 'ERR The server failed to do this; its log says why.')
  }
}

function silence(): void {}

/** Does what comes with a reply, such as to subscribe, and takes back its words. */
function unheard(reply: Reply): Reply {
  return (out) => {
    const mark = out.length
    reply(out)
    out.truncate(mark)
  }
}
