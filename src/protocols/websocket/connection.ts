import type { WebSocket } from 'ws'
import type { StreamConnection } from '../../http/stream.ts'
import type { Since, Subscription } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import { asFanfareError, FanfareError } from '../../model/errors.ts'
import { formatId, type MessageId } from '../../model/id.ts'
import { attempt } from '../../model/maybe.ts'
import { Selectors } from '../../model/selector.ts'
import { type FrameEncoder, textFrame } from './codec.ts'
import { type Command, CommandError, readCommand } from './command.ts'

/** What all connections of a location share. */
export interface ConnectionContext {
  readonly hub: Hub
  readonly encoder: FrameEncoder
  /** Channels in one connection. */
  readonly maxChannels: number
  /** Unsent bytes of answers above which a client that does not read is let go. */
  readonly maxUnsentBytes: number
}

/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION = 1008
const UNSUPPORTED = 1003

/**
 * One WebSocket: its channels are one subscription with one cursor. Frames are written to the socket
 * directly, whole, so that one Buffer serves everybody.
 */
export class WebSocketConnection {
  readonly #socket: WebSocket
  readonly #stream: StreamConnection
  readonly #context: ConnectionContext
  readonly #mayPublish: () => void
  #subscription: Subscription | undefined
  #selectors = new Selectors([])

  /** @param mayPublish throws when this client may not */
  constructor(
    socket: WebSocket,
    stream: StreamConnection,
    context: ConnectionContext,
    mayPublish: () => void,
  ) {
    this.#socket = socket
    this.#stream = stream
    this.#context = context
    this.#mayPublish = mayPublish
    socket.on('message', (data, isBinary) => {
      if (isBinary) socket.close(UNSUPPORTED, 'frames are JSON text')
      // ws gives one Buffer unless it is told otherwise.
      else this.#received((data as Buffer).toString('utf8'))
    })
    // The close that follows is what counts.
    socket.on('error', () => {})
  }

  /** Follows what the URL names, from the start. */
  open(selectors: Selectors, names: readonly string[], since: Since): void {
    const { hub, encoder } = this.#context
    this.#selectors = selectors
    // Said before anything is written: every later frame lies after it.
    if (names.length > 0) this.#subscribed(names, positionOf(since, hub.head), undefined)
    this.#subscription = hub.follow({ selectors, encoder, sink: this.#stream, since })
    this.#stream.attach(this.#subscription)
  }

  #received(text: string): void {
    try {
      this.#obey(readCommand(text))
    } catch (thrown) {
      if (thrown instanceof CommandError) this.#fail(thrown.error, thrown.ref)
      else this.#fail(thrown, undefined)
    }
  }

  #obey(command: Command): void {
    const { ref } = command
    switch (command.kind) {
      case 'subscribe':
        this.#subscribe(command)
        return
      case 'unsubscribe':
        this.#selectors = this.#selectors.without(command.selectors)
        this.#subscription?.drop(command.selectors)
        this.#send({ unsubscribed: command.names, ref })
        return
      case 'publish':
        this.#publish(command)
        return
      case 'ping':
        this.#send({ pong: formatId(this.#context.hub.head), ref })
    }
  }

  #subscribe({ selectors, names, since, ref }: Command & { kind: 'subscribe' }): void {
    const all = this.#selectors.with(selectors)
    if (all.size > this.#context.maxChannels) {
      const detail = `One connection follows at most ${this.#context.maxChannels} channels.`
      this.#fail(new FanfareError('too_many', detail), ref)
      return
    }
    this.#selectors = all
    this.#subscription?.add(selectors, since, (position) => {
      this.#subscribed(names, position, ref)
    })
  }

  #publish({ draft, name, ref }: Command & { kind: 'publish' }): void {
    attempt(
      () => {
        this.#mayPublish()
        return this.#context.hub.publish(draft)
      },
      ({ id, duplicate, receivers }) => {
        const answer = { published: formatId(id), channel: name, receivers, ref }
        this.#send(duplicate ? { ...answer, duplicate } : answer)
      },
      (error) => this.#fail(error, ref),
    )
  }

  #subscribed(names: readonly string[], position: MessageId | undefined, ref: unknown): void {
    this.#send({
      subscribed: names,
      ...(position === undefined ? {} : { position: formatId(position) }),
      ref,
    })
  }

  #fail(thrown: unknown, ref: unknown): void {
    const { code, message } = asFanfareError(thrown)
    this.#send({ error: { code, message }, ref })
  }

  #send(answer: Record<string, unknown>): void {
    if (this.#stream.unsent > this.#context.maxUnsentBytes) {
      this.#socket.close(POLICY_VIOLATION, 'answers are not being read')
      return
    }
    this.#stream.write(textFrame(JSON.stringify(answer)))
  }
}

/** Where a subscription starts, when that is a position already. */
function positionOf(since: Since, head: MessageId): MessageId | undefined {
  if (since.kind === 'now') return head
  return since.kind === 'all' ? undefined : since.after
}
