import type { Inbox } from './inbox.ts'

/** What a connection is made for. */
export interface Target {
  /** The location's URL, such as `http://127.0.0.1:8080/events/`. */
  readonly location: string
  readonly channels: readonly string[]
  /** Where to start, as long as nothing is known of where to go on. */
  readonly since: string | undefined
  readonly last: number | undefined
  /** A connection on which nothing comes for so many ms is dead. */
  readonly silence: number
}

/** Whom a connection tells what. */
export interface Listener {
  readonly inbox: Inbox
  /** The server has accepted it, and follows. */
  opened(): void
  /** The server asks for so many ms before the next attempt. */
  retry(ms: number): void
}

/**
 * One connection's worth of messages, into the inbox. Ends when the connection does, or when the inbox is
 * full and the transport cannot wait.
 * @returns why it ended, in few words; undefined when the inbox was full
 * @throws FanfareError; see `isPassing`
 */
export type Source = (
  target: Target,
  listener: Listener,
  signal: AbortSignal,
) => Promise<string | undefined>

/** The location with what to follow, and from where. */
export function urlOf({ location, channels, since, last }: Target, reached?: string): URL {
  const url = new URL(location)
  for (const channel of channels) url.searchParams.append('channel', channel)
  const from = reached ?? since
  if (from !== undefined) url.searchParams.set('since', from)
  else if (last !== undefined) url.searchParams.set('last', String(last))
  return url
}
