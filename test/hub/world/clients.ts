import { ALL, NOW, type Encoder, type Since } from '../../../src/hub/contract.ts'
import { makeId, type MessageId } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { after, type Rig } from '../rig.ts'
import { Client, type Claim } from './client.ts'
import type { Ledger } from './ledger.ts'

/** Follows a fixed selection with one cursor, as SSE does. */
export class StreamClient extends Client {
  constructor(
    rig: Rig,
    ledger: Ledger,
    encoder: Encoder,
    selectors: Selectors,
    since: Since<MessageId>,
  ) {
    super(rig, ledger, encoder)
    this.claim(selectors, since)
    this.#follow(since)
  }

  reconnect(): void {
    if (this.gone) return
    this.disconnect()
    this.#follow(this.resume(this.claims[0] as Claim))
  }

  #follow(since: Since<MessageId>): void {
    const { selectors } = this.claims[0] as Claim
    const { connection, encoder } = this
    this.#floor = 0
    connection.onEnded = (reason) => {
      if (reason !== 'gap' || encoder.tellsGaps) this.object(`ended: ${reason}`)
      if (connection !== this.connection) this.object('ended after it was closed')
      // Told in the only way that its protocol has.
      this.gone = true
    }
    this.subscription = this.rig.hub.follow({ selectors, encoder, sink: connection, since })
  }

  /** Ended for a gap: nothing more is owed. */
  gone = false
  /** The highest that this connection was told of. */
  #floor = 0

  protected override told(_from: MessageId, to: MessageId): void {
    if (to <= this.#floor) this.object(`the gap up to ${to} was told again`)
    this.#floor = to
  }

  override complaint(): string | undefined {
    return this.gone ? this.wrong : super.complaint()
  }
}

/** Adds and drops what it follows on one connection, as WebSocket does, each with its own cursor. */
export class SocketClient extends Client {
  constructor(rig: Rig, ledger: Ledger, encoder: Encoder) {
    super(rig, ledger, encoder)
    this.#open()
  }

  #open(): void {
    this.connection.onEnded = (reason) => this.object(`ended: ${reason}`)
    this.subscription = this.rig.hub.follow({
      selectors: new Selectors([], []),
      encoder: this.encoder,
      sink: this.connection,
    })
  }

  #current(selectors: Selectors): Claim | undefined {
    return this.claims.find(
      (claim) => claim.selectors.key === selectors.key && claim.until === Infinity,
    )
  }

  add(selectors: Selectors, since: Since<MessageId>): void {
    if (this.#current(selectors) || !this.subscription) return
    const former = this.claims.findLast((claim) => claim.selectors.key === selectors.key)
    // What is still on its way cannot be known of.
    if (former && this.connection.unsent > 0) return
    // Whoever had it before comes back with the last that it got of it.
    const from = former ? this.resume(former) : since
    this.claim(selectors, from)
    this.subscription.add(selectors, from, () => {})
  }

  drop(selectors: Selectors): void {
    const claim = this.#current(selectors)
    if (!claim) return
    claim.until = this.ledger.last
    this.subscription?.drop(selectors)
  }

  reconnect(): void {
    this.disconnect()
    this.#open()
    for (const claim of this.claims) {
      if (claim.until !== Infinity) continue
      this.subscription?.add(claim.selectors, this.resume(claim), () => {})
    }
  }
}

/** Asks for one message at a time, each by a request of its own. */
export class PollClient extends Client {
  /** Asks again from within the end of the last request, and publishes so many answers there. */
  eager = false
  answers = 0
  #waiting = false

  constructor(
    rig: Rig,
    ledger: Ledger,
    encoder: Encoder,
    selectors: Selectors,
    since: Since<MessageId>,
  ) {
    super(rig, ledger, encoder)
    this.claim(selectors, since)
    this.#poll(since)
  }

  get #claim(): Claim {
    return this.claims[0] as Claim
  }

  reconnect(): void {
    this.disconnect()
    this.#poll(this.resume(this.#claim))
  }

  override goOn(): boolean {
    if (this.#waiting || this.connection.unsent > 0) return false
    this.reconnect()
    return true
  }

  #poll(since: Since<MessageId>): void {
    this.#waiting = true
    const { connection, encoder } = this
    connection.onEnded = (reason) => {
      if (connection !== this.connection) this.object('ended after it was closed')
      if (reason !== 'served' && reason !== 'deleted') this.object(`ended: ${reason}`)
      this.#waiting = false
      this.subscription = undefined
      if (this.answers-- > 0) {
        const channel = this.#claim.selectors.channels[0]
        if (channel !== undefined) {
          void this.rig.hub.publish({ channel, body: Buffer.from('answer') })
        }
      }
      if (this.eager) this.goOn()
    }
    const { selectors } = this.#claim
    const { hub } = this.rig
    const once = true
    const subscription = hub.follow({ selectors, encoder, sink: connection, since, once })
    if (this.#waiting && connection === this.connection) this.subscription = subscription
  }
}

export type SinceKind = 'now' | 'all' | 'time' | 'id' | 'foreign'

/** The cursor of a step: now, all, an id that was given, a time, or an id that never was. */
export function sinceOf(kind: SinceKind, pick: number, ledger: Ledger): Since<MessageId> {
  const { entries, start } = ledger
  const id = entries.length > 0 ? entries[pick % entries.length]?.id : undefined
  switch (kind) {
    case 'now':
      return NOW
    case 'all':
      return ALL
    case 'time':
      return { kind: 'time', after: id ?? start }
    case 'id':
      return after(id ?? start)
    case 'foreign':
      return after(makeId(4_000_000_000, pick))
    default:
      return kind satisfies never
  }
}
