import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { FanfareError } from '../model/errors.ts'
import { algorithmsOf } from './algorithms.ts'

/** Where keys are, and how often they are asked for. */
export interface JwksOptions {
  /** A file, or an http: or https: URL. */
  readonly source: string
  /** How long keys are used before they are asked for again, in ms. */
  readonly maxAge: number
  /** The least time between two questions, in ms: a token that names an unknown key asks no oftener. */
  readonly refetch: number
  /** How long an answer may take, in ms. */
  readonly timeout: number
}

const MOST_BYTES = 2 ** 20
const MOST_KEYS = 100

/** A key of a set, and what it verifies. */
export interface SetKey {
  readonly kid: string | undefined
  readonly key: KeyObject
  readonly algorithms: readonly string[]
}

/**
 * Public keys from a JSON Web Key Set (RFC 7517). What was found is used until something else is: a source that
 * is away for a while takes nobody out.
 */
export class KeySource {
  readonly #options: JwksOptions
  readonly #onError: (error: unknown) => void
  #keys: readonly SetKey[] | undefined
  /** On performance.now's clock. */
  #asked = Number.NEGATIVE_INFINITY
  #found = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined

  constructor(options: JwksOptions, onError: (error: unknown) => void) {
    this.#options = options
    this.#onError = onError
  }

  /**
   * The one key that a token can be verified with.
   * @returns undefined when there is none, or its header leaves open which
   * @throws FanfareError `access_unavailable` while nothing was found yet
   */
  async find(alg: string, kid: string | undefined): Promise<KeyObject | undefined> {
    const now = performance.now()
    const { maxAge, refetch } = this.#options
    if (!this.#keys) await this.#ask(refetch)
    // Nobody has to wait for keys that are only to be looked at again.
    else if (now - this.#found >= maxAge) void this.#ask(refetch)
    const known = this.#pick(alg, kid)
    if (known) return known
    await this.#ask(refetch)
    if (!this.#keys) {
      throw new FanfareError(
        'access_unavailable',
        'The keys that tokens are signed with cannot be had.',
      )
    }
    return this.#pick(alg, kid)
  }

  #pick(alg: string, kid: string | undefined): KeyObject | undefined {
    const able = (this.#keys ?? []).filter(({ algorithms }) => algorithms.includes(alg))
    const named = kid === undefined ? able : able.filter((one) => one.kid === kid)
    return named.length === 1 ? named[0]?.key : undefined
  }

  /** @param least ms since the last question */
  #ask(least: number): Promise<void> {
    if (this.#asking) return this.#asking
    if (performance.now() - this.#asked < least) return Promise.resolve()
    this.#asked = performance.now()
    this.#asking = this.#read().then(
      (keys) => {
        this.#keys = keys
        this.#found = performance.now()
        this.#asking = undefined
      },
      (error: unknown) => {
        this.#asking = undefined
        const why = error instanceof Error ? error.message : String(error)
        this.#onError(new Error(`access.jwt.jwks: ${this.#options.source} gives no keys: ${why}`))
      },
    )
    return this.#asking
  }

  async #read(): Promise<readonly SetKey[]> {
    const { source, timeout } = this.#options
    return readKeySet(
      isUrl(source) ? await fetchText(source, timeout) : await readFile(source, 'utf8'),
    )
  }
}

export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

async function fetchText(url: string, timeout: number): Promise<string> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    // Wherever it leads, that is not what the configuration names.
    redirect: 'error',
    signal: AbortSignal.timeout(timeout),
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`it answered ${response.status}`)
  }
  return readBounded(response, MOST_BYTES)
}

/** @throws Error when there is more than the bound */
export async function readBounded(response: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length
    if (length > most) throw new Error(`it has more than ${most} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/**
 * The keys of a document. Those that cannot be used here are passed by, and secrets among them: a public document
 * has none.
 * @throws Error when it is none, or has more than the bounds
 */
export function readKeySet(text: string): readonly SetKey[] {
  if (text.length > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`)
  const value: unknown = JSON.parse(text)
  const { keys } = (value ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('it is no JSON Web Key Set: {"keys": […]}')
  if (keys.length > MOST_KEYS) throw new Error(`it has more than ${MOST_KEYS} keys`)
  return keys.flatMap((jwk: unknown) => {
    const { kid, use, alg, kty } = (jwk ?? {}) as Record<string, unknown>
    if (kty === 'oct' || (use !== undefined && use !== 'sig')) return []
    try {
      const key = createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' })
      const able = algorithmsOf(key)
      const algorithms = alg === undefined ? able : able.filter((one) => one === alg)
      return [{ kid: typeof kid === 'string' ? kid : undefined, key, algorithms }]
    } catch {
      return []
    }
  })
}
