import { createHash, timingSafeEqual } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import type { Access } from '../../access/access.ts'
import { entranceOf } from '../../config/entrance.ts'
import type { Limits } from '../../config/types.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import type { ChannelName } from '../../model/channel.ts'
import type { Clock } from '../../model/clock.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { Entrance } from '../../net/entrance.ts'
import { TcpListener, urlHost, whereOf } from '../../net/listener.ts'
import type { Wheel } from '../../net/wheel.ts'
import type { DoorContext, Place } from '../door.ts'
import { connectionErrors } from '../reporting.ts'
import { type Form, PubSubEncoder } from './codec.ts'
import type { RedisConfig } from './config.ts'
import { RedisConnection } from './connection.ts'
import type { Args, ParserLimits } from './parser.ts'
import { channelOf, type Kind } from './subscriptions.ts'
import { CommandTable } from './table.ts'
import { ReplyWriter } from './writer.ts'
import { Woken } from './xread.ts'

/** As Redis has it: a client that is gone without a word is noticed, in ms. */
const KEEP_ALIVE = 300_000
const NOT_TLS = Buffer.from('-ERR This port speaks TLS: use rediss, or redis-cli --tls\r\n')
const TOO_MANY = Buffer.from('-ERR max number of clients reached\r\n')

/** What the connections of this door share. */
export class RedisServer {
  config: RedisConfig
  readonly limits: Limits
  /** Reads that have something to look at. */
  readonly woken = new Woken()
  readonly parserLimits: ParserLimits
  readonly hub: Hub
  /** For whoever looks after all doors. */
  readonly counted: Traffic
  readonly wheel: Wheel
  readonly clock: Clock
  readonly table = new CommandTable()
  /** Replies of the connection whose commands are being done; empty between two of them. */
  readonly out = new ReplyWriter()
  readonly onError: OnConnectionError
  readonly clients = new Map<number, RedisConnection>()
  /** How many connections are subscribed to each, as they spell it. */
  readonly subscribers: Readonly<Record<Kind, Map<string, number>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  }
  /** Since the start. */
  commands = 0
  connections = 0
  rejected = 0
  readonly access: Access
  readonly #context: DoorContext
  #password: Buffer | undefined
  readonly listener: TcpListener
  readonly #entrance: Entrance
  readonly #started = performance.now()
  readonly #encoders = new Map<string, PubSubEncoder>()
  /** Bytes of connections that have closed. */
  #received = 0
  #sent = 0
  #lastId = 0
  /** The channel that was last published to, and as it was written: mostly it is the next one's, too. */
  #written = ''
  #channel: ChannelName | undefined

  constructor(config: RedisConfig, context: DoorContext) {
    this.config = config
    this.limits = context.config.limits
    this.#context = context
    this.access = context.access
    this.hub = context.hub(config.store)
    this.counted = context.traffic.of('redis')
    this.wheel = context.wheel
    this.clock = context.clock
    this.onError = connectionErrors(context)
    this.#password = passwordOf(config)
    this.parserLimits = parserLimits(config, this.limits)
    this.#entrance = context.entrances.open(entranceOf(config, context.config), {
      notTls: NOT_TLS,
      full: (socket) => this.#refuse(socket),
    })
    const options = { allowHalfOpen: true, keepAlive: KEEP_ALIVE, entrance: this.#entrance }
    this.listener = new TcpListener((socket) => this.#accept(socket), this.onError, options)
  }

  /**
   * @param context of a configuration that is to hold
   * @returns what makes it hold here; undefined: another port, or another store. Who has given the former
   * password needs not give the new one, as in Redis.
   */
  update(config: RedisConfig, context: DoorContext): (() => void) | undefined {
    const isThere = this.listener.isAt(whereOf(config, context.config.address))
    if (!isThere || context.hub(config.store) !== this.hub) return undefined
    const enter = this.#entrance.prepare(entranceOf(config, context.config))
    return () => {
      enter()
      this.config = config
      this.#password = passwordOf(config)
      Object.assign(this.parserLimits, parserLimits(config, this.limits))
    }
  }

  /** Whether a password is asked for. */
  get guarded(): boolean {
    return this.#password !== undefined
  }

  isPassword(text: string): boolean {
    return this.#password !== undefined && timingSafeEqual(this.#password, digest(text))
  }

  /**
   * The channel that an argument names.
   * @throws RedisError when it is no name
   */
  channelAt(args: Args, index: number): ChannelName {
    if (this.#channel !== undefined && args.is(index, this.#written)) return this.#channel
    const text = args.text(index)
    this.#channel = channelOf(text)
    this.#written = text
    return this.#channel
  }

  encoder(form: Form): PubSubEncoder {
    const fresh = new PubSubEncoder(form)
    const known = this.#encoders.get(fresh.key)
    if (known) return known
    this.#encoders.set(fresh.key, fresh)
    return fresh
  }

  /** A connection has begun (1) or ended (-1) to subscribe to something. */
  subscribed(kind: Kind, name: string, by: 1 | -1): void {
    const counts = this.subscribers[kind]
    const count = (counts.get(name) ?? 0) + by
    if (count > 0) counts.set(name, count)
    else counts.delete(name)
  }

  left(connection: RedisConnection): void {
    if (!this.clients.delete(connection.id)) return
    this.#received += connection.socket.bytesRead
    this.#sent += connection.socket.bytesWritten
    this.counted.closed()
  }

  /** Seconds since the start. */
  get uptime(): number {
    return Math.floor((performance.now() - this.#started) / 1000)
  }

  get port(): number {
    return this.listener.address?.port ?? 0
  }

  /** Bytes since the start, in and out. */
  get traffic(): { received: number; sent: number } {
    let received = this.#received
    let sent = this.#sent
    for (const { socket } of this.clients.values()) {
      received += socket.bytesRead
      sent += socket.bytesWritten
    }
    return { received, sent }
  }

  /**
   * @param former its port is taken over when it is the same
   * @throws Error as node:net gives it
   */
  async listen(former?: TcpListener): Promise<Place> {
    const where = whereOf(this.config, this.#context.config.address)
    const bound = (await this.listener.listen(where, former, 'redis')) as AddressInfo
    const shown = urlHost(bound)
    const host = shown.replace(/[[\]]/g, '')
    const local = host === '127.0.0.1' || host === 'localhost'
    const tls = this.#entrance.hasTls
    const example = `redis-cli ${tls ? '--tls ' : ''}${local ? '' : `-h ${host} `}-p ${bound.port} SUBSCRIBE test`
    return {
      what: 'redis',
      where: `redis${tls ? 's' : ''}://${shown}:${bound.port}`,
      example,
      address: bound.address,
    }
  }

  drain(): Promise<void> {
    return this.listener.drain()
  }

  close(): Promise<void> {
    return this.listener.close()
  }

  #accept(socket: Socket): void {
    this.connections++
    const connection = new RedisConnection(this, socket, ++this.#lastId)
    this.clients.set(connection.id, connection)
    this.counted.opened()
  }

  #refuse(socket: Socket): void {
    this.connections++
    this.rejected++
    this.counted.refused++
    socket.end(TOO_MANY, () => socket.destroy())
  }
}

function passwordOf({ password }: RedisConfig): Buffer | undefined {
  return password === undefined ? undefined : digest(password)
}

function parserLimits(config: RedisConfig, { maxBodyBytes }: Limits): ParserLimits {
  const { maxArguments, maxArgumentBytes = maxBodyBytes, maxInlineBytes } = config
  return { maxArguments, maxArgumentBytes, maxInlineBytes }
}

/** Two passwords are compared by these, which takes the same time for all. @param text one character a byte */
function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'latin1').digest()
}
