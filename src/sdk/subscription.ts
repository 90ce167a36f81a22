import { Backoff } from '../client/backoff.ts'
import { FanfareError, isPassing } from './errors.ts'
import { Inbox } from './inbox.ts'
import type { Followed } from './messages.ts'
import { pause } from './pause.ts'
import type { Listener, Source, Target } from './source.ts'

/** How a subscription is. */
export type Status =
  /** A connection is being made. */
  | { readonly state: 'connecting' }
  /** It is there. */
  | { readonly state: 'open' }
  /** There is none; the next attempt is in `wait` ms. What comes meanwhile is not lost. */
  | { readonly state: 'lost'; readonly reason: string; readonly wait: number }
  /** There is none until what has come is read. */
  | { readonly state: 'paused' }
  /** It has ended. */
  | { readonly state: 'closed'; readonly error?: FanfareError }

export interface SubscribeOptions {
  /**
   * Where to start: after an id, at a unix time in seconds, or `all` that is kept. Without it, with what
   * comes from now on.
   */
  readonly since?: string | number
  /** Start with the newest so many messages, where `since` says nothing. */
  readonly last?: number
  /** `sse` without it. */
  readonly transport?: 'sse' | 'websocket'
  /** Closes it. */
  readonly signal?: AbortSignal
  /** Messages that wait for a slow reader at most; 1,000 without it. */
  readonly maxWaiting?: number
  /**
   * A connection on which nothing comes for so many ms is dead; a minute without it. Must be longer than
   * the server's `limits.heartbeat`.
   */
  readonly silence?: number
  /** Told of every change. */
  readonly onStatus?: (status: Status) => void
}

export const SILENCE = 60_000
export const MAX_WAITING = 1_000

/**
 * What is published to channels, in order, over lost connections and restarts of the server. To be read
 * by one loop; a loop that is left closes it.
 */
export class Subscription implements AsyncIterable<Followed> {
  /** Resolves when the server follows for the first time; rejects when that will never be. */
  readonly opened: Promise<void>
  readonly #controller = new AbortController()
  readonly #inbox: Inbox
  readonly #target: Target
  readonly #source: Source
  readonly #onStatus: ((status: Status) => void) | undefined
  readonly #signal: AbortSignal | undefined
  readonly #abort = (): void => this.close()
  #resolveOpened: () => void = () => {}
  #rejectOpened: (error: unknown) => void = () => {}
  #status: Status = { state: 'connecting' }

  constructor(source: Source, target: Target, options: SubscribeOptions) {
    this.#source = source
    this.#target = target
    this.#onStatus = options.onStatus
    this.#signal = options.signal
    this.#inbox = new Inbox(Math.max(1, options.maxWaiting ?? MAX_WAITING))
    this.opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve
      this.#rejectOpened = reject
    })
    // Who does not ask need not hear of it: the loop is told as well.
    this.opened.catch(() => {})
    if (options.signal?.aborted) this.close()
    else options.signal?.addEventListener('abort', this.#abort)
    void this.#run()
  }

  get status(): Status {
    return this.#status
  }

  /** Where to go on from after what was read so far: `since` of a later subscription. */
  get cursor(): string | undefined {
    return this.#inbox.read
  }

  /** Ends it: the loop ends, and nothing more is given. */
  close(): void {
    this.#inbox.close()
    this.#end()
  }

  [Symbol.asyncIterator](): AsyncIterator<Followed, undefined> {
    return {
      next: async () => {
        const value = await this.#inbox.take()
        return value ? { done: false, value } : { done: true, value: undefined }
      },
      return: () => {
        this.close()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#controller
    const backoff = new Backoff()
    let asked = 0
    const listener: Listener = {
      inbox: this.#inbox,
      opened: () => {
        backoff.reset()
        this.#resolveOpened()
        this.#tell({ state: 'open' })
      },
      retry: (ms: number) => (asked = ms),
    }
    while (!signal.aborted) {
      this.#tell({ state: 'connecting' })
      const reason = await this.#connect(listener, signal)
      if (signal.aborted) return
      if (reason === undefined) {
        this.#tell({ state: 'paused' })
        await this.#inbox.room()
        continue
      }
      const wait = backoff.next(asked)
      this.#tell({ state: 'lost', reason, wait })
      await pause(wait, signal)
    }
  }

  /** @returns why the connection ended; undefined when there is no room for more */
  async #connect(listener: Listener, signal: AbortSignal): Promise<string | undefined> {
    try {
      return await this.#source(this.#target, listener, signal)
    } catch (error) {
      if (signal.aborted) return ''
      const known =
        error instanceof FanfareError
          ? error
          : new FanfareError('bad_answer', String(error), { cause: error })
      if (isPassing(known)) return known.message
      this.#inbox.fail(known)
      this.#end(known)
      return ''
    }
  }

  #end(error?: FanfareError): void {
    if (this.#controller.signal.aborted) return
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#rejectOpened(error ?? new FanfareError('closed', 'the subscription was closed'))
    this.#controller.abort()
    this.#tell(error ? { state: 'closed', error } : { state: 'closed' })
  }

  #tell(status: Status): void {
    const { state } = this.#status
    if (state === 'closed' || (state === 'connecting' && status.state === state)) return
    this.#status = status
    try {
      this.#onStatus?.(status)
    } catch (error) {
      // A mistake in it must not end the subscription, and must not go unseen.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}
