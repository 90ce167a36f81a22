import { Backoff } from '../client/backoff.ts'
import type { Json } from '../services/definition.ts'
import { FanfareError, isPassing, parseJson } from './errors.ts'
import { base64Of } from './messages.ts'
import { pause } from './pause.ts'
import { type Answered, type RequestOptions, send, type Sending, TIMEOUT } from './request.ts'

/** What can be published: text, bytes, or any JSON but null. */
export type Publishable = string | Uint8Array | Json

export interface PublishOptions extends RequestOptions {
  /** Content-Type; without it, by what the body is. */
  readonly type?: string
  /** JSON for programs, beside a body of text or bytes for people. */
  readonly data?: Json
  /** Texts by name; `event` is the type that event streams show. */
  readonly attributes?: Readonly<Record<string, string>>
  /** Whole seconds after which nobody gets it any more; 0: only those who are there now. */
  readonly ttl?: number
  /** Idempotency key, so that it is stored once however often it is sent; without it, a random one. */
  readonly key?: string
}

export interface Published {
  readonly id: string
  /** How many followed the channel when it came; undefined where the server does not say. */
  readonly receivers: number | undefined
  /** Whether it was stored before under the same key. */
  readonly duplicate: boolean
}

/** Attempts, the first included. */
const ATTEMPTS = 4

/**
 * Publishes by a publisher location. What was not answered is sent again: its key makes sure that it is
 * stored once.
 * @throws FanfareError
 */
export async function publishTo(
  location: string,
  channel: string,
  body: Publishable,
  options: PublishOptions,
): Promise<Published> {
  const url = location + segmentOf(channel)
  const sending = sendingOf(body, options.key ?? randomKey(), options)
  const backoff = new Backoff()
  const { timeout = TIMEOUT } = options
  const end = timeout > 0 ? performance.now() + timeout : Number.POSITIVE_INFINITY
  for (let attempt = 1; ; attempt++) {
    try {
      const left = timeout > 0 ? end - performance.now() : 0
      return publishedIn(await send(url, sending, { ...options, timeout: left }))
    } catch (error) {
      const again = error instanceof FanfareError && isPassing(error) && attempt < ATTEMPTS
      const wait = backoff.next()
      if (!again || performance.now() + wait > end) throw error
      await pause(wait, options.signal)
      options.signal?.throwIfAborted()
    }
  }
}

/** A channel's name as one segment of a path. */
function segmentOf(channel: string): string {
  const segment = encodeURIComponent(channel)
  // Otherwise the URL would lose it. One leading `/` does not count.
  return /^\.\.?$/.test(segment) ? `%2F${segment}` : segment
}

function sendingOf(body: Publishable, key: string, options: PublishOptions): Sending {
  const { type, data, attributes, ttl } = options
  const bytes = body instanceof Uint8Array
  const text = typeof body === 'string'
  if (data !== undefined && !bytes && !text) {
    throw new TypeError('data goes beside a body of text or bytes; JSON alone is the body')
  }
  const accept = 'application/json'
  if (data === undefined && attributes === undefined) {
    const guessed = bytes ? 'application/octet-stream' : text ? TEXT : 'application/json'
    const headers: Record<string, string> = {
      accept,
      'content-type': header('type', type ?? guessed),
      'idempotency-key': header('key', key),
    }
    if (ttl !== undefined) headers['ttl'] = String(ttl)
    // A copy where it is a view of shared memory, which requests do not take.
    const sent = bytes ? new Uint8Array(body) : text ? body : JSON.stringify(body)
    return { method: 'POST', headers, body: sent }
  }
  const shown = bytes
    ? { body: base64Of(body), encoding: 'base64', type: type ?? 'application/octet-stream', data }
    : text
      ? { body, type: type ?? TEXT, data }
      : { data: body, type }
  return {
    method: 'POST',
    headers: { accept, 'content-type': 'application/x-ndjson' },
    body: JSON.stringify({ ...shown, attributes, ttl, key }),
  }
}

const TEXT = 'text/plain; charset=utf-8'

/** @throws FanfareError for what cannot be a header */
function header(option: string, value: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) return value
  throw new FanfareError('bad_request', `${option} takes printable ASCII characters`)
}

function publishedIn({ headers, text }: Answered): Published {
  const { subscribers } = (parseJson(text) ?? {}) as { subscribers?: unknown }
  return {
    id: headers.get('fanfare-id') ?? '',
    receivers: typeof subscribers === 'number' ? subscribers : undefined,
    duplicate: headers.get('fanfare-duplicate') === 'true',
  }
}

/** Not `randomUUID`, which pages without https do not have. */
function randomKey(): string {
  return base64Of(crypto.getRandomValues(new Uint8Array(18)))
}
