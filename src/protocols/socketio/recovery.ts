import type { Since } from '../../hub/contract.ts'
import type { ChannelName } from '../../model/channel.ts'
import type { Cursor } from '../../model/cursor.ts'
import type { Selectors } from '../../model/selector.ts'
import { randomName } from '../../net/random-name.ts'

/**
 * The last history that was read to a connection beside what it followed: of these channels, from
 * `since` on. Until it is over, nothing beyond `upTo` was written.
 */
export interface Stretch {
  readonly selectors: Selectors
  readonly since: Since
  readonly upTo: Cursor
}

/** All that is needed to go on where a connection broke; where its client stands, that knows itself. */
export interface State {
  readonly user: string
  /** What the user was subscribed to. */
  readonly channels: readonly ChannelName[]
  /** What this connection alone was. */
  readonly own: Selectors
  /** Where it began: for a client that had nothing yet. */
  readonly start: Since
  readonly stretch: Stretch | undefined
}

/** A connection that has not noticed yet that its client has come back by another. */
export interface Recoverable {
  /** Undefined unless it has logged in. */
  readonly state: State | undefined
  /** Another connection goes on with its state. */
  replaced(): void
}

interface Lost {
  readonly state: State
  /** By `performance.now()`. */
  readonly until: number
}

/** What broke, by the name that its client comes back with: a text that nobody can guess. */
export class Recovery {
  #time: number
  #max: number
  readonly #open = new Map<string, Recoverable>()
  /** Oldest first. */
  readonly #lost = new Map<string, Lost>()

  /** @param time ms that a broken connection is remembered; @param max how many are */
  constructor(time: number, max: number) {
    this.#time = time
    this.#max = max
  }

  /** Other bounds, for what breaks from now on. */
  update(time: number, max: number): void {
    this.#time = time
    this.#max = max
  }

  /** A name for a new connection. */
  static newPid(): string {
    return randomName(15)
  }

  /** What is known by this name; it stays so. */
  find(pid: string): State | undefined {
    const open = this.#open.get(pid)
    if (open) return open.state
    const lost = this.#lost.get(pid)
    return lost && lost.until > performance.now() ? lost.state : undefined
  }

  /** From now on this connection has that name. Whoever had it is replaced. */
  open(pid: string, connection: Recoverable): void {
    this.#lost.delete(pid)
    const former = this.#open.get(pid)
    this.#open.set(pid, connection)
    if (former !== connection) former?.replaced()
  }

  /** It is gone. @param state what is to be remembered, if anything */
  close(pid: string, connection: Recoverable, state: State | undefined): void {
    if (this.#open.get(pid) !== connection) return
    this.#open.delete(pid)
    if (!state || this.#max === 0 || this.#time === 0) return
    const now = performance.now()
    this.#lost.delete(pid)
    this.#lost.set(pid, { state, until: now + this.#time })
    for (const [oldest, { until }] of this.#lost) {
      if (until > now && this.#lost.size <= this.#max) break
      this.#lost.delete(oldest)
    }
  }
}
