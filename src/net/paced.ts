/**
 * One write a notification. Old clients of the plain TCP doors read one message a read and drop the
 * rest, so each is written alone, in a loop turn of its own, and a moment after the one before.
 */
import type { EndReason, Sink, Subscription } from '../hub/contract.ts'
import type { MessageId } from '../model/id.ts'

/** Connections that are written to in one go: what everybody else waits at most. */
const TURN_WRITES = 1024

/** The notifications of a batch: parts of its one Buffer, and the message that each is about. */
interface Parts {
  readonly pieces: readonly Buffer[]
  readonly ids: readonly MessageId[]
}

const PARTS = new WeakMap<Buffer, Parts>()

/** A batch as one Buffer, which the writers here take apart again. For an Encoder's result. */
export function batchOf(pieces: readonly Buffer[], ids: readonly MessageId[]): Buffer {
  const whole = Buffer.concat(pieces)
  let at = 0
  // Views of the one Buffer, shared by all who are sent it.
  const views = pieces.map(({ length }) => whole.subarray(at, (at += length)))
  PARTS.set(whole, { pieces: views, ids })
  return whole
}

/** Gives every connection with something waiting its turn: one write, and then a pause. */
export class Pacer {
  /** Between two writes on one connection, in ms; 0: they only lie in different loop turns. */
  pause: number
  #due: PacedWriter[] = []
  /** Written to since the last round: they miss the next. */
  #fresh: PacedWriter[] = []
  #scheduled = false
  readonly #onError: (error: unknown) => void
  readonly #run = (): void => this.#turn()

  /** @param onError hears of a connection that failed; it is closed, and the others have their turn */
  constructor(pause: number, onError: (error: unknown) => void = rethrow) {
    this.pause = pause
    this.#onError = onError
  }

  /** This one was written to just now, or wants to be. */
  enlist(writer: PacedWriter): void {
    this.#fresh.push(writer)
    this.#schedule()
  }

