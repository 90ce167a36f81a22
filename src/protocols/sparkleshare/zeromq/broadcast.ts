import { setTimeout } from 'node:timers/promises'
import type { XPublisher } from 'zeromq'
import type { Encoder, EndReason, Sink, Subscription } from '../../../hub/contract.ts'
import type { Hub } from '../../../hub/hub.ts'
import type { ChannelName } from '../../../model/channel.ts'
import type { MaybePromise } from '../../../model/maybe.ts'
import type { Message } from '../../../model/message.ts'
import { Selectors } from '../../../model/selector.ts'
import { revisionOf } from '../packet.ts'
import { framesOf, isAgain } from './frames.ts'
import { Topics } from './topics.ts'
import { turn } from './turn.ts'

/** How many frames are read before everybody else has a turn. */
const TURN = 256

/** How many messages are sent before everybody else has a turn, and libzmq's own thread with them. */
const STRETCH = 100

/**
 * A large batch is put into the peers' queues faster than libzmq's thread can take it out, however fast
 * the peers read. So while a queue is full, sending waits, this long at most; and then, for so long,
 * whoever's queue is full misses what comes, and nobody waits for it. In ms.
 */
const PATIENCE = 20
const IMPATIENCE = 1_000

/** How long what is under way has when the sockets are to be closed, in ms. */
const LINGER = 500

/** One message for the peers. */
interface Notification {
  /** One character a byte. */
  readonly channel: ChannelName
  readonly revision: Buffer
}

function lengthOf({ channel, revision }: Notification): number {
  return channel.length + revision.length
}

const BATCHES = new WeakMap<Buffer, readonly Notification[]>()

/** The Buffer is only as long as the batch, for the hub to count: frames are made one by one. */
class BroadcastEncoder implements Encoder {
  readonly key = 'sparkleshare zeromq'
  readonly door = 'zeromq'
  readonly tellsGaps = false

  encode(messages: readonly Message[]): Buffer {
    const batch = messages.map((message) => ({
      channel: message.channel,
      revision: Buffer.from(revisionOf(message) ?? ''),
    }))
    const bytes = Buffer.alloc(batch.reduce((sum, one) => sum + lengthOf(one), 0))
    BATCHES.set(bytes, batch)
    return bytes
  }
}

/** Whom a broadcast is for, and what becomes of it. */
export interface Recipients {
  /** Whether whoever has connected may be told. */
  mayTell(): boolean
  /** Whether it may follow this channel; unless given, all that it has asked for. */
  mayFollow?(channel: ChannelName): MaybePromise<boolean>
  /**
   * It is one peer alone: it is waited for, however long it does not read, and nothing is dropped. Called when it
   * has missed messages all the same, or asks for more topics than it may.
   */
  lost?(): void
  /** Topics of that one peer. */
  maxTopics?(): number
  onError(error: unknown): void
}

/**
 * The socket that notifies: two frames, the repository's name and the revision. Follows everything while
 * anybody is subscribed to anything.
 */
export class Broadcast implements Sink {
  readonly #socket: XPublisher
  readonly #hub: Hub
  readonly #recipients: Recipients
  #dropsUntil = 0
  /** As the socket was opened. */
  #noDrop = true
  readonly #encoder = new BroadcastEncoder()
  readonly #topics = new Topics()
  #subscription: Subscription | undefined
  #queue: (readonly Notification[])[] = []
  #sending = false
  #sent: (() => void)[] = []
  unsent = 0

  constructor(socket: XPublisher, hub: Hub, recipients: Recipients) {
    this.#socket = socket
    this.#hub = hub
    this.#recipients = recipients
  }

