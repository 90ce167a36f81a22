import { FanfareError } from '../model/errors.ts'
import type { Caller } from './caller.ts'

/** An open connection that ends with what its client has shown. */
interface Watched {
  readonly caller: Caller
  /** Which second it is looked at, since 1970. */
  readonly second: number
  readonly end: (reason: FanfareError) => void
}

/** How often it is looked whether any has expired, in ms. */
const PERIOD = 1_000
const NEVER = Number.POSITIVE_INFINITY

/**
 * Open connections of those who have shown something that may end. By the second that it ends in, so that a second
 * in which none does costs nothing; and there is no timer while there are none.
 */
export class Expiries {
  readonly #bySecond = new Map<number, Set<Watched>>()
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  /** The last second that was looked at. */
  #done = 0

  /** @param now ms since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /**
   * @param end called once, when the caller's time is over
   * @returns what forgets it: the connection has closed
   */
  watch(caller: Caller, end: (reason: FanfareError) => void): () => void {
    const { expires = NEVER } = caller
    // Not one that was looked at already.
    const next = Math.floor(this.#now() / 1000) + 1
    const second = expires === NEVER ? NEVER : Math.max(next, Math.ceil(expires / 1000))
    const watched: Watched = { caller, second, end }
    const others = this.#bySecond.get(second)
    if (others) others.add(watched)
    else this.#bySecond.set(second, new Set([watched]))
    if (second !== NEVER) this.#start()
    return () => this.#forget(watched)
  }

  /** Ends those that no longer hold. */
  endWhere(ended: (caller: Caller) => boolean, words: (caller: Caller) => string): void {
    for (const some of this.#bySecond.values()) {
      for (const one of some) if (ended(one.caller)) this.#end(one, words(one.caller))
    }
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#bySecond.clear()
  }

  #start(): void {
    if (this.#timer) return
    this.#done = Math.floor(this.#now() / 1000) - 1
    this.#timer = setInterval(() => this.#look(), PERIOD).unref()
  }

  #look(): void {
    const second = Math.floor(this.#now() / 1000)
    // After a clock that was put forward, or a process that was stopped, not each second one by one.
    const due =
      second - this.#done > this.#bySecond.size
        ? [...this.#bySecond.keys()].filter((one) => one <= second)
        : Array.from({ length: Math.max(0, second - this.#done) }, (_, n) => this.#done + 1 + n)
    this.#done = second
    for (const one of due) {
      for (const watched of this.#bySecond.get(one) ?? []) {
        this.#end(watched, `The ${watched.caller.kind === 'key' ? 'key' : 'token'} has expired.`)
      }
    }
  }

  #end(watched: Watched, words: string): void {
    this.#forget(watched)
    watched.end(new FanfareError('not_authorized', words))
  }

  #forget(watched: Watched): void {
    const some = this.#bySecond.get(watched.second)
    some?.delete(watched)
    if (some?.size === 0) this.#bySecond.delete(watched.second)
    const none =
      this.#bySecond.size === 0 || (this.#bySecond.size === 1 && this.#bySecond.has(NEVER))
    if (none && this.#timer) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }
}
