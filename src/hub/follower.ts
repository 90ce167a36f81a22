import { ALL_KEPT, type Cursor } from '../model/cursor.ts'
import { BEFORE_ALL, type MessageId } from '../model/id.ts'
import type { Selectors } from '../model/selector.ts'
import type { Audience } from './audience.ts'
import type { Gap, Since, Sink, Subscription } from './contract.ts'

/**
 * - `live`: has everything announced so far except what waits in its audience's batch;
 * - `fresh`: like live, but its cursor lies inside or beyond the waiting batch;
 * - `behind`: holds a cursor and is fed from the store;
 * - `done`: nothing more is written.
 */
export type State = 'live' | 'fresh' | 'behind' | 'done'

/** Told floors start here for whoever asked for all that is kept: its first page shows no gap. */
export const ADOPT_FLOOR = -1 as MessageId

/** Where a stretch of the log begins that is being read to a follower. */
export interface Start {
  /** Everything up to here was given. */
  cursor: MessageId
  /** The highest floor that this follower was told of. */
  told: MessageId
  /** A cursor that cannot be this server's: to be told as the beginning of the gap. */
  foreign: MessageId | undefined
}

/**
 * A stretch that is read before the follower's own cursor goes on, so that what was added and what
 * was followed before stand in one place: of the two, whichever stood further back.
 */
export interface Backfill extends Start {
  readonly selectors: Selectors
  readonly upTo: MessageId
  /** What was added; nobody waits for `caughtUp` once all of that was dropped again. */
  readonly added: Selectors
  readonly caughtUp: (position: Cursor) => void
}

/** Whether it begins at an id that was not announced: the store has yet to say if it is real. */
export function isUnheard(backfill: Backfill): boolean {
  return backfill.cursor > backfill.upTo
}

/** Stretches that became one by a drop are one: adding and dropping must not make them many. */
function joined(backfills: readonly Backfill[]): Backfill[] {
  const list: Backfill[] = []
  for (const backfill of backfills) {
    const former = list.at(-1)
    const follows =
      former?.added.size === 0 &&
      former.upTo === backfill.cursor &&
      former.selectors.key === backfill.selectors.key
    if (former && follows) list[list.length - 1] = { ...backfill, ...startOf(former) }
    else list.push(backfill)
  }
  return list
}

function startOf({ cursor, told, foreign }: Start): Start {
  return { cursor, told, foreign }
}

/** A cursor that leads to the same start: the same gap is told, and none where none was owed. */
export function beginOf({ cursor, told, foreign }: Start): MessageId {
  if (foreign !== undefined) return foreign
  return told === ADOPT_FLOOR && cursor === BEFORE_ALL ? ALL_KEPT : cursor
}

/** What a follower asks of the hub. */
export interface FollowerHost {
  readonly head: MessageId
  unfollow(follower: Follower): void
  widen(
    follower: Follower,
    selectors: Selectors,
    since: Since,
    caughtUp: (position: Cursor) => void,
  ): void
  narrow(follower: Follower, selectors: Selectors): void
}

/** One subscription. Small: there is one for every connection. */
export class Follower implements Start, Subscription {
  sink: Sink
  readonly #host: FollowerHost
  audience: Audience
  state: State = 'behind'
  /** Place in the audience's array while live or fresh. */
  index = -1
  /** Where it stands while fresh or behind, which the store knows of; `position` for every state. */
  cursor: MessageId
  told: MessageId = 0 as MessageId
  foreign: MessageId | undefined = undefined
  /** A gap that must be told with the next message (followers of one message only). */
  gap: Gap | undefined = undefined
  /** What is still to be read before the follower's own cursor goes on. */
  backfills: Backfill[] | undefined = undefined
  /**
   * Counts what the follower waits for: its turn, its socket, the store. Only the newest wake-up
   * counts, so that one that was meant for a former selection or state does nothing.
   */
  ticket = 0
  /** The ticket of the last wait for the socket, and whether the socket still is to call for one. */
  sentTicket = 0
  awaitsSocket = false

  constructor(host: FollowerHost, sink: Sink, audience: Audience, cursor: MessageId) {
    this.#host = host
    this.sink = sink
    this.audience = audience
    this.cursor = cursor
  }

  get position(): MessageId {
    // What was followed before stands further back than what was added to it.
    const owed = this.backfills?.find(
      ({ selectors, added }) => selectors.size > 0 && selectors.key !== added.key,
    )
    return owed ? owed.cursor : this.audience.positionOf(this)
  }

  get isCurrent(): boolean {
    return !this.backfills?.length && this.position >= this.#host.head
  }

  /**
   * Where to begin again with all but what was added and has not caught up: as `position`, though it may be
   * an id that the store has yet to judge, or ALL_KEPT.
   * @param isAdded whether a stretch is of what was added
   */
  resumesAt(isAdded: (backfill: Backfill) => boolean): MessageId {
    // Its gap goes with a message that has yet to come.
    if (this.gap) return this.gap.from
    const owed = this.backfills?.find((one) => one.selectors.size > 0 && !isAdded(one))
    if (owed) return beginOf(owed)
    return this.told === ADOPT_FLOOR ? beginOf(this) : this.position
  }

  /**
   * Brings what is added, from its own start, and what was followed before to one cursor.
   * @param head the newest id announced: of what lies beyond, the store has to be asked first
   */
  owe(added: Selectors, start: Start, head: MessageId, caughtUp: Backfill['caughtUp']): void {
    this.backfills ??= []
    const { cursor } = this
    if (start.cursor <= cursor || start.cursor > head) {
      this.backfills.push({ ...start, selectors: added, upTo: cursor, added, caughtUp })
      return
    }
    // What still waits for the store's word has a start of its own, too.
    let others = this.audience.selectors.without(added)
    for (const backfill of this.backfills) {
      if (isUnheard(backfill)) others = others.without(backfill.selectors)
    }
    const upTo = start.cursor
    this.backfills.push({ ...startOf(this), selectors: others, upTo, added, caughtUp })
    this.cursor = upTo
    // Its first page is that stretch's now.
    this.told = BEFORE_ALL
  }

  /** What was dropped is not read any more either. */
  forgo(selectors: Selectors): void {
    if (!this.backfills) return
    const left = this.backfills
      .map((backfill) => ({
        ...backfill,
        selectors: backfill.selectors.without(selectors),
        added: backfill.added.without(selectors),
      }))
      .filter((backfill) => backfill.selectors.size > 0 || backfill.added.size > 0)
    this.backfills = joined(left)
  }

  close(): void {
    this.#host.unfollow(this)
  }

  add(selectors: Selectors, since: Since, caughtUp: (position: Cursor) => void): void {
    this.#host.widen(this, selectors, since, caughtUp)
  }

  drop(selectors: Selectors): void {
    this.#host.narrow(this, selectors)
  }
}
