import { BEFORE_ALL, type MessageId } from '../model/id.ts'
import { FanfareError } from '../model/errors.ts'
import { attempt } from '../model/maybe.ts'
import { areSame, type Message } from '../model/message.ts'
import type { Selectors } from '../model/selector.ts'
import type { Page, Store } from '../stores/store.ts'
import type { Audience } from './audience.ts'
import type { EndReason, Gap } from './contract.ts'
import type { Timings } from './timings.ts'
import { ADOPT_FLOOR, type Backfill, type Follower, isUnheard, type Start } from './follower.ts'

/** Messages in one slice, beside the bound in bytes. */
const SLICE_MESSAGES = 512
/** Slices given in one loop turn, to all followers together: what live traffic waits at most. */
const TURN_SLICES = 128

/** Bytes of the encoded page that is kept from one turn to the next. */
const LONGEST_KEPT = 256 * 2 ** 10

/** What was encoded last, and what of. Those who come back one after the other mostly missed the same. */
interface Encoded {
  readonly audience: Audience
  readonly messages: readonly Message[]
  readonly bytes: Buffer
}

/** A page of history as bytes: read and encoded once for all who ask for it in the same turn. */
interface EncodedPage {
  readonly page: Page
  readonly bytes: Buffer | undefined
}

export interface CatchUpHost {
  readonly store: Store
  readonly head: MessageId
  readonly catchUpBytes: number
  readonly timings: Timings
  readonly maxUnsentBytes: number
  /** Asks for `run` at the end of this loop turn. */
  schedule(): void
  /** Takes a follower out and tells its sink. */
  end(follower: Follower, reason: EndReason): void
  failed(error: unknown): void
}

/**
 * Feeds those behind from the store: one bounded slice each in turn, as their sockets take it, until
 * they have reached the head and are live again. New subscribers with a cursor, slow readers and
 * reconnects all come through here.
 */
export class CatchUp {
  readonly #host: CatchUpHost
  readonly #queue: Due[] = []
  /** Those for whom the store could not be read, until it says that it can. */
  #refused: Due[] = []
  /** Slices already given in this turn. */
  #given = 0
  readonly #pages = new Map<Audience, Map<number, EncodedPage>>()
  #encoded: Encoded | undefined

  constructor(host: CatchUpHost) {
    this.#host = host
  }

