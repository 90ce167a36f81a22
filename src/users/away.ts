import type { Facts, How } from '../stores/facts.ts'
import { KINDS } from './kinds.ts'
import { eachOf } from './locks.ts'

const OWNER = ''
/** Looks at a fact of this kind, and changes nothing: none is ever empty. */
const LOOK: How = { when: { is: '' } }
/** How much later than its own node the others look after a user, in ms: clocks differ. */
const GRACE = 5_000
/** Whoever has begun to unsubscribe a user and is not done after this, in ms, is gone. */
const CLAIM = 60_000
/** In front of the time at which somebody began to. */
const LEAVING = 'leaving since '
/** Users that are looked after at once. */
const AT_ONCE = 32

/** What `Away` asks of whoever knows connections and subscriptions; about one user, in its turn. */
export interface AwayHost {
  isConnected(user: string): Promise<boolean>
  unsubscribeAll(user: string): Promise<void>
  /** Does one thing at a time for a user. */
  inTurn(user: string, work: () => Promise<void>): Promise<void>
  onError(error: unknown): void
}

/** What was known of a user when it came. */
export interface WasAway {
  /** Undefined: it was not away. */
  readonly value: string | undefined
  /** How many are. */
  readonly count: number
}

/**
 * Users whose last connection has gone, and who still count as there for a while. When that is over, they
 * are unsubscribed. Who does that:
 * - the node that stated it has a timer;
 * - when that node is gone, too, any node's `sweep` finds it, a little later; and not before it has itself
 *   been there for the whole time, so that after a restart everybody has had the time to come back;
 * - of several, the one that replaces the time by its claim. If it goes while it is at it, the claim
 *   is old after a minute, and somebody else's.
 * A user that has connections then is not away, whatever is stated.
 */
export class Away {
  readonly #facts: Facts
  readonly #host: AwayHost
  readonly #wait: () => number
  readonly #timers = new Map<string, NodeJS.Timeout>()
  /** Of the first sweep, in ms since 1970. */
  #since: number | undefined
  #stopped = false

  /** @param wait how long users count as there, in ms */
  constructor(facts: Facts, host: AwayHost, wait: () => number) {
    this.#facts = facts
    this.#host = host
    this.#wait = wait
  }

  async has(user: string): Promise<boolean> {
    const value = await this.#facts.get(KINDS.away, OWNER, user)
    return value !== undefined && !value.startsWith(LEAVING) && untilOf(value) > Date.now()
  }

  async look(user: string): Promise<WasAway> {
    const { former, size } = await this.#facts.set(KINDS.away, OWNER, user, '', LOOK)
    return { value: former, count: size }
  }

  /** From now on. @returns what `cancel` takes back */
  async begin(user: string): Promise<string> {
    const wait = this.#wait()
    const value = String(Date.now() + wait)
    await this.#facts.set(KINDS.away, OWNER, user, value)
    this.#forget(user)
    if (this.#stopped) return value
    const timer = setTimeout(() => {
      this.#timers.delete(user)
      this.#host.inTurn(user, () => this.#expire(user)).catch(this.#failed)
    }, wait)
    this.#timers.set(user, timer.unref())
    return value
  }

  /**
   * It is back.
   * @param value as `look` or `begin` answered it
   * @returns whether it still counted as there
   */
  async cancel(user: string, value: string): Promise<boolean> {
    this.#forget(user)
    const { done } = await this.#facts.set(KINDS.away, OWNER, user, undefined, {
      when: { is: value },
    })
    return done && !value.startsWith(LEAVING)
  }

  /** Takes all subscriptions of a user from it, so that somebody else finishes that if this node ends. */
  async leave(user: string): Promise<void> {
    const claim = claimOf(Date.now())
    await this.#facts.set(KINDS.away, OWNER, user, claim)
    await this.#host.unsubscribeAll(user)
    await this.#clear(user, claim)
  }

  /** Looks after what others left behind. */
  async sweep(): Promise<void> {
    const now = Date.now()
    this.#since ??= now
    if (now < this.#since + this.#wait() + GRACE) return
    const known = await this.#facts.list(KINDS.away, OWNER)
    const due = [...known].filter(
      ([user, value]) => !this.#timers.has(user) && untilOf(value) + GRACE <= now,
    )
    await eachOf(due, AT_ONCE, ([user]) => this.#host.inTurn(user, () => this.#expire(user)))
  }

  /** Ends its timers; what is known stays. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  async #expire(user: string): Promise<void> {
    const value = await this.#facts.get(KINDS.away, OWNER, user)
    const now = Date.now()
    if (value === undefined || untilOf(value) > now || this.#stopped) return
    const claim = claimOf(now)
    const { done } = await this.#facts.set(KINDS.away, OWNER, user, claim, { when: { is: value } })
    if (done) await this.#finish(user, claim)
  }

  async #finish(user: string, claim: string): Promise<void> {
    // It may have come back meanwhile, by whatever node.
    if (!(await this.#host.isConnected(user))) await this.#host.unsubscribeAll(user)
    await this.#clear(user, claim)
  }

  async #clear(user: string, claim: string): Promise<void> {
    await this.#facts.set(KINDS.away, OWNER, user, undefined, { when: { is: claim } })
    this.#forget(user)
  }

  #forget(user: string): void {
    clearTimeout(this.#timers.get(user))
    this.#timers.delete(user)
  }

  /** What failed is found by a sweep. */
  readonly #failed = (error: unknown): void => this.#host.onError(error)
}

function claimOf(now: number): string {
  return LEAVING + now
}

/** When somebody is to look after it, in ms since 1970. */
function untilOf(value: string): number {
  if (!value.startsWith(LEAVING)) return Number(value)
  return Number(value.slice(LEAVING.length)) + CLAIM
}
