import type { Socket } from 'node:net'
import { NOTHING as NO_END } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import type { EndReason, Sink } from '../../hub/contract.ts'
import type { ChannelName } from '../../model/channel.ts'
import type { FanfareError } from '../../model/errors.ts'
import type { MaybePromise } from '../../model/maybe.ts'
import { Selectors } from '../../model/selector.ts'
import { contained } from '../../net/contained.ts'
import { Progress } from '../../net/progress.ts'
import { type Handle, unsentOf, writeOn, writeTo } from '../../net/straight.ts'
import { isLent, readTo } from '../../net/straight-read.ts'
import type { WheelItem } from '../../net/wheel.ts'
import type { Command, Reply } from './command.ts'
import { errorText, RedisError } from './errors.ts'
import { ProtocolError, RespParser } from './parser.ts'
import type { RedisServer } from './server.ts'
import { Subscriptions } from './subscriptions.ts'
import type { ReplyWriter, Resp } from './writer.ts'

/** Replies are written when all commands at hand are through, or when they are this many bytes. */
const MOST_COLLECTED = 64 * 2 ** 10
/** Replies up to here are written straight to the socket's handle. */
const MOST_STRAIGHT = 16 * 2 ** 10
/** What waits unread behind a command that waits; beyond it, the socket is not read. */
const MOST_WAITING = 64 * 2 ** 10
/** Appends of one connection that wait for the store at once. */
const MOST_APPENDS = 1_024

const NOTHING = Buffer.alloc(0)
const NO_AUTH = new RedisError('NOAUTH Authentication required.')

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
export class RedisConnection implements Sink, WheelItem {
  wheelBucket = -1
  wheelIndex = -1
  readonly id: number
  readonly server: RedisServer
  readonly socket: Socket
  /** ms, on the wheel's clock. */
  readonly since: number
  readonly peer: string
  /** Has said the password, or none is asked for. */
  authenticated: boolean
  name = ''
  library = { name: '', version: '' }
  replies: 'on' | 'off' | 'skip' = 'on'
  lastCommand = ''
  /** ms, on the wheel's clock. */
  lastActive: number
  /** What a command of this connection waits for. */
  waiting: Waiting | undefined
  /** Who it is by what it has said; undefined: by its address. */
  #known: Caller | undefined
  /** Who it is by its address, under which version of what holds. */
  #byAddress: Caller
  #version: number
  #unwatch: () => void = NO_END
  #resp: Resp = 2
  /** While nothing that was written is unsent, and nothing was written by the stream. */
  #handle: Handle | undefined
  #subscriptions: Subscriptions | undefined
  readonly #parser: RespParser
  readonly #progress: Progress
  /** Came while a command had to be waited for. */
  #chunks: Buffer[] = []
  #chunkBytes = 0
  /** The parser has a command that was not done yet. */
  #held = false
  #slots: Slot[] = []
  /** A command waits, and all behind it. */
  #waits = false
  /** Too many replies are unsent. */
  #full = false
  #running = false
  #ended = false
  #closing = false
  #leaving = false
  /** Since when the rest of a command is missing, on the wheel's clock. */
  #incomplete: number | undefined