  /** Feeds a follower at once if its socket and this turn can still bear it, else in its turn. */
  start(follower: Follower): void {
    if (follower.sink.unsent > this.#host.maxUnsentBytes) this.startWhenSent(follower)
    else if (this.#queue.length === 0 && this.#given < TURN_SLICES) {
      this.#host.schedule()
      this.#feed(follower)
    } else this.#enqueue(follower)
  }

  /** Feeds a follower once its socket has room. */
  startWhenSent(follower: Follower): void {
    follower.sentTicket = ++follower.ticket
    // One call at a time: a client that does not read must not make its socket keep more and more.
    if (follower.awaitsSocket) return
    follower.awaitsSocket = true
    follower.sink.whenSent(() => {
      follower.awaitsSocket = false
      if (isDue(follower, follower.sentTicket)) this.#enqueue(follower)
    })
  }

  /** Something was deleted: nothing of it is kept. */
  forget(): void {
    this.#encoded = undefined
  }

  /** The store can be read again. */
  retry(): void {
    for (const { follower, ticket } of this.#refused.splice(0)) {
      if (isDue(follower, ticket)) this.#enqueue(follower)
    }
  }

  /** One turn's share. */
  run(): void {
    this.#given = 0
    for (const { follower, ticket } of this.#queue.splice(0, TURN_SLICES)) {
      if (isDue(follower, ticket)) this.#feed(follower)
    }
    // Kept no longer: what a page holds may run out, be deleted or be dropped.
    this.#pages.clear()
    if (this.#queue.length > 0) this.#host.schedule()
  }

  #enqueue(follower: Follower): void {
    this.#queue.push({ follower, ticket: ++follower.ticket })
    this.#host.schedule()
  }

  #feed(follower: Follower): void {
    this.#given++
    const backfill = follower.backfills?.[0]
    const { audience } = follower
    const known = backfill ? undefined : this.#pages.get(audience)?.get(follower.cursor)
    if (known) {
      this.#safely(follower, () => this.#give(follower, undefined, known.page, known))
      return
    }
    const ticket = ++follower.ticket
    const began = performance.now()
    attempt(
      () =>
        this.#host.store.read({
          selectors: backfill?.selectors ?? audience.selectors,
          after: (backfill ?? follower).cursor,
          limit: audience.once ? 1 : SLICE_MESSAGES,
          bytes: this.#host.catchUpBytes,
          ...(backfill && !isUnheard(backfill) ? { upTo: backfill.upTo } : {}),
        }),
      (page) => {
        this.#host.timings.read.since(began)
        if (!isDue(follower, ticket)) return
        this.#safely(follower, () => this.#give(follower, backfill, page, undefined))
      },
      (error) => {
        if (!isDue(follower, ticket)) return
        if (this.#host.store.tellsAvailable && isUnavailable(error)) {
          this.#refused.push({ follower, ticket })
        } else this.#safely(follower, () => fail(error))
      },
    )
  }

  /** What fails for one follower ends that one, and is heard of. */
  #safely(follower: Follower, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#host.failed(error)
      this.#host.end(follower, 'failed')
    }
  }

  #give(
    follower: Follower,
    backfill: Backfill | undefined,
    page: Page,
    known: EncodedPage | undefined,
  ): void {
    const { audience } = follower
    const cursor = backfill ?? follower
    if (backfill && isUnheard(backfill)) {
      this.#judge(follower, backfill, page)
      return
    }
    const gap = gapOf(cursor, page)
    if (gap) {
      if (!audience.encoder.tellsGaps) {
        audience.traffic.gaps++
        this.#host.end(follower, 'gap')
        return
      }
      cursor.told = page.floor
      cursor.foreign = undefined
    }
    // One that was not told yet becomes part of the newer one.
    if (audience.once && gap) follower.gap = { from: follower.gap?.from ?? gap.from, to: gap.to }
    const bytes = this.#encode(follower, backfill, page, gap, known)
    cursor.cursor = page.upTo
    if (gap) audience.traffic.gaps++
    if (bytes) {
      follower.sink.write(bytes)
      audience.traffic.delivered += audience.once ? 1 : page.messages.length
      audience.traffic.bytes += bytes.length
    }
    if (audience.once && bytes) {
      this.#host.end(follower, 'served')
      return
    }
    this.#goOn(follower)
  }

  /**
   * The store has said whether an id is real that was not announced here. One that lies beyond its
   * end is not of its present life: whoever holds it may have missed all that is here.
   */
  #judge(follower: Follower, backfill: Backfill, page: Page): void {
    const { cursor, added, caughtUp } = backfill
    const real = page.upTo >= cursor
    const start = real ? backfill : { cursor: BEFORE_ALL, told: BEFORE_ALL, foreign: cursor }
    follower.backfills?.shift()
    follower.owe(added, start, page.upTo, caughtUp)
    this.#goOn(follower)
  }

  #encode(
    follower: Follower,
    backfill: Backfill | undefined,
    page: Page,
    gap: Gap | undefined,
    known: EncodedPage | undefined,
  ): Buffer | undefined {
    const { encoder, once } = follower.audience
    const { selectors } = backfill ?? follower.audience
    const { messages } = page
    if (once) {
      // A poll has one answer: a gap without a message waits until there is one to tell it with.
      return messages.length > 0 ? encoder.encode(messages, follower.gap, selectors) : undefined
    }
    if (gap) return encoder.encode(messages, gap, selectors)
    if (known) return known.bytes
    const bytes =
      messages.length > 0 ? this.#encodeAll(follower.audience, messages, selectors) : undefined
    if (!backfill) {
      let pages = this.#pages.get(follower.audience)
      if (!pages) this.#pages.set(follower.audience, (pages = new Map()))
      pages.set(follower.cursor, { page, bytes })
      // The turn that ends this page's time.
      this.#host.schedule()
    }
    return bytes
  }

  /** The page was read again, so it is as good as now; only its bytes are those of before, if it is the same. */
  #encodeAll(audience: Audience, messages: readonly Message[], selectors: Selectors): Buffer {
    const known = this.#encoded
    const isOwn = selectors === audience.selectors
    const { encoder } = audience
    const isForUs = encoder.sameForAll
      ? known?.audience.encoder === encoder
      : known?.audience === audience
    if (isOwn && isForUs && known && areSame(known.messages, messages)) return known.bytes
    const bytes = encoder.encode(messages, undefined, selectors)
    // Nothing here is given back to be written over (`scratch.ts`). One message is encoded as soon as it is found.
    const isKept = isOwn && messages.length > 1 && bytes.length <= LONGEST_KEPT
    this.#encoded = isKept ? { audience, messages, bytes } : undefined
    return bytes
  }

  #goOn(follower: Follower): void {
    const { ticket } = follower
    let backfill = follower.backfills?.[0]
    for (; backfill && backfill.cursor === backfill.upTo; backfill = follower.backfills?.[0]) {
      follower.backfills?.shift()
      // Of the very same channels, a gap is not told twice.
      const { key } = follower.audience.selectors
      if (backfill.selectors.key === key && backfill.told > follower.told) {
        follower.told = backfill.told
      }
      backfill.caughtUp(backfill.upTo)
      // The door heard of it, and may have closed or changed the subscription.
      if (!isDue(follower, ticket)) return
    }
    if (!backfill && follower.cursor >= this.#host.head) {
      follower.backfills = undefined
      follower.audience.join(follower)
    } else if (follower.sink.unsent > 0) this.startWhenSent(follower)
    else this.#enqueue(follower)
  }
}

interface Due {
  readonly follower: Follower
  readonly ticket: number
}

function isUnavailable(error: unknown): boolean {
  return error instanceof FanfareError && error.code === 'store_unavailable'
}

function isDue(follower: Follower, ticket: number): boolean {
  return follower.ticket === ticket && follower.state === 'behind'
}

function fail(error: unknown): never {
  throw error instanceof Error ? error : new Error(String(error))
}

/** The gap that a page shows, if it shows one that was not told yet. */
function gapOf(cursor: Start, page: Page): Gap | undefined {
  if (cursor.foreign !== undefined) return { from: cursor.foreign, to: page.floor }
  if (cursor.told === ADOPT_FLOOR) {
    // Of several channels, one may yet drop what lies below another's floor.
    cursor.told = BEFORE_ALL
    return undefined
  }
  if (page.floor <= cursor.cursor || page.floor <= cursor.told) return undefined
  return { from: cursor.cursor, to: page.floor }
}
