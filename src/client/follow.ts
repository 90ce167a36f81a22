import { setTimeout as sleep } from 'node:timers/promises'
import { Backoff } from './backoff.ts'
import {
  type Cursor,
  type Followed,
  type FollowOptions,
  reasonOf,
  RefusedError,
  type Source,
} from './source.ts'

const events = async (): Promise<Source> => (await import('./events-source.ts')).eventsSource
const websocket = async (): Promise<Source> =>
  (await import('./websocket-source.ts')).websocketSource
const redis = async (): Promise<Source> => (await import('./redis-source.ts')).redisSource
const feed = async (): Promise<Source> => (await import('./feed-source.ts')).feedSource

/** Loaded when they are asked for: each brings what only it needs. */
const SOURCES: Readonly<Record<string, () => Promise<Source>>> = {
  'http:': events,
  'https:': events,
  'ws:': websocket,
  'wss:': websocket,
  'redis:': redis,
  'rediss:': redis,
  'tcp:': async () => (await import('./sparkleshare-source.ts')).sparkleshareSource,
  'zmq:': async () => (await import('./zmq-source.ts')).zmqSource,
  'fanout:': async () => (await import('./fanout-source.ts')).fanoutSource,
  'feed:': feed,
  'feeds:': feed,
}

/** Schemes that can be followed, for messages to people. */
export const SCHEMES: readonly string[] = Object.keys(SOURCES)

/**
 * Everything at a URL, without end: a lost connection is made again, and goes on where it was.
 * @throws RefusedError when the server refuses
 */
export async function* follow(url: URL, options: FollowOptions): AsyncGenerator<Followed, void> {
  const load = SOURCES[url.protocol]
  if (!load) throw new RefusedError(`cannot follow ${url.protocol} URLs; ${SCHEMES.join(' ')} can`)
  const source = await load()
  const cursor: Cursor = options.cursor ?? { id: undefined, retry: 0 }
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
    const again = `trying again in ${(wait / 1000).toFixed(1)} s`
    const lost = cursor.forgets ? ', and what is published until then is lost' : ''
    yield { kind: 'lost', detail: `${reason}; ${again}${lost}` }
    await sleep(wait, undefined, { signal }).catch(() => {})
  }
}
