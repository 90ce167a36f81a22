import { isUtf8 } from 'node:buffer'
import type { RecentLines } from './recent-lines.ts'
import { RefusedError } from './refused.ts'

/** A message as a follower gets it. */
export interface Received {
  readonly kind: 'message'
  readonly id: string
  readonly channel: string
  readonly body: string
  /** The message's envelope as it came, one line of JSON. */
  readonly json: string
  readonly time?: number
  readonly type?: string
  readonly encoding?: 'base64'
  readonly attributes?: Readonly<Record<string, string>>
  /** What to come back with, where that is not the id. */
  readonly cursor?: string
}

/** Some messages between the two ids are not kept any more. */
export interface Missed {
  readonly kind: 'gap'
  readonly from: string
  readonly to: string
}

/** What happens to the connection, for people. */
export interface Notice {
  readonly kind: 'connected' | 'lost'
  readonly detail: string
  /** What was missed comes next, and then `caught-up`. */
  readonly resumes?: boolean
}

/**
 * Everything that was published while there was no connection has been given; all that follows is live.
 * Only sources that can tell say so, after `connected`.
 */
export interface CaughtUp {
  readonly kind: 'caught-up'
  /** How many messages that was. */
  readonly count: number
}

export type Followed = Received | Missed | Notice | CaughtUp

export interface FollowOptions {
  /** An id, a unix time, `all`; without it, what comes from now on. */
  readonly since?: string
  /** The newest this many first. */
  readonly last?: number
  readonly signal: AbortSignal
  /** Where an earlier run has come to; kept up to date. */
  readonly cursor?: Cursor
}

/** One connection's worth of what is followed. Ends or throws when the connection does. */
export type Source = (
  url: URL,
  cursor: Cursor,
  options: FollowOptions,
) => AsyncGenerator<Followed, void>

/** Where to resume; a source keeps it up to date. */
export interface Cursor {
  id: string | undefined
  /** ms that the server asks clients to wait before they come back. */
  retry: number
  /** Whether what is published without a connection is lost, as the protocol has no way to resume. */
  forgets?: boolean
  /** What a feed has sent that it will send again. */
  recent?: RecentLines
}

/**
 * A connection on which nothing comes for this long is dead, in ms: longer than the longest heartbeat
 * that a server can be told to have.
 */
export const SILENCE = 330_000

/** Characters of a server's answer that are shown. */
const MAX_REASON = 500

export { RefusedError }

/** The server is there, and failed. */
export class AnsweredError extends Error {}

/** What a server said of an answer that is no stream, in words for people. */
export function refusalOf(status: number, statusText: string, body: string): Error {
  const detail = body.trim().slice(0, MAX_REASON) || `the server answered ${status} ${statusText}`
  return status >= 500 ? new Error(detail) : new RefusedError(detail)
}

/** A gap as servers tell it; undefined when the value is something else. */
export function fromGap(value: unknown): Missed | undefined {
  const { from, to } = (value ?? {}) as Record<string, unknown>
  return typeof from === 'string' && typeof to === 'string' ? { kind: 'gap', from, to } : undefined
}

/** JSON text as a value; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const SIGNED_BY_NOBODY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** What went wrong with a connection, in few words. */
export function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  const { code, message } = (cause ?? error) as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  if (code === 'ECONNRESET') return 'the server closed the connection'
  if (/wrong version number|packet length too long/.test(message)) {
    return 'the server does not speak TLS there'
  }
  if (SIGNED_BY_NOBODY.has(code ?? '')) {
    return `nobody who is trusted has signed its certificate (${code}); --ca FILE trusts another`
  }
  return message || code || String(error)
}

/** A message from its envelope; undefined when the text is something else. */
export function fromEnvelope(json: string): Received | undefined {
  const value = parseJson(json)
  if (typeof value !== 'object' || value === null) return undefined
  const { id, channel, body } = value as Record<string, unknown>
  if (typeof id !== 'string' || typeof channel !== 'string' || typeof body !== 'string') {
    return undefined
  }
  return { ...(value as Received), kind: 'message', json }
}

/** @throws RefusedError where a start is asked of a protocol that keeps nothing */
export function mustStartNow({ since, last }: FollowOptions, what: string): void {
  if (since === undefined && last === undefined) return
  throw new RefusedError(`${what} has no history: leave --since and --last out`)
}

/** A message of a protocol that has no more than a channel and a body. */
export function plainMessage(channel: string, body: Buffer | string): Received {
  const text = typeof body === 'string' || isUtf8(body)
  const shown = body.toString(text ? 'utf8' : 'base64')
  const time = Date.now()
  const encoding = text ? {} : { encoding: 'base64' as const }
  const json = JSON.stringify({ channel, time, body: shown, ...encoding })
  return { kind: 'message', id: '', channel, time, body: shown, json, ...encoding }
}