  /** Listens to who subscribes, until the socket closes. */
  async run(): Promise<void> {
    let count = 0
    for await (const frames of framesOf(this.#socket)) {
      const [first] = frames
      if (frames.length === 1 && first && first.length > 0) this.#heard(first)
      // Frames that wait are given without a turn between them.
      if (++count % TURN === 0) await turn()
    }
  }

  write(bytes: Buffer): void {
    const batch = BATCHES.get(bytes)
    // Another configuration may have closed it to some, who have connected before.
    if (!batch || !this.#recipients.mayTell()) return
    this.#queue.push(batch)
    this.unsent += bytes.length
    if (!this.#sending) void this.#send()
  }

  whenSent(then: () => void): void {
    if (this.#sending) this.#sent.push(then)
    else setImmediate(then)
  }

  /** Peers cannot be told of a gap, as ZeroMQ itself does not when it drops; it goes on from now. */
  ended(reason: EndReason): void {
    this.#subscription = undefined
    if (this.#recipients.lost) {
      this.#recipients.lost()
      return
    }
    this.#recipients.onError(
      new Error(`sparkleshare: the broadcast over ZeroMQ missed messages (${reason})`),
    )
    this.#follow()
  }

  /** Follows nothing any more. @returns once what was to be sent is in libzmq's hands, or it takes too long */
  async finish(): Promise<void> {
    this.#subscription?.close()
    this.#subscription = undefined
    const end = performance.now() + LINGER
    while (this.#sending && performance.now() < end) await setTimeout(1)
    // What libzmq has not given to its peers by then is lost, as it is to them whenever they are slow.
    if (!this.#socket.closed) quietly(() => (this.#socket.linger = LINGER))
  }

  close(): void {
    this.#subscription?.close()
    this.#subscription = undefined
    this.#queue = []
    this.#socket.close()
  }

  /** A subscription is 1 and a prefix, its end 0 and a prefix (ZMTP 3.0, ZeroMQ RFC 23). */
  #heard(frame: Buffer): void {
    const topic = frame.toString('latin1', 1)
    if (frame[0] === 1) this.#topics.add(topic)
    else if (frame[0] === 0) this.#topics.remove(topic)
    if (this.#topics.size > (this.#recipients.maxTopics?.() ?? Number.POSITIVE_INFINITY)) {
      this.#recipients.lost?.()
      return
    }
    if (this.#topics.size === 0) {
      this.#subscription?.close()
      this.#subscription = undefined
    } else if (!this.#subscription) this.#follow()
  }

  #follow(): void {
    if (this.#socket.closed) return
    const selectors = new Selectors([], [''])
    this.#subscription = this.#hub.follow({ selectors, encoder: this.#encoder, sink: this })
  }

  /** One at a time, as the socket wants it. */
  async #send(): Promise<void> {
    this.#sending = true
    let count = 0
    for (let batch = this.#queue.shift(); batch; batch = this.#queue.shift()) {
      for (const notification of batch) {
        if (this.#socket.closed) return
        const { channel, revision } = notification
        const topics = this.#topics.spellings(channel)
        const may = topics.length === 0 || (this.#recipients.mayFollow?.(channel) ?? true)
        if (may === true || (await may)) {
          for (const topic of topics) await this.#sendOne([Buffer.from(topic, 'latin1'), revision])
        }
        this.unsent -= lengthOf(notification)
        if (++count % STRETCH === 0) await setTimeout(1)
      }
    }
    this.unsent = 0
    this.#sending = false
    const sent = this.#sent
    this.#sent = []
    for (const then of sent) then()
  }

  async #sendOne(frames: Buffer[]): Promise<void> {
    const socket = this.#socket
    for (let waited = 0; !socket.closed; waited++) {
      const now = performance.now()
      if (waited > PATIENCE && !this.#recipients.lost) this.#dropsUntil = now + IMPATIENCE
      const noDrop = now >= this.#dropsUntil
      if (noDrop !== this.#noDrop) this.#setNoDrop(noDrop)
      try {
        await socket.send(frames)
        return
      } catch (error) {
        if (!isAgain(error)) {
          if (!socket.closed) this.#recipients.onError(error)
          return
        }
      }
      await setTimeout(waited > PATIENCE ? PATIENCE : 1)
    }
  }

  #setNoDrop(noDrop: boolean): void {
    this.#noDrop = noDrop
    quietly(() => {
      this.#socket.noDrop = noDrop
    })
  }
}

/**
 * The package warns that options take effect with the next bind only. This one is libzmq's XPUB_NODROP,
 * which counts at once (xpub_t::xset_option); nobody is to read of it on standard error.
 */
function quietly(work: () => void): void {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => {}
  try {
    work()
  } finally {
    process.emitWarning = emitWarning
  }
}
