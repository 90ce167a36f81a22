/**
 * Why a subscriber was let go that had not asked for it: it missed messages, and its protocol has no word for
 * that; what it follows could not be read or encoded; it took nothing for `limits.idleTimeout`; it left more answers
 * unread than `limits.maxUnsentBytes`.
 */
export const DROP_CAUSES = ['gap', 'failed', 'stalled', 'unread'] as const
export type DropCause = (typeof DROP_CAUSES)[number]

/**
 * What went through one door since the start. Plain numbers that are read when somebody asks: adding
 * to one must cost nothing on the way of a message.
 */
export class Traffic {
  /** Open at this moment. */
  connections = 0
  /** Connections ever opened. */
  accepted = 0
  /** Messages that came in and were stored; a repeated one counts too. */
  published = 0
  /** Messages that went out, one for each subscriber. */
  delivered = 0
  /** Bytes of those, as this door writes them. */
  bytes = 0
  /** Gaps that subscribers were told of, or were disconnected for. */
  gaps = 0
  /** How often a subscriber went behind because it did not read. */
  wentBehind = 0
  /** What was refused with an error: requests, commands, logins. */
  refused = 0
  /** Subscribers that were let go, by cause. */
  readonly dropped: Record<DropCause, number> = { gap: 0, failed: 0, stalled: 0, unread: 0 }

  opened(): void {
    this.connections++
    this.accepted++
  }

  closed(): void {
    this.connections--
  }
}

/** The traffic of all doors, by their names. */
export class TrafficTable {
  readonly #doors = new Map<string, Traffic>()

  of(door: string): Traffic {
    let traffic = this.#doors.get(door)
    if (!traffic) this.#doors.set(door, (traffic = new Traffic()))
    return traffic
  }

  entries(): Iterable<[string, Traffic]> {
    return this.#doors
  }
}

/** A subscriber that is behind, for people who look for slow ones. */
export interface Behind {
  readonly door: string
  /** Bytes that its socket has not taken. */
  readonly unsent: number
  /** What it follows, at most a few names. */
  readonly channels: readonly string[]
  /** The id up to which it has everything. */
  readonly position: number
}
