import {
  ALL,
  type Encoder,
  type Gap,
  type Since,
  type Subscription,
} from '../../../src/hub/contract.ts'
import type { MessageId } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import type { Selectors } from '../../../src/model/selector.ts'
import { after, Connection, type Rig } from '../rig.ts'
import type { Entry, Ledger } from './ledger.ts'

/** Each message and each gap as one line that a client can read. */
export class JsonLines implements Encoder {
  readonly door = 'test'
  readonly key: string
  readonly tellsGaps: boolean

  constructor(key: string, tellsGaps: boolean) {
    this.key = key
    this.tellsGaps = tellsGaps
  }

  encode(messages: readonly Message[], gap?: Gap): Buffer {
    if (messages.length === 0 && !gap) throw new Error('asked to say nothing')
    if (gap && !this.tellsGaps) throw new Error('asked to tell a gap')
    const lines: string[] = gap ? [JSON.stringify({ gap: [gap.from, gap.to] })] : []
    for (const { id, body } of messages) lines.push(JSON.stringify({ id, body: body.toString() }))
    return Buffer.from(`${lines.join('\n')}\n`)
  }
}

/** A connection whose client reads what has left it. */
export class ReadConnection extends Connection {
  readonly #read: (line: string) => void
  readonly #written: (bytes: Buffer) => void
  #taken = 0

  constructor(read: (line: string) => void, written: (bytes: Buffer) => void) {
    super()
    this.#read = read
    this.#written = written
  }

  override write(bytes: Buffer): void {
    this.#written(bytes)
    super.write(bytes)
    this.#deliver()
  }

  override sent(bytes?: number): void {
    this.#deliver(Math.min(bytes ?? this.unsent, this.unsent))
    super.sent(bytes)
  }

  #deliver(more = 0): void {
    const all = Buffer.concat(this.chunks)
    const taken = all.length - this.unsent + more
    const arrived = all.subarray(this.#taken, taken)
    const lines = arrived.subarray(0, arrived.lastIndexOf(0x0a) + 1)
    this.#taken += lines.length
    for (const line of lines.toString().split('\n').slice(0, -1)) this.#read(line)
  }
}

/** What a client is owed: what these select, after `from`. */
export interface Claim {
  readonly selectors: Selectors
  readonly from: MessageId
  /** It asked for all that is kept: what was dropped before the first was written is no gap. */
  readonly all: boolean
  /** The step in which that was. */
  first: number
  /** Where among the client's events this began. */
  readonly begun: number
  /** The newest message that it may still get, once it was dropped. */
  until: MessageId
}

type Event = { readonly id: MessageId } | { readonly gap: readonly [MessageId, MessageId] }
const FOREVER = Infinity as MessageId

/**
 * A subscriber over all its connections: it knows what it is owed, and checks what it gets as it
 * comes: nothing that it did not ask for, nothing below its cursor, nothing twice, all in order.
 */
export abstract class Client {
  readonly rig: Rig
  readonly ledger: Ledger
  readonly encoder: Encoder
  readonly claims: Claim[] = []
  readonly events: Event[] = []
  readonly #got = new Set<MessageId>()
  connection: ReadConnection
  subscription: Subscription | undefined
  slow = false
  wrong: string | undefined

  constructor(rig: Rig, ledger: Ledger, encoder: Encoder) {
    this.rig = rig
    this.ledger = ledger
    this.encoder = encoder
    this.connection = this.newConnection()
  }

  /** Makes the claims of a subscription from here. */
  claim(selectors: Selectors, since: Since<MessageId>): void {
    const { head } = this.rig.hub
    let from = head
    if (since.kind === 'all') from = 0 as MessageId
    else if (since.kind === 'time') from = Math.min(since.after, head) as MessageId
    else if (since.kind === 'id') from = since.after
    const all = since.kind === 'all'
    // An id that the store never gave begins anew, with a gap.
    if (since.kind === 'id' && from > this.ledger.last) from = 0 as MessageId
    this.claims.push({
      selectors,
      from,
      all,
      begun: this.events.length,
      until: FOREVER,
      first: FOREVER,
    })
  }

