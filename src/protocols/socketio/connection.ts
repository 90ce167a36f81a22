import type { Caller } from '../../access/caller.ts'
import type { ChannelName } from '../../model/channel.ts'
import { asFanfareError, FanfareError } from '../../model/errors.ts'
import { randomName } from '../../net/random-name.ts'
import type { Login, UserConnection } from '../../users/contract.ts'
import { type Command, readCommand } from './command.ts'
import { eventText } from './encoder.ts'
import {
  type EngineSocket,
  forgetRequest,
  type IoSocket,
  sendAway,
  setPid,
  waitingPackets,
} from './engine.ts'
import { type Handshake, readHandshake } from './handshake.ts'
import { Link } from './link.ts'
import { type Logins, userOf } from './login.ts'
import { Recovery, type Recoverable, type State } from './recovery.ts'
import { Session, type SessionHost } from './session.ts'

/** What all connections share. */
export interface ConnectionHost extends SessionHost {
  readonly logins: Logins
  readonly recovery: Recovery
  /** Bytes of answers that a client does not read, above which it is let go. */
  readonly maxUnsentBytes: number
  /** This connection has logged in, or is gone without. */
  waitsNoMore(): void
  onError(error: unknown, peer?: string): void
}

/** How often one connection may try to log in. */
const MOST_ATTEMPTS = 10
/** Events of one client that wait for their turn. */
const MOST_COMMANDS = 1_000

const NO_ONE = { error: "You're not authorized" }
const FAILED = { error: 'Auth failed' }

/** `arriving`: there is no session of Socket.IO yet; `waiting`: there is, and nobody has logged in. */
type Phase = 'arriving' | 'admitting' | 'waiting' | 'in' | 'removed' | 'closed'

type Answer = (value: unknown) => void

/** One connection of Engine.IO: who has logged in by it, and what it follows. */
export class Connection implements UserConnection, Recoverable {
  /** Of its own, as Engine.IO's would let whoever knows it speak for the client. */
  readonly id = randomName(12)
  readonly door = 'socketio'
  readonly peer: string
  readonly #host: ConnectionHost
  readonly #conn: EngineSocket
  readonly #link: Link
  #socket: IoSocket | undefined
  #phase: Phase = 'arriving'
  #attempts = 0
  #countsAsWaiting = true
  /** Until it has logged in. */
  #timer: NodeJS.Timeout | undefined
  #unwatch: (() => void) | undefined
  #handshake: Handshake | undefined
  #login: Login | undefined
  #session: Session | undefined
  #pid: string | undefined
  #lost: State | undefined
  /** The client did not wait for one history before it asked for the next. */
  #isTangled = false
  #histories = 0
  #commands = 0
  #leaving = false
  #tail: Promise<void> = DONE
  #unreadAnswers = 0

