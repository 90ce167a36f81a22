import type { EndReason, Encoder, Log, Sink, Subscription } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import type { ChannelName } from '../../model/channel.ts'
import { type Cursor, cursorFrom } from '../../model/cursor.ts'
import type { MessageId } from '../../model/id.ts'
import { all, attempt, chain, type MaybePromise } from '../../model/maybe.ts'
import type { Message } from '../../model/message.ts'
import { Selectors } from '../../model/selector.ts'
import type { Waiting } from './connection.ts'

/** One of XREAD's streams. */
export interface Stream {
  /** As the client spells it. */
  readonly name: string
  readonly channel: ChannelName
  readonly after: MessageId
  /** ms since 1970. */
  readonly from: number
}

export interface ReadRequest {
  readonly streams: readonly Stream[]
  /** Entries of each stream at most. */
  readonly count: number
  /** About so many bytes in all; what is left is there for the next XREAD. */
  readonly maxBytes: number
}

export interface Found {
  /** Streams that have something, in the order asked for. */
  readonly streams: readonly { readonly name: string; readonly messages: readonly Message[] }[]
  /** Nothing more is there up to here. */
  readonly upTo: Cursor
}

/** Entries of one stream at once, whatever is asked for. */
const MOST = 1_000_000

/** What is there now. */
export function readStreams(hub: Hub, request: ReadRequest): MaybePromise<Found> {
  const { streams, count } = request
  const bytes = Math.floor(request.maxBytes / streams.length)
  const limit = Math.min(count, MOST)
  const reads = streams.map(({ channel, after, from }) =>
    readFrom(hub.at(channel), { selectors: Selectors.channel(channel), after, limit, bytes }, from),
  )
  return chain(all(reads), (pages) => ({
    streams: streams
      .map(({ name }, index) => ({ name, messages: pages[index]?.messages ?? [] }))
      .filter(({ messages }) => messages.length > 0),
    upTo: cursorFrom(
      hub.partitions,
      streams.map(({ channel }, index) => {
        const { place, head } = hub.at(channel)
        return [place, Math.min(pages[index]?.upTo ?? head, head) as MessageId] as const
      }),
    ),
  }))
}

type Query = Parameters<Log['read']>[0]
type Slice = { messages: readonly Message[]; upTo: MessageId }

/** @param from messages before this time (ms) are passed by: they share a second with what is wanted */
function readFrom(log: Log, query: Query, from: number): MaybePromise<Slice> {
  return chain(log.read(query), ({ messages, upTo }): MaybePromise<Slice> => {
    const wanted = from === 0 ? messages : messages.filter(({ time }) => time >= from)
    if (wanted.length > 0 || messages.length === 0) return { messages: wanted, upTo }
    return readFrom(log, { ...query, after: upTo }, from)
  })
}

const NOTHING = Buffer.alloc(0)

/** Only that there is something counts: it is read then, as if it had been asked for anew. */
const WAKE: Encoder = {
  key: 'redis-wake',
  door: 'redis',
  tellsGaps: true,
  encode: () => NOTHING,
}

/** Reads in one loop turn, each with an answer of its own. */
const AT_ONCE = 128

/** Reads that were woken, in their order: thousands may wait for one message, and others for their turn. */
export class Woken {
  #due: BlockedRead[] = []
  #scheduled = false
  readonly #run = (): void => {
    const now = this.#due.slice(0, AT_ONCE)
    this.#due = this.#due.slice(AT_ONCE)
    this.#scheduled = this.#due.length > 0
    if (this.#scheduled) setImmediate(this.#run)
    for (const read of now) read.look()
  }

  /** Not at once: the hub may be telling others, too. */
  add(read: BlockedRead): void {
    this.#due.push(read)
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(this.#run)
  }
}

/** The longest that a Node.js timer can wait, in ms. */
const LONGEST = 2 ** 31 - 1

/** A client that waits for the first message of any of its streams. */
export class BlockedRead implements Sink, Waiting {
  readonly unsent = 0
  readonly #hub: Hub
  readonly #woken: Woken
  readonly #request: ReadRequest
  readonly #selectors: Selectors
  readonly #done: (outcome: { found?: Found; error?: unknown }) => void
  /** On performance.now's clock. */
  readonly #deadline: number
  #timer: NodeJS.Timeout | undefined
  #subscription: Subscription | undefined
  #following = false
  #over = false

  /**
   * @param ms how long to wait; 0 = for ever
   * @param done called once, unless it is cancelled before; without either when the time is over
   */
  constructor(
    { hub, woken }: { readonly hub: Hub; readonly woken: Woken },
    request: ReadRequest,
    ms: number,
    done: (outcome: { found?: Found; error?: unknown }) => void,
  ) {
    this.#hub = hub
    this.#woken = woken
    this.#request = request
    this.#done = done
    this.#selectors = new Selectors(request.streams.map(({ channel }) => channel))
    this.#deadline = ms === 0 ? Number.POSITIVE_INFINITY : performance.now() + ms
  }

  /** @param after everything up to here was looked at */
  start(after: Cursor): void {
    this.#wind()
    this.#follow(after)
  }

  write(): void {}

  whenSent(then: () => void): void {
    setImmediate(then)
  }

  ended(reason: EndReason): void {
    this.#following = false
    this.#subscription = undefined
    if (reason === 'failed') this.#finish({ error: new Error('the store could not be read') })
    else this.#woken.add(this)
  }

  cancel(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#subscription?.close()
    this.#subscription = undefined
  }

  #follow(after: Cursor): void {
    this.#following = true
    const subscription = this.#hub.follow({
      selectors: this.#selectors,
      encoder: WAKE,
      sink: this,
      since: { kind: 'id', after },
      once: true,
    })
    // It may have been served already.
    if (this.#following) this.#subscription = subscription
  }

  /** Reads what there is now, or waits on. */
  look(): void {
    if (this.#over) return
    attempt(
      () => readStreams(this.#hub, this.#request),
      (found) => {
        if (this.#over) return
        if (found.streams.length > 0) this.#finish({ found })
        // It ran out or was deleted since.
        else this.#follow(found.upTo)
      },
      (error) => this.#finish({ error }),
    )
  }

  #finish(outcome: { found?: Found; error?: unknown }): void {
    if (this.#over) return
    this.cancel()
    this.#done(outcome)
  }

  #wind(): void {
    const left = this.#deadline - performance.now()
    if (left === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(
      () => {
        if (performance.now() >= this.#deadline) this.#finish({})
        else this.#wind()
      },
      Math.min(LONGEST, Math.max(1, Math.ceil(left))),
    )
  }
}
