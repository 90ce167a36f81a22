import { errorOf, FanfareError } from './errors.ts'

/** How requests are made, for all or for some. */
export interface RequestOptions {
  /** For a call or a publish with all its attempts, in ms; 30 s without it, 0 for none. */
  readonly timeout?: number
  /** Gives up. */
  readonly signal?: AbortSignal
  /** In the place of the platform's. */
  readonly fetch?: typeof fetch
}

/** For a call or a publish, in ms. */
export const TIMEOUT = 30_000

/** What a request is made of. */
export interface Sending {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface Answered {
  readonly headers: Headers
  readonly text: string
}

/**
 * One request and its whole answer.
 * @throws FanfareError for anything but a success; the signal's reason when it gives up
 */
export async function send(
  url: string,
  sending: Sending,
  options: RequestOptions,
): Promise<Answered> {
  const end = new Deadline(options.timeout ?? TIMEOUT, options.signal)
  try {
    const response = await open(url, { ...sending, signal: end.signal }, options.fetch)
    const text = await response.text()
    if (!response.ok) throw errorOf(response.status, text)
    return { headers: response.headers, text }
  } catch (error) {
    throw end.reasonFor(error, url)
  } finally {
    end.clear()
  }
}

function open(url: string, init: RequestInit, fetcher: typeof fetch = fetch): Promise<Response> {
  return fetcher(url, init)
}

/**
 * A signal that fires after a time, or with another one. Its timer keeps a Node.js process alive, which a
 * request that is never answered would not.
 */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  #ms: number
  #timer: ReturnType<typeof setTimeout> | undefined
  /** A turn later: a fetch of Node.js 20 that is ended in the turn it was read in keeps its connection. */
  readonly #abort = (): void => {
    setTimeout(() => this.#controller.abort(this.#outer?.reason))
  }
  readonly #expire = (): void => {
    const words = `the server was silent for ${this.#ms / 1000} s`
    this.#controller.abort(new FanfareError('timeout', words))
  }

  /** @param ms 0: never */
  constructor(ms: number, outer?: AbortSignal) {
    this.#ms = ms
    this.#outer = outer
    if (outer?.aborted) this.#controller.abort(outer.reason)
    else outer?.addEventListener('abort', this.#abort)
    this.refresh()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The time begins again, and may be another one. */
  refresh(ms = this.#ms): void {
    clearTimeout(this.#timer)
    this.#ms = ms
    if (this.#ms > 0) this.#timer = setTimeout(this.#expire, this.#ms)
  }

  /** No time runs until `refresh`. */
  pause(): void {
    clearTimeout(this.#timer)
  }

  /** Lets go of the timer and of the outer signal. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#abort)
  }

  /** Gives up with everything that is under way. */
  end(): void {
    this.clear()
    this.#controller.abort()
  }

  /** What to throw for what a request threw. */
  reasonFor(error: unknown, url: string): unknown {
    if (this.signal.aborted) return this.signal.reason
    if (error instanceof FanfareError) return error
    const { cause } = error as { cause?: unknown }
    const { code, message } = (cause ?? error) as { code?: unknown; message?: unknown }
    const why = String(message || code || error)
    const words = `no answer from ${new URL(url).origin}: ${why}`
    return new FanfareError('unreachable', words, {
      help: 'See that the server runs, and that the address and the port are right.',
      cause: error,
    })
  }
}