  /** @param patience how long it may take to log in, in ms */
  constructor(host: ConnectionHost, conn: EngineSocket, peer: string, patience: number) {
    this.#host = host
    this.#conn = conn
    this.peer = peer
    this.#link = new Link(conn, () => this.#fail(new FanfareError('store_unavailable')))
    this.#timer = setTimeout(() => this.#contain(() => this.#refuse()), patience)
    conn.once('close', () => this.#contain(() => this.#close(true)))
  }

  // --- logging in ---

  /**
   * A client asks for a session.
   * @throws FanfareError why it gets none
   */
  async admit(socket: IoSocket): Promise<void> {
    if (this.#phase !== 'arriving') {
      throw new FanfareError('too_many', 'One connection has one session.')
    }
    this.#phase = 'admitting'
    try {
      const handshake = readHandshake(socket, this.#host.hub.partitions)
      const { credential } = handshake
      this.#handshake = handshake
      if (credential) await this.#enter(await this.#host.logins.check(credential))
      await this.#recall(socket, handshake)
    } catch (error) {
      if (!this.#isClosed) this.#phase = 'arriving'
      this.#unwatch?.()
      this.#login?.left()
      this.#login = undefined
      this.#session = undefined
      this.#host.traffic.refused++
      if (++this.#attempts >= MOST_ATTEMPTS) setImmediate(() => this.#conn.close())
      throw error
    }
  }

  get #isClosed(): boolean {
    return this.#phase === 'closed'
  }

  /** The answer to CONNECT is on its way. */
  opened(socket: IoSocket): void {
    if (this.#isClosed) return
    this.#socket = socket
    socket.onAny((event: string, ...args: unknown[]) =>
      this.#contain(() => this.#received(event, args)),
    )
    socket.once('disconnect', (reason) => {
      this.#contain(() => this.#close(reason !== 'client namespace disconnect'))
      // A client that leaves its session has no other business here.
      this.#conn.close()
    })
    forgetRequest(this.#conn)
    if (this.#login) this.#begin()
    else if (this.#phase === 'admitting') this.#phase = 'waiting'
  }

  async #enter(caller: Caller): Promise<void> {
    const session = new Session(this.#host, this.#link, caller)
    const { user } = session
    this.#session = session
    const login = await this.#host.users.connect(user, this)
    if (this.#isClosed) {
      login.left()
      throw new FanfareError('request_timeout')
    }
    session.is(login.channels)
    this.#login = login
    clearTimeout(this.#timer)
    this.#waitNoMore()
    this.#unwatch = this.#host.access.watch(caller, (reason) => this.#fail(reason))
  }

  /** Does what a callback of Socket.IO's is to do: thrown into that, a failure would end the process. */
  #contain(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#host.onError(error)
      this.#conn.close()
    }
  }

  #waitNoMore(): void {
    if (this.#countsAsWaiting) this.#host.waitsNoMore()
    this.#countsAsWaiting = false
  }

  /** Looks for what the client had before; tells it by the name in the answer whether that goes on. */
  async #recall(socket: IoSocket, { offsets, pid }: Handshake): Promise<void> {
    if (!offsets) return
    const state = pid === undefined ? undefined : this.#host.recovery.find(pid)
    const isWhole = state !== undefined && (await this.#canGoOn(state))
    this.#pid = isWhole && pid !== undefined ? pid : Recovery.newPid()
    this.#lost = isWhole ? state : undefined
    setPid(socket, this.#pid)
  }

  async #canGoOn(state: State): Promise<boolean> {
    const { user, channels } = state
    if (this.#login && this.#login.user !== user) return false
    if (this.#session && !(await this.#session.mayGoOn(state))) return false
    // Once the user was away for too long, its subscriptions are gone.
    const known = new Set(await this.#host.users.subscriptionsOf(user))
    return channels.every((channel) => known.has(channel))
  }

  /** What was recalled before it was known who it is, that one may not have any more. */
  async #mayGoOn(): Promise<void> {
    if (!this.#lost || (await this.#session?.mayGoOn(this.#lost))) return
    this.#lost = undefined
    this.#pid = undefined
  }

  /** The original's conversation: a message with a user's id and its session. */
  async #logIn(message: unknown): Promise<void> {
    if (this.#phase !== 'waiting') return
    const found = await this.#host.logins.checkMessage(message)
    if (this.#isClosed) return
    if (found === 'refused' || (found === 'retry' && ++this.#attempts >= MOST_ATTEMPTS)) {
      this.#refuse()
    } else if (found === 'retry') {
      this.#host.traffic.refused++
      this.#tell('message', FAILED)
    } else {
      try {
        await this.#enter(found)
        await this.#mayGoOn()
      } catch (error) {
        this.#refuse({ error: asFanfareError(error).message })
        return
      }
      this.#tell('message', { auth: `Authorized as ${userOf(found)}` })
      this.#begin()
    }
  }

  /** As the original did: a message says why, and that was it. */
  #refuse(why = NO_ONE): void {
    this.#host.traffic.refused++
    if (this.#socket) this.#tell('message', why)
    this.disconnect()
  }

  /** From here on messages are written. */
  #begin(): void {
    const session = this.#session
    const handshake = this.#handshake
    if (!session || !handshake || this.#phase === 'removed') return
    this.#phase = 'in'
    const lost = this.#lost?.user === session.user ? this.#lost : undefined
    // Another user's name is not this one's, even in the same program.
    if (this.#lost && !lost) this.#pid = undefined
    this.#lost = undefined
    if (this.#pid !== undefined) this.#host.recovery.open(this.#pid, this)
    this.#histories++
    this.#inTurn(async () => {
      await session.begin(handshake, lost)
      this.#histories--
    })
  }

  // --- what its user tells it ---

  subscribed(channel: ChannelName): void {
    this.#session?.subscribed(channel)
  }

  unsubscribed(channel: ChannelName): void {
    this.#session?.unsubscribed(channel)
  }

  resubscribed(channels: readonly ChannelName[]): void {
    this.#session?.resubscribed(channels)
  }

  removed(): void {
    if (this.#isClosed) return
    this.#phase = 'removed'
    this.#forget()
    this.#login = undefined
  }

  disconnect(): void {
    this.#forget()
    if (this.#socket) this.#socket.disconnect(true)
    else this.#conn.close()
  }

  /**
   * Closes what carries it, once all it asked is answered: its client takes that for a lost connection, and
   * comes back by itself. After a disconnect of the session it would not.
   */
  leave(): void {
    this.#leaving = true
    if (this.#commands === 0) sendAway(this.#conn)
  }

  // --- recovery ---

  get state(): State | undefined {
    return this.#isTangled ? undefined : this.#session?.state
  }

  replaced(): void {
    this.#pid = undefined
    this.disconnect()
  }

  /** Follows nothing any more, and cannot be recovered. */
  #forget(): void {
    if (this.#pid !== undefined) this.#host.recovery.close(this.#pid, this, undefined)
    this.#pid = undefined
    this.#session?.close()
    this.#session = undefined
  }

  /** @param recoverable it was not its client's wish */
  #close(recoverable: boolean): void {
    if (this.#isClosed) return
    if (recoverable && this.#pid !== undefined) {
      this.#host.recovery.close(this.#pid, this, this.state)
      this.#pid = undefined
    }
    this.#phase = 'closed'
    this.#forget()
    clearTimeout(this.#timer)
    this.#unwatch?.()
    this.#waitNoMore()
    this.#login?.left()
    this.#login = undefined
  }

  // --- what clients ask for ---

  #received(event: string, args: unknown[]): void {
    const last = args.at(-1)
    const answer = typeof last === 'function' ? (last as Answer) : undefined
    if (answer) args.pop()
    if (waitingPackets(this.#conn) === 0) this.#unreadAnswers = 0
    if (this.#commands >= MOST_COMMANDS || this.#unreadAnswers > this.#host.maxUnsentBytes) {
      if (!this.#isClosed) this.#host.traffic.dropped.unread++
      this.#fail(new FanfareError('too_many', 'Answers are not waited for, or not read.'))
    } else if (this.#phase === 'waiting' && event === 'message') {
      this.#inTurn(async () => this.#logIn(args[0]))
    } else this.#ask(event, args, answer)
  }

  #ask(event: string, args: readonly unknown[], answer: Answer | undefined): void {
    let command: Command
    try {
      if (this.#phase === 'removed')
        throw new FanfareError('not_authorized', 'The user was removed.')
      if (this.#phase !== 'in' && this.#commands === 0) throw new FanfareError('not_authorized')
      const { maxChannels: maxNames, hub } = this.#host
      command = readCommand(event, args, { maxNames, partitions: hub.partitions })
    } catch (error) {
      // What means nothing here goes nowhere, as long as nobody asks what became of it.
      if (answer || COMMANDS.has(event)) this.#sayWhy(event, error, answer)
      return
    }
    const isHistory = command.kind === 'subscribe' && command.since.kind !== 'now'
    if (isHistory && ++this.#histories > 1) this.#isTangled = true
    this.#inTurn(async () => {
      try {
        const session = this.#session
        if (!session) throw new FanfareError('not_authorized')
        const done = await session.obey(command)
        this.#answer(answer, { ok: true, ...done })
      } catch (error) {
        this.#sayWhy(event, error, answer)
      } finally {
        if (isHistory) this.#histories--
      }
    })
  }

  /** Runs what clients ask for one after the other, as they asked. */
  #inTurn(work: () => Promise<void>): void {
    this.#commands++
    this.#tail = this.#tail.then(work).then(
      () => this.#turnOver(),
      (error: unknown) => {
        this.#turnOver()
        this.#fail(error)
      },
    )
  }

  #turnOver(): void {
    if (--this.#commands > 0) return
    this.#tail = DONE
    if (this.#leaving) sendAway(this.#conn)
  }

  // --- what clients are told ---

  #answer(answer: Answer | undefined, value: Record<string, unknown>): void {
    if (!answer || !this.#link.isOpen) return
    this.#unreadAnswers += JSON.stringify(value).length
    this.#link.stepAside()
    answer(value)
  }

  #sayWhy(event: string, thrown: unknown, answer: Answer | undefined): void {
    if (asFanfareError(thrown) !== thrown) this.#host.onError(thrown, this.peer)
    this.#host.traffic.refused++
    const { code, message } = asFanfareError(thrown)
    if (answer) this.#answer(answer, { error: { code, message } })
    else this.#tell('error', { code, message, event })
  }

  #tell(event: string, value: unknown): void {
    const json = JSON.stringify(value)
    this.#unreadAnswers += json.length
    this.#link.send(eventText(event, json))
  }

  /** Says what went wrong, and ends it. */
  #fail(thrown: unknown): void {
    if (this.#isClosed) return
    const error = asFanfareError(thrown)
    if (error !== thrown) this.#host.onError(thrown, this.peer)
    if (this.#socket) this.#tell('error', { code: error.code, message: error.message })
    this.disconnect()
  }
}

const COMMANDS = new Set(['subscribe', 'unsubscribe', 'publish', 'presence'])
const DONE = Promise.resolve()
