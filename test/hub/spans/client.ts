import type { Since, Subscription } from '../../../src/hub/contract.ts'
import type { PartitionedHub } from '../../../src/hub/partitioned-hub.ts'
import { split } from '../../../src/hub/split.ts'
import {
  ALL_KEPT,
  beforeSecond,
  type Cursor,
  formatCursor,
  parseCursor,
  placeOf,
  unknownPlace,
} from '../../../src/model/cursor.ts'
import { idSecond, type MessageId } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { ReadConnection } from '../world/client.ts'
import type { Entry, Ledger } from '../world/ledger.ts'
import { type CursorLines, type Line, linesOf } from './lines.ts'

const FOREVER = Infinity as MessageId

/** What a client has to do with. */
export interface Surroundings {
  readonly hub: PartitionedHub
  /** One a partition. */
  readonly ledgers: readonly Ledger[]
  readonly encoder: CursorLines
}

/** What a claim is owed in one partition. */
interface Stretch {
  from: MessageId
  /** All that is kept was asked for: what was dropped before the first was written is no gap. */
  all: boolean
  first: number
  /** The newest that may still come, once it was dropped. */
  until: MessageId
}

/** What a client is owed: what these select, in each partition from somewhere on. */
export interface Claim {
  readonly selectors: Selectors
  readonly stretches: Stretch[]
  /** Where among the client's events this began. */
  readonly begun: number
  /** As it was asked for, for a client that comes back before it has had anything. */
  readonly since: Since
  dropped: boolean
}

/**
 * A subscriber over all its connections: it knows what it is owed, and checks what it gets as it comes:
 * nothing that it did not ask for, nothing twice, within a partition all in order.
 */
export abstract class SpanClient {
  readonly world: Surroundings
  readonly claims: Claim[] = []
  readonly events: Line[] = []
  readonly #got = new Set<string>()
  connection: ReadConnection
  subscription: Subscription | undefined
  slow = false
  wrong: string | undefined

  constructor(world: Surroundings) {
    this.world = world
    this.connection = this.#newConnection()
  }

  abstract reconnect(): void
  /** Goes on, when it has something to go on with; true when it had. */
  abstract goOn(): boolean
  /** Hears of each line, in order, after it was checked. */
  protected abstract heard(line: Line): void

  protected object(complaint: string): void {
    this.wrong ??= complaint
  }

  protected disconnect(): void {
    this.subscription?.close()
    this.subscription = undefined
    this.connection = this.#newConnection()
  }

