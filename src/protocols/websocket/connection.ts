import type { ClosingWebSocket, FrameWriter } from '../../http/closing.ts'
import type { Caller } from '../../access/caller.ts'
import type { Standing } from '../../access/standing.ts'
import type { Debtor, StreamConnection } from '../../http/stream.ts'
import type { EndReason, Since, Sink } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { asFanfareError, FanfareError } from '../../model/errors.ts'
import { type Cursor, earlierOf, formatCursor } from '../../model/cursor.ts'
import { formatId } from '../../model/id.ts'
import { attempt, chain, type MaybePromise } from '../../model/maybe.ts'
import type { Selectors } from '../../model/selector.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import { textFrame } from '../../net/text-frame.ts'
import { tellInternal } from '../reporting.ts'
import type { FrameEncoder } from './codec.ts'
import { type Command, CommandError, readCommand, type Ref } from './command.ts'
import { Subscriptions } from './subscriptions.ts'

/** What all connections of a location share. */
export interface ConnectionContext {
  readonly hub: Hub
  readonly encoder: FrameEncoder
  /** Channels in one connection. */
  readonly maxChannels: number
  /** Bytes of one message's body. */
  readonly maxBodyBytes: number
  /** Unsent bytes of answers above which a client that does not read is let go. */
  readonly maxUnsentBytes: number
  readonly traffic: Traffic
  readonly onError: OnConnectionError
}

/** RFC 6455, section 7.4.1. */
const UNSUPPORTED = 1003
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011
/** Of the numbers that are anybody's (section 7.4.2): what the client has shown is no longer good. */
const UNAUTHORIZED = 4401

/** Commands of one client that wait for one before them. */
const MOST_WAITING = 1_000

/**
 * One WebSocket: its channels are one subscription with one cursor. Frames are written to the socket
 * directly, whole, so that one Buffer serves everybody.
 */
export class WebSocketConnection implements Sink, Debtor, FrameWriter {
  readonly #socket: ClosingWebSocket
  readonly #stream: StreamConnection
  readonly #context: ConnectionContext
  readonly #standing: Standing
  /** A command waits to be allowed; those behind it, in their order. */
  #waits = false
  readonly #waiting: Command[] = []
  #subscriptions: Subscriptions | undefined
  #isOpen = true
  /** Bytes of answers that the kernel has not taken yet, and whether the socket is to tell. */
  #unreadAnswers = 0
  #awaitsSocket = false
  /** Publishes that the store has not answered yet, and who waits for that. */
  #publishing = 0
  #settled: (() => void) | undefined