  constructor(server: RedisServer, socket: Socket, id: number) {
    this.server = server
    this.socket = socket
    this.id = id
    this.since = server.wheel.now
    this.lastActive = this.since
    this.peer = socket.remoteAddress ?? ''
    this.#byAddress = server.access.identifyPeer(this.peer)
    this.#version = server.access.version
    this.authenticated = !server.guarded
    this.#parser = new RespParser(server.parserLimits)
    this.#parser.guarded = server.guarded
    this.#progress = new Progress(this.since)
    readTo(socket, (bytes) => {
      try {
        this.#onData(bytes)
      } catch (error) {
        this.#failed(error)
      }
    })
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => contained(socket, server.onError, () => this.#onDrain()))
    socket.on('error', ignore)
    socket.on('close', () => this.#onClose())
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
   */
  authenticate(caller: Caller | undefined): void {
    this.authenticated = true
    this.#parser.guarded = false
    this.#is(caller)
  }

  #is(caller: Caller | undefined): void {
    this.#unwatch()
    this.#known = caller
    this.#unwatch = caller
      ? this.server.access.watch(caller, (reason) => this.#expire(reason))
      : NO_END
  }

  /** What it has said is no longer good. */
  #expire({ message }: FanfareError): void {
    this.#closing = true
    this.#handle = undefined
    if (!this.socket.writableEnded) this.socket.end(`-NOAUTH ${message}\r\n`)
  }

  /** Who asks. */
  get caller(): Caller {
    if (this.#known) return this.#known
    const { access } = this.server
    if (this.#version !== access.version) {
      this.#byAddress = access.identifyPeer(this.peer)
      this.#version = access.version
    }
    return this.#byAddress
  }

  /** @throws FanfareError why it may not */
  mustPublish(channel: ChannelName, messages = 1): MaybePromise<void> {
    return this.server.access.mustPublish(this.caller, channel, messages)
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
    const { access } = this.server
    const { caller } = this
    if (access.mayFollowAll(caller)) return undefined
    return access.mustFollow(caller, new Selectors(channels, [], patterns), history)
  }

  /** Whether it is told that there is such a channel. */
  sees(channel: ChannelName): boolean {
    const { grants, user } = this.caller
    return grants.subscribe.isEverything || grants.subscribe.allow(channel, user)
  }

  /** As if it had just connected (RESET). */
  reset(): void {
    this.#subscriptions?.close()
    this.#subscriptions = undefined
    this.speak(2)
    this.name = ''
    this.replies = 'on'
    this.#is(undefined)
    this.authenticated = !this.server.guarded
    this.#parser.guarded = this.server.guarded
  }

  /** Ends it behind the reply at hand. */
  closeAfterReply(): void {
    this.#closing = true
  }

  /** Closes it once the commands at hand are answered; one that only waits is not. */
  leave(): void {
    this.#leaving = true
    if (this.waiting || this.#isDone) this.#end()
  }

  broken(): void {
    this.socket.destroy()
  }

  /** Whether all that was asked is answered. */
  get #isDone(): boolean {
    return !this.#stopped && this.#slots.length === 0
  }

  // --- the hub's side ---

  get unsent(): number {
    return this.#handle ? 0 : unsentOf(this.socket)
  }

  write(bytes: Buffer): void {
    // What its commands were answered comes first.
    if (this.#running) this.#flush()
    const handle = this.#handle
    if (handle) {
      if (!writeOn(this.socket, handle, bytes)) this.#handle = undefined
    } else if (!this.socket.writableEnded) this.#handle = writeTo(this.socket, bytes)
  }

  whenSent(then: () => void): void {
    if (this.socket.writableEnded) return
    this.#handle = undefined
    this.socket.write(NOTHING, (error) => {
      // One that was under way when its socket was closed is called without an error.
      if (!error && !this.socket.destroyed) then()
    })
  }

  /** Pub/Sub has no word for a gap: whoever comes back knows that it missed something. */
  ended(_reason: EndReason): void {
    this.socket.destroy()
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
    if (this.lastCommand !== '' && this.authenticated) return false
    return !this.server.access.trusts(this.peer)
  }

  /** What was thrown here closes this connection, and no other. */
  #failed(error: unknown): void {
    this.#running = false
    this.server.out.truncate(0)
    this.socket.destroy()
    this.server.onError(error, this.peer)
  }

  // --- the socket's side ---

  #onData(bytes: Buffer): void {
    if (this.#closing) return
    if (this.#stopped) {
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

  #onEnd(): void {
    this.#ended = true
    // Nobody reads what it would wait for.
    if (this.waiting) this.socket.destroy()
    else if (this.#isDone) this.#end()
  }

  #onDrain(): void {
    if (!this.#full) return
    this.#full = false
    this.#run()
  }

  #onClose(): void {
    this.#closing = true
    this.#unwatch()
    this.server.wheel.remove(this)
    this.server.left(this)
    this.#subscriptions?.close()
    this.#chunks = []
    this.waiting?.cancel()
    this.waiting = undefined
  }

  /** Whether no further command may be done now. */
  get #stopped(): boolean {
    return this.#waits || this.#full || this.#held
  }

  /** Does what can be done, and writes all replies at once. */
  #run(): void {
    if (this.socket.destroyed) return
    const { out } = this.server
    this.#running = true
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
    this.#flush()
    this.#running = false
    // What stands behind a command that waits is not what its client is slow with.
    const partial = !this.#stopped && this.#parser.waiting > 0
    this.#incomplete = partial ? (this.#incomplete ?? this.lastActive) : undefined
    if (this.#closing || ((this.#ended || this.#leaving) && this.#isDone)) {
      this.#end()
    }
    if (this.socket.isPaused() && (this.#closing || this.#chunkBytes <= MOST_WAITING)) {
      this.socket.resume()
    }
  }

  #end(): void {
    this.#handle = undefined
    this.socket.end()
  }

  #work(out: ReplyWriter): void {
    for (;;) {
      while (!this.#stopped && !this.#closing && this.#parser.next()) {
        this.#incomplete = undefined
        this.#do(out)
        if (out.length > MOST_COLLECTED) this.#flush()
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
        this.#held = true
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
        this.#held = true
        return
      }
      out.truncate(Math.min(mark, out.length))
      const refused = (writer: ReplyWriter): void => this.#writeError(writer, error)
      if (this.#slots.length > 0) this.#slots.push({ reply: this.#wanted(refused) })
      else refused(out)
    }
    const silent = replies === 'skip' || (replies === 'off' && this.replies === 'off')
    // Messages and what SUBSCRIBE is answered are no replies in this sense, as in Redis.
    if (silent && !command?.subscribes) out.truncate(Math.min(mark, out.length))
    if (replies === 'skip' && this.replies === 'skip') this.replies = 'on'
  }

  #mayOverlap(command: Command): boolean {
    return command.appends === true && !this.#waits && this.#slots.length < MOST_APPENDS
  }

  /** @throws RedisError when this connection may not do that, now or at all */
  #admit(command: Command): void {
    if (!this.authenticated && !command.open) throw NO_AUTH
    if (command.publishes) this.#mustBePublisher(command)
    else if (command.trusted) this.#mustBeTrusted(command)
    if (this.#resp === 2 && !command.subscribed && this.subscribed > 0) {
      throw new RedisError(
        `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / ` +
          'QUIT / RESET are allowed in this context',
      )
    }
  }

