import { setTimeout as sleep } from 'node:timers/promises'
import { Backoff } from './backoff.ts'
import { eventsSource } from './events-source.ts'
import {
  type Cursor,
  type Followed,
  type FollowOptions,
  reasonOf,
  RefusedError,
  type Source,
} from './source.ts'
import { websocketSource } from './websocket-source.ts'

const SOURCES: Readonly<Record<string, Source>> = {
  'http:': eventsSource,
  'https:': eventsSource,
  'ws:': websocketSource,
  'wss:': websocketSource,
}

/** Schemes that can be followed, for messages to people. */
export const SCHEMES: readonly string[] = Object.keys(SOURCES)

/**
 * Everything at a URL, without end: a lost connection is made again, and goes on where it was.
 * @throws RefusedError when the server refuses
 */
export async function* follow(url: URL, options: FollowOptions): AsyncGenerator<Followed, void> {
  const source = SOURCES[url.protocol]
  if (!source)
    throw new RefusedError(`cannot follow ${url.protocol} URLs; ${SCHEMES.join(' ')} can`)
  const cursor: Cursor = { id: undefined, retry: 0 }
  const backoff = new Backoff()
  const { signal } = options
  while (!signal.aborted) {
    let reason = 'the server closed the connection'
    try {
      for await (const event of source(url, cursor, options)) {
        if (event.kind === 'connected') backoff.reset()
        yield event
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof RefusedError) throw error
      reason = reasonOf(error)
    }
    if (signal.aborted) return
    const wait = backoff.next(cursor.retry)
    yield { kind: 'lost', detail: `${reason}; trying again in ${(wait / 1000).toFixed(1)} s` }
    await sleep(wait, undefined, { signal }).catch(() => {})
  }
}