  /** @param standing who its client is */
  constructor(
    socket: ClosingWebSocket,
    stream: StreamConnection,
    context: ConnectionContext,
    standing: Standing,
  ) {
    this.#socket = socket
    this.#stream = stream
    this.#context = context
    socket.writer = this
    this.#standing = standing
    stream.owedBy(this)
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== socket.OPEN) return
      if (isBinary) this.#close(UNSUPPORTED, 'frames are JSON text')
      // ws gives one Buffer unless it is told otherwise.
      else this.#received((data as Buffer).toString('utf8'))
    })
    // The close that follows is what counts.
    socket.on('error', () => {})
  }

  /** Follows what the URL names, from the start. */
  open(selectors: Selectors, names: readonly string[], since: Since): void {
    const { hub, encoder } = this.#context
    // Said before anything is written: every later frame lies after it.
    if (names.length > 0)
      this.#subscribed(names, positionOf(since, hub.headOf(selectors)), undefined)
    const subscription = hub.follow({ selectors, encoder, sink: this, since })
    this.#subscriptions = new Subscriptions(subscription, selectors, (...answer) =>
      this.#subscribed(...answer),
    )
    this.#stream.attach(subscription)
  }

  get unsent(): number {
    return this.#stream.unsent
  }

  /** Behind a close frame nothing more may come (RFC 6455, section 5.5.1). */
  write(bytes: Buffer): void {
    if (this.#isOpen) this.#stream.write(bytes)
  }

  whenSent(then: () => void): void {
    this.#stream.whenSent(then)
  }

  ended(_reason: EndReason): void {
    this.#close(INTERNAL_ERROR, 'the channels cannot be read at this moment')
  }

  closing(): void {
    this.#isOpen = false
  }

  /** What its client has shown is no longer good. */
  expire({ message }: FanfareError): void {
    if (this.#isOpen) this.#close(UNAUTHORIZED, message)
  }

  whenSettled(then: () => void): void {
    if (this.#publishing === 0) then()
    else this.#settled = then
  }

  #close(code: number, reason: string): void {
    this.#stream.subscription?.close()
    this.#socket.close(code, reason)
  }

  #received(text: string): void {
    try {
      const { maxChannels, hub } = this.#context
      const command = readCommand(text, maxChannels, hub.partitions)
      if (!this.#waits) this.#obey(command)
      else if (this.#waiting.push(command) > MOST_WAITING) {
        this.#close(POLICY_VIOLATION, 'too many frames wait for their answer')
      }
    } catch (thrown) {
      if (thrown instanceof CommandError) this.#fail(thrown.error, thrown.ref)
      else this.#fail(thrown, undefined)
    }
  }

  #obey(command: Command): void {
    const { ref } = command
    switch (command.kind) {
      case 'subscribe':
        this.#admit(command)
        return
      case 'unsubscribe':
        this.#subscriptions?.drop(command.selectors)
        this.#send({ unsubscribed: command.names, ref })
        return
      case 'publish':
        this.#admit(command)
        return
      case 'ping':
        this.#send({ pong: formatCursor(this.#context.hub.head), ref })
    }
  }

  /** What has to be waited for, those behind it wait for as well: frames are obeyed in their order. */
  #admit(command: Command & { kind: 'subscribe' | 'publish' }): void {
    const standing = this.#standing
    let now = true
    let settled = false
    const done = (then: () => void): void => {
      settled = true
      if (now) then()
      else {
        this.#waits = false
        if (this.#isOpen) then()
        while (!this.#waits && this.#isOpen) {
          const next = this.#waiting.shift()
          if (!next) return
          this.#obey(next)
        }
      }
    }
    attempt(
      () => chain(standing.now(), (caller) => this.#mustBeAllowed(caller, command)),
      () =>
        done(() => {
          if (command.kind === 'subscribe') this.#subscribe(command)
          else this.#publish(command)
        }),
      (error) => done(() => this.#fail(error, command.ref)),
    )
    now = false
    if (!settled) this.#waits = true
  }

  #mustBeAllowed(
    caller: Caller,
    command: Command & { kind: 'subscribe' | 'publish' },
  ): MaybePromise<void> {
    const { access } = this.#standing
    if (command.kind === 'publish') return access.mustPublish(caller, command.draft.channel)
    return access.mustFollow(caller, command.selectors, command.since.kind !== 'now')
  }

  #subscribe({ selectors, names, since, ref }: Command & { kind: 'subscribe' }): void {
    const subscriptions = this.#subscriptions
    if (!subscriptions) return
    const { maxChannels } = this.#context
    if (
      subscriptions.sizeWith(selectors) > maxChannels ||
      subscriptions.waiting + names.length > maxChannels
    ) {
      const detail = `One connection follows at most ${maxChannels} channels.`
      this.#fail(new FanfareError('too_many', detail), ref)
    } else subscriptions.add(selectors, names, since, ref)
  }

  #publish({ draft, name, ref }: Command & { kind: 'publish' }): void {
    this.#publishing++
    attempt(
      () => {
        const { hub, maxBodyBytes, traffic } = this.#context
        if (draft.body.length > maxBodyBytes) {
          throw new FanfareError('too_large', `A message has at most ${maxBodyBytes} bytes here.`)
        }
        return hub.publish(draft, traffic)
      },
      ({ id, duplicate, receivers }) => {
        const answer = { published: formatId(id), channel: name, receivers, ref }
        this.#send(duplicate ? { ...answer, duplicate } : answer)
        this.#published()
      },
      (error) => {
        this.#fail(error, ref)
        this.#published()
      },
    )
  }

  #published(): void {
    this.#publishing--
    if (this.#publishing === 0) this.#settled?.()
  }

  #subscribed(names: readonly string[], position: Cursor | undefined, ref: Ref): void {
    this.#send({
      subscribed: names,
      ...(position === undefined ? {} : { position: formatCursor(position) }),
      ref,
    })
  }

  #fail(thrown: unknown, ref: Ref): void {
    const { traffic, onError } = this.#context
    traffic.refused++
    tellInternal(onError, thrown, this.#stream.peer)
    const { code, message } = asFanfareError(thrown)
    this.#send({ error: { code, message }, ref })
  }

  /** Answers have a bound of their own: messages have theirs in the hub, and may fill the socket. */
  #send(answer: Record<string, unknown>): void {
    if (!this.#isOpen) return
    if (this.#unreadAnswers > this.#context.maxUnsentBytes) {
      this.#context.traffic.dropped.unread++
      this.#close(POLICY_VIOLATION, 'answers are not being read')
      return
    }
    const frame = textFrame(JSON.stringify(answer))
    this.#stream.write(frame)
    this.#unreadAnswers += frame.length
    this.#countWhatIsSent()
  }

  #countWhatIsSent(): void {
    if (this.#awaitsSocket || this.#unreadAnswers === 0) return
    if (this.unsent === 0) {
      this.#unreadAnswers = 0
      return
    }
    const written = this.#unreadAnswers
    this.#awaitsSocket = true
    this.#stream.whenSent(() => {
      this.#awaitsSocket = false
      this.#unreadAnswers -= written
      this.#countWhatIsSent()
    })
  }
}

/** Where a subscription starts, when that is a position already. */
function positionOf(since: Since, head: Cursor): Cursor | undefined {
  switch (since.kind) {
    case 'now':
      return head
    case 'time':
      // Of a time to come nobody has anything yet: it is as good as now.
      return earlierOf(since.after, head)
    case 'id':
      return since.after
    case 'all':
      return undefined
    default:
      return since satisfies never
  }
}