  /** Notes the first thing that is wrong. */
  protected object(complaint: string): void {
    this.wrong ??= complaint
  }

  /** Ends a connection; what it holds unsent never arrives. */
  disconnect(): void {
    this.subscription?.close()
    this.subscription = undefined
    this.connection = this.newConnection()
  }

  protected newConnection(): ReadConnection {
    const connection: ReadConnection = new ReadConnection(
      (line) => {
        if (connection === this.connection) this.#read(line)
      },
      (bytes) => this.#written(bytes),
    )
    connection.slow = this.slow
    return connection
  }

  /** Comes back after a connection was lost. */
  abstract reconnect(): void

  /** Goes on, when it has something to go on with; true when it had. */
  goOn(): boolean {
    return false
  }

  /** The cursor to come back with for a claim. */
  protected resume(claim: Claim): Since<MessageId> {
    for (let index = this.events.length - 1; index >= claim.begun; index--) {
      const event = this.events[index] as Event
      if ('id' in event && this.#matches(claim, event.id)) return after(event.id)
    }
    claim.first = FOREVER
    return claim.all ? ALL : after(claim.from)
  }

  #written(bytes: Buffer): void {
    for (const line of bytes.toString().split('\n')) {
      const { id } = (line === '' ? {} : JSON.parse(line)) as { id?: MessageId }
      for (const claim of this.claims) {
        if (claim.first === FOREVER && id !== undefined && this.#matches(claim, id)) {
          claim.first = this.ledger.step
        }
      }
    }
  }

  #read(line: string): void {
    const told = JSON.parse(line) as { id?: MessageId; gap?: [MessageId, MessageId] }
    if (told.gap) {
      this.events.push({ gap: told.gap })
      this.told(...told.gap)
      return
    }
    const id = told.id as MessageId
    const open = this.claims.filter(
      (claim) => id > claim.from && id <= claim.until && this.#matches(claim, id),
    )
    if (open.length === 0) this.object(`${id} was not asked for`)
    if (this.#got.has(id)) this.object(`${id} came twice`)
    for (const claim of open) {
      const last = this.events
        .slice(claim.begun)
        .findLast((event) => 'id' in event && this.#matches(claim, event.id))
      if (last && 'id' in last && last.id > id) this.object(`${id} came after ${last.id}`)
    }
    this.#got.add(id)
    this.events.push({ id })
  }

  #matches({ selectors }: Claim, id: MessageId): boolean {
    const entry = this.ledger.find(id)
    return entry !== undefined && selectors.matches(entry.channel)
  }

  /** Hears of each gap. */
  protected told(_from: MessageId, _to: MessageId): void {}

  /** What is wrong when all has come to rest; undefined when nothing is. */
  complaint(): string | undefined {
    if (this.wrong !== undefined) return this.wrong
    for (const claim of this.claims) {
      if (claim.until !== FOREVER) continue
      for (const entry of this.ledger.entries) {
        if (entry.id <= claim.from || !claim.selectors.matches(entry.channel)) continue
        if (this.#got.has(entry.id)) continue
        if (entry.fate === 'kept') return `${entry.id} is kept and never came`
        if (entry.fate === 'dropped' && !this.#excused(claim, entry)) {
          return `${entry.id} was dropped, and no gap was told`
        }
      }
    }
    const { position, isCurrent } = this.subscription ?? {}
    if (position !== undefined && isCurrent === false) {
      return `rests at ${JSON.stringify(position)}, before the end ${this.rig.hub.head}`
    }
    return undefined
  }

  /** Whether a gap that covers the message was told before anything later. */
  #excused(claim: Claim, entry: Entry): boolean {
    const events = this.events.slice(claim.begun)
    const later = events.findIndex(
      (event) => 'id' in event && event.id > entry.id && this.#matches(claim, event.id),
    )
    const before = later === -1 ? events : events.slice(0, later)
    const covered = before.some(
      (event) =>
        'gap' in event &&
        entry.id <= event.gap[1] &&
        (entry.id > event.gap[0] || event.gap[0] > this.ledger.last),
    )
    return covered || (claim.all && entry.gone <= claim.first)
  }
}
