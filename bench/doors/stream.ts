import type { PublishForm, Session, Step, StreamDoor } from './door.ts'
import { openingStep, requestBytes } from './http.ts'
import { EVENT_SOURCE_MS, LastMatch, returningBy, websocketBackoff } from './sessions.ts'

/** An event's id, once the whole event has come. */
const EVENT_ID = /id: (\S+)\n(?:[^\n]+\n)*\n/g

/** How long an EventSource is to wait. */
const RETRY = /retry: (\d+)\n/g

/** Server-Sent Events: one GET, then events for as long as the connection stands. */
export function sseDoor(path: (channel: string) => string, publish: PublishForm): StreamDoor {
  const open = (channel: string, cursor?: string): Step[] => {
    const headers = ['Accept: text/event-stream']
    if (cursor !== undefined) headers.push(`Last-Event-ID: ${cursor}`)
    return [openingStep(requestBytes('GET', path(channel), headers), 200)]
  }
  return {
    kind: 'stream',
    label: 'SSE',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe: (channel) => open(channel),
    subtree: (prefix) => open(prefix),
    returning: returningBy(EVENT_ID, open, () => EVENT_SOURCE_MS, RETRY),
  }
}

function openFeed(channel: string, since?: string): Step[] {
  const headers = since === undefined ? [] : [`X-Fetch-Since: ${since}`]
  return [openingStep(requestBytes('GET', `/${channel}`, headers), 200)]
}

/** GitPubSub's feed, on a port of its own: each event a line of JSON in a chunk. */
export function feedDoor(publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'feed',
    port: 'feed',
    publishPort: 'main',
    publish,
    subscribe: (channel) => openFeed(channel),
    // The same path: a GET follows what is below, too.
    subtree: (prefix) => openFeed(prefix),
    resume: (channel, since) => openFeed(channel, String(since)),
    returning: {
      backoff: websocketBackoff,
      doubles: true,
      session: (channel) => new FeedSession(channel),
    },
  }
}

/** A client that comes back with the time of the last `stillalive`, or else of its start. */
class FeedSession implements Session {
  readonly #channel: string
  readonly #alive = new LastMatch(/"stillalive": ([\d.]+)\}/g)
  readonly #start = String(Math.floor(Date.now() / 1000))

  constructor(channel: string) {
    this.#channel = channel
  }

  connect(): readonly Step[] {
    this.#alive.cut()
    return openFeed(this.#channel, this.#alive.value ?? this.#start)
  }

  take(bytes: Buffer, from: number, to: number): undefined {
    this.#alive.take(bytes, from, to)
    return undefined
  }
}

/** How a server of WebSocket writes a message's id, and where it takes one to go on from. */
export interface WebsocketCursor {
  /** The cursor is its first group; with the flag `g`. */
  readonly pattern: RegExp
  readonly headers: (cursor: string | undefined) => readonly string[]
  readonly query: (cursor: string | undefined) => string
}

/** What our own door does: ids in frames, `since` in the query. */
export const ENVELOPES: WebsocketCursor = {
  pattern: /"(?:id|position)":"([^"]+)"[^}]*\}/g,
  headers: () => [],
  query: (cursor) => (cursor === undefined ? '' : `?since=${cursor}`),
}

/** An empty ping, and the masked pong to it (RFC 6455, 5.5). */
const PING = Buffer.from([0x89, 0])
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

/** The pong to a ping that stands at either end of what came. */
export function pongTo(bytes: Buffer, from: number, to: number): Uint8Array | undefined {
  const at = (start: number): boolean => bytes.compare(PING, 0, 2, start, start + 2) === 0
  return to - from >= 2 && (at(from) || at(to - 2)) ? PONG : undefined
}

/** The request that makes a connection a WebSocket. */
export function upgradeBytes(path: string, headers: readonly string[] = []): Buffer {
  return requestBytes('GET', path, [
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...headers,
  ])
}

/** WebSocket, published to over HTTP. Frames are counted by their bodies' markers. */
export function websocketDoor(
  path: (channel: string) => string,
  publish: PublishForm,
  cursors: WebsocketCursor,
): StreamDoor {
  const open = (channel: string, cursor?: string): Step[] => [
    openingStep(upgradeBytes(path(channel) + cursors.query(cursor), cursors.headers(cursor)), 101),
  ]
  return {
    kind: 'stream',
    label: 'WebSocket',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe: (channel) => [openingStep(upgradeBytes(path(channel)), 101)],
    subtree: (prefix) => open(prefix),
    answer: pongTo,
    returning: returningBy(cursors.pattern, open, websocketBackoff),
  }
}
