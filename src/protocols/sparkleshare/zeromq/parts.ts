/** What connections that say who they are are for. Each has a socket of libzmq to itself. */
import type { Pull, XPublisher } from 'zeromq'
import type { Access } from '../../../access/access.ts'
import type { Caller } from '../../../access/caller.ts'
import { FanfareError } from '../../../model/errors.ts'
import type { MaybePromise } from '../../../model/maybe.ts'
import type { ChannelName } from '../../../model/channel.ts'
import { Selectors } from '../../../model/selector.ts'
import type { SparkleshareServer } from '../server.ts'
import { Broadcast } from './broadcast.ts'
import { runCommands } from './commands.ts'
import { isAgain } from './frames.ts'

/** Who is at the other end. */
export interface Known {
  /** Its connection is open. */
  readonly isHere: boolean
  /** Who it is now. @throws FanfareError when it may not be here any more, and is let go */
  now(): MaybePromise<Caller>
  /** It is let go. */
  close(): void
}

export interface Part {
  readonly socket: Pull | XPublisher
  /** Bytes that wait for the peer, beside those in libzmq's queue. */
  readonly unsent: number
  /** @throws FanfareError when somebody has no business here */
  mustSuit(access: Access, caller: Caller): void
  /** @returns once there is nothing more to be done, and the socket is closed */
  run(): Promise<void>
  /** The peer has closed its connection. */
  gone(): void
  /** @returns once what was to be sent is in libzmq's hands, or it takes too long */
  finish(): Promise<void>
  close(): void
}

/** How long it is waited for another command before it is looked whether the peer is still there, in ms. */
const LOOK = 1_000

/** A peer that sends commands. */
export class Commands implements Part {
  readonly socket: Pull
  readonly unsent = 0
  readonly #server: SparkleshareServer
  readonly #known: Known
  #gone = false

  constructor(socket: Pull, server: SparkleshareServer, known: Known) {
    this.socket = socket
    this.#server = server
    this.#known = known
    socket.receiveTimeout = LOOK
  }

  mustSuit(access: Access, caller: Caller): void {
    access.mustBePublisher(caller)
  }

  async run(): Promise<void> {
    const { hub, access, zeromqTraffic, onError } = this.#server
    const who = (): MaybePromise<Caller> => this.#known.now()
    await runCommands(this.#frames(), hub, access, who, zeromqTraffic, onError)
    this.close()
  }

  /** What a peer has sent before it went is obeyed, too. */
  async *#frames(): AsyncGenerator<Buffer[]> {
    const { socket } = this
    while (!socket.closed) {
      // Before it waits: all that the peer has sent was in the socket's hands when it had gone.
      const last = this.#gone
      try {
        yield await socket.receive()
      } catch (error) {
        if (socket.closed) return
        if (!isAgain(error)) throw error
        if (last) return
      }
    }
  }

  gone(): void {
    this.#gone = true
  }

  finish(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    this.socket.close()
  }
}

/** Channels for which it is remembered whether a peer may follow them. */
const MOST_REMEMBERED = 10_000

/** A peer that is notified. It is waited for as any other subscriber: what it cannot take yet, the hub keeps. */
export class Notified implements Part {
  readonly socket: XPublisher
  readonly #server: SparkleshareServer
  readonly #known: Known
  readonly #broadcast: Broadcast
  readonly #may = new Map<ChannelName, boolean>()
  #version = -1
  #isWelcome = false

  constructor(socket: XPublisher, server: SparkleshareServer, known: Known) {
    this.socket = socket
    this.#server = server
    this.#known = known
    this.#broadcast = new Broadcast(socket, server.hub, {
      mayTell: () => this.#isWelcome,
      mayFollow: (channel) => this.#mayFollow(channel),
      lost: () => known.close(),
      maxTopics: () => server.limits.maxSubscriptions,
      onError: server.onError,
    })
  }

  get unsent(): number {
    return this.#broadcast.unsent
  }

  mustSuit(_: Access, caller: Caller): void {
    if (caller.grants.subscribe.isEmpty) {
      throw new FanfareError('forbidden', 'This key may not subscribe to anything.')
    }
    this.#isWelcome = true
  }

  run(): Promise<void> {
    return this.#broadcast.run()
  }

  gone(): void {
    this.close()
  }

  finish(): Promise<void> {
    return this.#broadcast.finish()
  }

  close(): void {
    this.#broadcast.close()
  }

  /** What a peer asks for are beginnings of names; what it may follow of that is asked for each name, once. */
  #mayFollow(channel: ChannelName): MaybePromise<boolean> {
    const { version } = this.#server.access
    if (version !== this.#version) this.#may.clear()
    this.#version = version
    return this.#may.get(channel) ?? this.#ask(channel, version)
  }

  async #ask(channel: ChannelName, version: number): Promise<boolean> {
    const may = await this.#isAllowed(channel)
    if (may === undefined) return false
    if (this.#may.size >= MOST_REMEMBERED) this.#may.clear()
    if (version === this.#version) this.#may.set(channel, may)
    return may
  }

  /** Undefined: that could not be found out. */
  async #isAllowed(channel: ChannelName): Promise<boolean | undefined> {
    const { access, onError } = this.#server
    try {
      await access.mustFollow(await this.#known.now(), Selectors.channel(channel), false)
      return true
    } catch (error) {
      if (error instanceof FanfareError && error.code === 'forbidden') return false
      if (!(error instanceof FanfareError)) onError(error)
      return undefined
    }
  }
}
