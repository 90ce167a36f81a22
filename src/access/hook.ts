import { createHash } from 'node:crypto'
import { FanfareError } from '../model/errors.ts'
import type { MaybePromise } from '../model/maybe.ts'
import type { HookConfig } from './config.ts'
import { readBounded } from './jwks.ts'

export type HookEvent = HookConfig['on'][number]

/** What it said. */
export interface Verdict {
  readonly allow: boolean
  readonly reason: string | undefined
  /** The whole answer, where it was an object. */
  readonly said: Readonly<Record<string, unknown>>
}

const MOST_ANSWER = 2 ** 20
const LONGEST_REASON = 200

/**
 * Asks the operator's own program. It fails closed: whoever is not answered for in time, or with what cannot be
 * understood, is told so, and may not.
 */
export class Hook {
  readonly #url: string
  readonly #config: HookConfig
  readonly #onError: (error: unknown) => void
  /** By the digest of the question; the oldest first. */
  readonly #known = new Map<string, { verdict: Verdict; until: number }>()
  readonly #waiting = new Map<string, Promise<Verdict>>()

  private constructor(url: string, config: HookConfig, onError: (error: unknown) => void) {
    this.#url = url
    this.#config = config
    this.#onError = onError
  }

  /** Undefined where nothing is to be asked. */
  static from(config: HookConfig | undefined, onError: (error: unknown) => void): Hook | undefined {
    return config?.url === undefined ? undefined : new Hook(config.url, config, onError)
  }

  asksOn(event: HookEvent): boolean {
    return this.#config.on.includes(event)
  }

  get headers(): readonly string[] {
    return this.#config.headers
  }

  /**
   * @param question the same for the same: it is what answers are remembered by
   * @throws FanfareError `access_unavailable`
   */
  ask(event: HookEvent, question: Readonly<Record<string, unknown>>): MaybePromise<Verdict> {
    const body = JSON.stringify({ event, ...question })
    const key = createHash('sha256').update(body).digest('base64')
    const known = this.#known.get(key)
    if (known && known.until > performance.now()) return known.verdict
    const underWay = this.#waiting.get(key)
    if (underWay) return underWay
    if (this.#waiting.size >= this.#config.maxWaiting) {
      throw new FanfareError('access_unavailable', 'Too many ask at once whether they may.')
    }
    const asked = this.#ask(body).then(
      (verdict) => {
        this.#waiting.delete(key)
        this.#remember(key, verdict)
        return verdict
      },
      (error: unknown) => {
        this.#waiting.delete(key)
        const why = error instanceof Error ? error.message : String(error)
        this.#onError(new Error(`access.hook: ${this.#url} gave no answer: ${why}`))
        throw new FanfareError('access_unavailable')
      },
    )
    this.#waiting.set(key, asked)
    return asked
  }

  async #ask(body: string): Promise<Verdict> {
    const { key, timeout } = this.#config
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(timeout),
    })
    const text = await readBounded(response, MOST_ANSWER)
    const { status } = response
    if (status === 401 || status === 403) return { allow: false, reason: undefined, said: {} }
    if (!response.ok) throw new Error(`it answered ${status}`)
    return verdictOf(text)
  }

  #remember(key: string, verdict: Verdict): void {
    const { cache, maxCached } = this.#config
    if (cache === 0 || maxCached === 0) return
    this.#known.delete(key)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < maxCached) break
      this.#known.delete(oldest)
    }
    this.#known.set(key, { verdict, until: performance.now() + cache })
  }
}

/** Nothing but a good status is a yes; an object has its own word. */
function verdictOf(text: string): Verdict {
  if (text.trim() === '') return { allow: true, reason: undefined, said: {} }
  const said: unknown = JSON.parse(text)
  if (typeof said !== 'object' || said === null) throw new Error('it answered with no object')
  const { allow, reason } = said as Record<string, unknown>
  if (typeof allow !== 'boolean') throw new Error('its answer has no `allow`: true or false')
  return {
    allow,
    reason: typeof reason === 'string' ? reason.slice(0, LONGEST_REASON) : undefined,
    said: said as Record<string, unknown>,
  }
}