  #newConnection(): ReadConnection {
    const connection: ReadConnection = new ReadConnection(
      (text) => {
        if (connection === this.connection) this.#read(JSON.parse(text) as Line)
      },
      (bytes) => this.#written(bytes),
    )
    connection.slow = this.slow
    return connection
  }

  protected claim(selectors: Selectors, since: Since): Claim {
    const { hub, ledgers } = this.world
    const alone = split(selectors, hub.partitions).length === 1
    const claim: Claim = {
      selectors,
      since,
      begun: this.events.length,
      dropped: false,
      stretches: hub.logs.map(({ head }, place) => {
        const last = (ledgers[place] as Ledger).last
        const { from, all } = startOf(since, { place, head, last, alone })
        return { from, all, first: FOREVER, until: FOREVER }
      }),
    }
    this.claims.push(claim)
    return claim
  }

  /** Comes back with what an earlier connection was given; where nothing was read, all is kept anew. */
  protected since(claim: Claim, cursor: string | undefined): Since {
    const { hub } = this.world
    const after = cursor === undefined ? undefined : parseCursor(cursor, hub.partitions)
    if (cursor !== undefined && after === undefined) throw new Error(`no cursor: ${cursor}`)
    for (const [place, stretch] of claim.stretches.entries()) {
      const at = after === undefined ? undefined : placeOf(after, place)
      if (after === undefined || at === ALL_KEPT) stretch.first = FOREVER
    }
    return after === undefined ? again(claim) : { kind: 'id', after }
  }

  #written(bytes: Buffer): void {
    for (const text of bytes.toString().split('\n')) {
      const line = text === '' ? undefined : (JSON.parse(text) as Line)
      if (line?.kind !== 'message') continue
      for (const claim of this.claims) {
        const stretch = claim.stretches[line.place] as Stretch
        if (stretch.first === FOREVER && this.#matches(claim, line.place, line.id)) {
          stretch.first = (this.world.ledgers[line.place] as Ledger).step
        }
      }
    }
  }

  #read(line: Line): void {
    if (line.kind === 'message') this.#check(line)
    this.events.push(line)
    this.heard(line)
  }

  #check({ place, id }: Line & { kind: 'message' }): void {
    const open = this.claims.filter((claim) => {
      const { from, until } = claim.stretches[place] as Stretch
      return id > from && id <= until && this.#matches(claim, place, id)
    })
    const name = `${place}:${id}`
    if (open.length === 0) this.object(`${name} was not asked for`)
    if (this.#got.has(name)) this.object(`${name} came twice`)
    this.#got.add(name)
    for (const claim of open) {
      const last = this.#messages(claim, place).at(-1)
      if (last !== undefined && last > id) this.object(`${name} came after ${last}`)
    }
  }

  #messages(claim: Claim, place: number): MessageId[] {
    return this.events
      .slice(claim.begun)
      .flatMap((event) =>
        event.kind === 'message' && event.place === place && this.#matches(claim, place, event.id)
          ? [event.id]
          : [],
      )
  }

  #matches({ selectors }: Claim, place: number, id: MessageId): boolean {
    const entry = this.world.ledgers[place]?.find(id)
    return entry !== undefined && selectors.matches(entry.channel)
  }

  /** What is wrong when all has come to rest; undefined when nothing is. */
  complaint(): string | undefined {
    if (this.wrong !== undefined) return this.wrong
    for (const claim of this.claims.filter(({ dropped }) => !dropped)) {
      for (const [place, ledger] of this.world.ledgers.entries()) {
        for (const entry of ledger.entries) {
          const complaint = this.#missing(claim, place, entry)
          if (complaint !== undefined) return complaint
        }
      }
    }
    const { isCurrent = true, position } = this.subscription ?? {}
    if (!isCurrent && position !== undefined) {
      const head = formatCursor(this.world.hub.head)
      return `rests at ${formatCursor(position)}, before the end ${head}`
    }
    return undefined
  }

  #missing(claim: Claim, place: number, entry: Entry): string | undefined {
    const { from } = claim.stretches[place] as Stretch
    const name = `${place}:${entry.id}`
    if (entry.id <= from || !claim.selectors.matches(entry.channel)) return undefined
    if (this.#got.has(name)) return undefined
    if (entry.fate === 'kept') return `${name} is kept and never came`
    if (entry.fate !== 'dropped' || this.#excused(claim, place, entry)) return undefined
    return `${name} was dropped, and no gap was told`
  }

  /** Whether a gap that covers the message was told before anything later of its partition. */
  #excused(claim: Claim, place: number, entry: Entry): boolean {
    const { all, first } = claim.stretches[place] as Stretch
    const { last } = this.world.ledgers[place] as Ledger
    const events = this.events.slice(claim.begun)
    const later = events.findIndex(
      (event) =>
        event.kind === 'message' &&
        event.place === place &&
        event.id > entry.id &&
        this.#matches(claim, place, event.id),
    )
    const covered = (later === -1 ? events : events.slice(0, later)).some(
      (event) =>
        event.kind === 'gap' &&
        event.place === place &&
        entry.id <= event.to &&
        (entry.id > event.from || event.from > last),
    )
    return covered || (all && entry.gone <= first)
  }
}

/** The same start for whoever has had nothing yet: 'now' was then, and so was the end that bounds a guess. */
function again({ since, stretches }: Claim): Since {
  const begins = stretches.map(({ from }) => from)
  return begins.includes(0 as MessageId) ? since : { kind: 'id', after: begins }
}

interface Where {
  readonly place: number
  readonly head: MessageId
  /** The newest that the store has given, announced or not. */
  readonly last: MessageId
  /** Whether nothing is followed elsewhere. */
  readonly alone: boolean
}

/** From where on a start owes in one partition. */
function startOf(since: Since, { place, head, last, alone }: Where): Pick<Stretch, 'from' | 'all'> {
  const kept = { from: 0 as MessageId, all: true }
  const time = (after: MessageId): Pick<Stretch, 'from' | 'all'> =>
    after === ALL_KEPT ? kept : { from: Math.min(after, head) as MessageId, all: false }
  // An id that the store never gave begins anew, with a gap.
  const id = (after: MessageId): Pick<Stretch, 'from' | 'all'> => ({
    from: after > last ? (0 as MessageId) : after,
    all: false,
  })
  if (since.kind === 'now') return { from: head, all: false }
  if (since.kind === 'all') return kept
  const after: Cursor = since.after
  if (typeof after === 'object') {
    const known = after[place]
    if (known === undefined) return time(unknownPlace(after))
    return known === ALL_KEPT ? kept : id(known)
  }
  if (since.kind === 'time') return time(after)
  return alone || idSecond(after) >= 4_000_000_000 ? id(after) : time(beforeSecond(after))
}

/** Follows a fixed selection with one cursor, as SSE does, and comes back with the last it was shown. */
export class StreamClient extends SpanClient {
  /** By partition, the highest that this connection was told of. */
  #floors = new Map<number, MessageId>()
  #cursor: string | undefined

  constructor(world: Surroundings, selectors: Selectors, since: Since) {
    super(world)
    this.claim(selectors, since)
    this.#follow(since)
  }

  reconnect(): void {
    this.disconnect()
    this.#follow(this.since(this.claims[0] as Claim, this.#cursor))
  }

  goOn(): boolean {
    return false
  }