  #turn(): void {
    this.#scheduled = false
    const now = this.#due.splice(0, TURN_WRITES)
    for (const writer of now) if (this.#hasMore(writer)) this.#due.push(writer)
    for (const writer of this.#fresh) this.#due.push(writer)
    this.#fresh = []
    if (this.#due.length > 0) this.#schedule()
  }

  #hasMore(writer: PacedWriter): boolean {
    try {
      return writer.turn()
    } catch (error) {
      writer.broken()
      this.#onError(error)
      return false
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (this.pause === 0) setImmediate(this.#run)
    else setTimeout(this.#run, this.pause)
  }
}

/** Where the bytes go: a `StreamConnection`. */
export type Outlet = Pick<Sink, 'write' | 'unsent' | 'whenSent'> & { broken?(): void }

/** About what keeping one notification costs beside its bytes: short ones have a bound, too. */
const WAITING_BYTES = 64

/** Something to write. */
interface Waiting {
  readonly bytes: Buffer
  /** The message that this is about; 0: what the door itself says. */
  readonly id: MessageId | 0
  readonly sink: PacedSink | undefined
}

/** All that is written to one connection. */
export class PacedWriter {
  readonly #pacer: Pacer
  readonly #outlet: Outlet
  #queue: Waiting[] = []
  /** Where the queue begins; what lies before is done with. */
  #first = 0
  #waitingBytes = 0
  #answerBytes = 0
  #state: 'idle' | 'enlisted' | 'full' | 'closed' = 'idle'
  #held = 0
  #sent: (() => void)[] = []

  constructor(pacer: Pacer, outlet: Outlet) {
    this.#pacer = pacer
    this.#outlet = outlet
  }

  /** Bytes that the kernel has not taken yet, and what it costs to keep them. */
  get unsent(): number {
    const waiting = this.#queue.length - this.#first
    return this.#waitingBytes + waiting * WAITING_BYTES + this.#outlet.unsent
  }

  /** Bytes of answers that wait here. */
  get unsentAnswers(): number {
    return this.#answerBytes
  }

  /** Writes what the door itself has to say, behind what waits already. */
  answer(bytes: Buffer): void {
    this.#answerBytes += bytes.length
    this.#enqueue({ bytes, id: 0, sink: undefined })
    this.#start()
  }

  /**
   * Writes a batch that `batchOf` has made. Each channel has batches of its own; what waits together is
   * written in the order in which it was published.
   */
  add(batch: Buffer, sink: PacedSink): void {
    const parts = PARTS.get(batch)
    if (!parts) return
    for (const [index, bytes] of parts.pieces.entries()) {
      this.#enqueue({ bytes, id: parts.ids[index] as MessageId, sink })
    }
    this.#start()
  }

  /** Calls `then` once all that was added was taken by the kernel. */
  whenSent(then: () => void): void {
    if (this.#isEmpty) this.#outlet.whenSent(then)
    else this.#sent.push(then)
  }

  /** As `whenSent`, for an outlet that is to leave. */
  whenSettled(then: () => void): void {
    this.whenSent(then)
  }

  /** Writes nothing until `release` was called as often. */
  hold(): void {
    this.#held++
  }

  release(): void {
    this.#held--
    if (this.#held === 0 && !this.#isEmpty && this.#state === 'idle') this.#enlist()
  }

  /** The connection is gone. */
  close(): void {
    this.#state = 'closed'
    this.#queue = []
    this.#first = 0
    this.#waitingBytes = 0
    this.#sent = []
  }

  /** It has failed: the connection is closed. */
  broken(): void {
    this.close()
    this.#outlet.broken?.()
  }

  /** For the pacer. @returns whether to ask again in the next turn */
  turn(): boolean {
    if (this.#state !== 'enlisted') return false
    this.#state = 'idle'
    if (this.#held > 0 || this.#isEmpty) return false
    if (this.#outlet.unsent > 0) {
      this.#waitForRoom()
      return false
    }
    this.#writeOne()
    this.#state = 'enlisted'
    return true
  }

  get #isEmpty(): boolean {
    return this.#first === this.#queue.length
  }

  #enqueue(waiting: Waiting): void {
    if (this.#state === 'closed') return
    const queue = this.#queue
    this.#waitingBytes += waiting.bytes.length
    let at = queue.length
    while (at > this.#first && waiting.id !== 0 && waiting.id < (queue[at - 1]?.id ?? 0)) at--
    if (at === queue.length) queue.push(waiting)
    else queue.splice(at, 0, waiting)
  }

  #start(): void {
    if (this.#state !== 'idle' || this.#held > 0) return
    if (this.#outlet.unsent > 0) this.#waitForRoom()
    else {
      this.#writeOne()
      this.#enlist()
    }
  }

  #enlist(): void {
    this.#state = 'enlisted'
    this.#pacer.enlist(this)
  }

  /** Behind unsent bytes a notification would go out together with them. */
  #waitForRoom(): void {
    this.#state = 'full'
    this.#outlet.whenSent(() => {
      if (this.#state === 'full') this.#enlist()
    })
  }

  /** The next notification that is still wanted. */
  #writeOne(): void {
    for (let written = false; !written && !this.#isEmpty; ) {
      const { bytes, id, sink } = this.#shift()
      this.#waitingBytes -= bytes.length
      if (id === 0) this.#answerBytes -= bytes.length
      written = id === 0 || sink === undefined || sink.takes(id)
      if (written) this.#outlet.write(bytes)
    }
    if (this.#isEmpty) this.#tellSent()
  }

  #shift(): Waiting {
    const waiting = this.#queue[this.#first++] as Waiting
    if (this.#first >= 64 && this.#first * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first)
      this.#first = 0
    }
    return waiting
  }

  #tellSent(): void {
    const sent = this.#sent
    this.#sent = []
    for (const then of sent) this.#outlet.whenSent(then)
  }
}

function rethrow(error: unknown): never {
  throw error
}

/** One channel that a connection follows. */
export class PacedSink implements Sink {
  readonly #writer: PacedWriter
  readonly #lost: () => void
  #subscription: Subscription | undefined
  #closed = false

  /** @param lost the hub can tell this connection nothing more: it has to be closed */
  constructor(writer: PacedWriter, lost: () => void) {
    this.#writer = writer
    this.#lost = lost
  }

  /** What is written here; ended by `close`. */
  attach(subscription: Subscription): void {
    if (this.#closed) subscription.close()
    else this.#subscription = subscription
  }

  /** Nothing more is written, not even what waits. */
  close(): void {
    this.#closed = true
    this.#subscription?.close()
    this.#subscription = undefined
  }

  get unsent(): number {
    return this.#writer.unsent
  }

  write(bytes: Buffer): void {
    this.#writer.add(bytes, this)
  }

  whenSent(then: () => void): void {
    this.#writer.whenSent(then)
  }

  ended(_reason: EndReason): void {
    this.#lost()
  }

  /** Asked once for each message, as its turn has come: whether it is to be written. */
  takes(_id: MessageId): boolean {
    return !this.#closed
  }
}
