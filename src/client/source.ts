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
}

export type Followed = Received | Missed | Notice

export interface FollowOptions {
  /** An id, a unix time, `all`; without it, what comes from now on. */
  readonly since?: string
  /** The newest this many first. */
  readonly last?: number
  readonly signal: AbortSignal
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
}

/** The server said no, and would say it again: trying once more is of no use. */
export class RefusedError extends Error {}

/** What went wrong with a connection, in few words. */
export function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  const { code, message } = (cause ?? error) as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  return message || code || String(error)
}

/** A message from its envelope; undefined when the text is something else. */
export function fromEnvelope(json: string): Received | undefined {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value !== 'object' || value === null) return undefined
    const { id, channel, body } = value as Record<string, unknown>
    if (typeof id !== 'string' || typeof channel !== 'string' || typeof body !== 'string') {
      return undefined
    }
    return { ...(value as Received), kind: 'message', json }
  } catch {
    return undefined
  }
}