  #follow(since: Since): void {
    const { selectors } = this.claims[0] as Claim
    const { hub, encoder } = this.world
    const { connection } = this
    this.#floors = new Map()
    connection.onEnded = (reason) => this.object(`ended: ${reason}`)
    this.subscription = hub.follow({ selectors, encoder, sink: connection, since })
  }

  protected heard(line: Line): void {
    if (line.kind === 'message') this.#cursor = line.cursor
    if (line.kind !== 'gap') return
    const { place, to } = line
    if (to <= (this.#floors.get(place) ?? 0)) this.object(`the gap up to ${to} was told again`)
    this.#floors.set(place, to)
  }
}

/** Asks for one message at a time, each with the cursor behind the last. */
export class PollClient extends SpanClient {
  #waiting = false
  #cursor: string | undefined

  constructor(world: Surroundings, selectors: Selectors, since: Since) {
    super(world)
    this.claim(selectors, since)
    this.#poll(since)
  }

  reconnect(): void {
    this.disconnect()
    this.#poll(this.since(this.claims[0] as Claim, this.#cursor))
  }

  goOn(): boolean {
    if (this.#waiting || this.connection.unsent > 0) return false
    this.reconnect()
    return true
  }

  #poll(since: Since): void {
    this.#waiting = true
    const { connection } = this
    const { selectors } = this.claims[0] as Claim
    connection.onEnded = (reason) => {
      if (connection !== this.connection) this.object('ended after it was closed')
      // Of more than one channel, what is left is still waited for.
      const known = reason === 'served' || (reason === 'deleted' && selectors.size === 1)
      if (!known) this.object(`ended: ${reason}`)
      this.#waiting = false
      this.subscription = undefined
    }
    const { hub, encoder } = this.world
    const subscription = hub.follow({ selectors, encoder, sink: connection, since, once: true })
    if (this.#waiting && connection === this.connection) this.subscription = subscription
  }

  protected heard(line: Line): void {
    if (line.kind === 'message') this.#cursor = line.cursor
  }
}

/**
 * Adds and drops on one connection, and comes back as docs/protocols/websocket.md says: what has not caught
 * up has a cursor of its own, and all else one together.
 */
export class SocketClient extends SpanClient {
  readonly #parts: readonly Selectors[]
  readonly #wanted = new Map<number, Claim>()
  readonly #own = new Map<number, string>()
  readonly #caughtUp = new Set<number>()
  #together: string | undefined

  /** @param parts what it may add, none within another */
  constructor(world: Surroundings, parts: readonly Selectors[]) {
    super(world)
    this.#parts = parts
    this.#open()
  }

  #open(): void {
    const { hub, encoder } = this.world
    this.connection.onEnded = (reason) => this.object(`ended: ${reason}`)
    const selectors = new Selectors([])
    this.subscription = hub.follow({ selectors, encoder, sink: this.connection })
  }

  add(part: number, since: Since): void {
    if (this.#wanted.has(part)) return
    const selectors = this.#parts[part] as Selectors
    // Whoever has had of it would get it again.
    if (this.claims.some((claim) => claim.selectors.key === selectors.key)) return
    this.#wanted.set(part, this.claim(selectors, since))
    this.#subscribe(part, since)
  }

  #subscribe(part: number, since: Since): void {
    const { connection } = this
    this.subscription?.add(this.#parts[part] as Selectors, since, (position) => {
      connection.write(linesOf([{ kind: 'caught up', part, cursor: formatCursor(position) }]))
    })
  }

  drop(part: number): void {
    const claim = this.#wanted.get(part)
    if (!claim) return
    claim.dropped = true
    for (const [place, stretch] of claim.stretches.entries()) {
      stretch.until = (this.world.ledgers[place] as Ledger).last
    }
    this.#wanted.delete(part)
    this.#caughtUp.delete(part)
    this.#own.delete(part)
    this.subscription?.drop(this.#parts[part] as Selectors)
  }

  reconnect(): void {
    for (const part of this.#caughtUp) this.#own.set(part, this.#together as string)
    this.#caughtUp.clear()
    this.disconnect()
    this.#open()
    for (const [part, claim] of this.#wanted) {
      this.#subscribe(part, this.since(claim, this.#own.get(part)))
    }
  }

  goOn(): boolean {
    return false
  }

  protected heard(line: Line): void {
    if (line.kind === 'caught up') {
      if (!this.#wanted.has(line.part)) return
      this.#caughtUp.add(line.part)
      this.#together = line.cursor
    } else if (line.kind === 'message') {
      const channel = line.channel as Parameters<Selectors['matches']>[0]
      const part = this.#parts.findIndex((selectors) => selectors.matches(channel))
      if (this.#caughtUp.has(part)) this.#together = line.cursor
      else if (this.#wanted.has(part)) this.#own.set(part, line.cursor)
    }
  }

  override complaint(): string | undefined {
    const late = [...this.#wanted.keys()].find((part) => !this.#caughtUp.has(part))
    return super.complaint() ?? (late === undefined ? undefined : `part ${late} never caught up`)
  }
}