  /** @throws RedisError in Redis's form */
  #mustBePublisher(command: Pick<Command, 'name'>): void {
    const { kind, grants } = this.caller
    if (!grants.publish.isEmpty) return
    if (kind === 'anonymous') throw this.#untrusted(command)
    throw new RedisError(`NOPERM this user has no permissions to run the '${command.name}' command`)
  }

  /** @throws RedisError in Redis's form */
  #mustBeTrusted(command: Pick<Command, 'name'>): void {
    const { kind, grants } = this.caller
    if (kind === 'trusted' || grants.manage) return
    // With the password it may do what a trusted peer may.
    if (kind === 'key' && this.#known?.key === undefined) return
    throw this.#untrusted(command)
  }

  #untrusted({ name }: Pick<Command, 'name'>): RedisError {
    return new RedisError(
      `NOPERM this user has no permissions to run the '${name}' command: only trusted peers ` +
        `may; trustedPeers does not name ${this.peer || 'this address'}`,
    )
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
    this.#slots.push(slot)
    if (!command.appends) this.#waits = true
    const replies = this.replies
    const settled = (reply: Reply): void => {
      slot.reply = replies === 'on' ? reply : silence
      this.#run()
    }
    promise.then(settled, (error: unknown) => settled((out) => this.#writeError(out, error)))
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
      if (out.length > MOST_COLLECTED) this.#flush()
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

  #flush(): void {
    const { out } = this.server
    if (out.length === 0) return
    const { socket } = this
    if (socket.writableEnded || socket.destroyed) {
      out.truncate(0)
      return
    }
    // Only the stream tells of its `drain`: what may not be taken at once goes through it.
    if (out.length <= MOST_STRAIGHT && unsentOf(socket) === 0) {
      this.#handle = writeTo(socket, out.lend())
      out.settle(unsentOf(socket) === 0)
      return
    }
    this.#handle = undefined
    socket.write(out.take())
    if (socket.writableLength > this.server.config.maxReplyBytes) this.#full = true
  }
}

function silence(): void {}

/** The close that follows is what counts. */
function ignore(): void {}
