import type { Returning, Session, Step } from './door.ts'

/** No cursor of any protocol here is longer than that, with all that stands around it, in bytes. */
const KEPT = 512

/** As EventSource does: it waits as long as the stream told it to, each time. */
export const EVENT_SOURCE_MS = 3000

/** Half a second, doubling up to 30 s, with a random part: what docs/protocols/websocket.md asks for. */
export function websocketBackoff(attempt: number): number {
  return Math.min(500 * 2 ** attempt, 30_000) * (0.5 + Math.random() / 2)
}

/** socket.io-client 4's defaults: 1 s, doubling up to 5 s, give or take half of it. */
export function socketioBackoff(attempt: number): number {
  return Math.min(1000 * 2 ** attempt * (0.5 + Math.random()), 5000)
}

/** The redis package's default: 50 ms, doubling up to 2 s, and up to 200 ms at random. */
export function redisBackoff(attempt: number): number {
  return Math.min(50 * 2 ** attempt, 2000) + Math.random() * 200
}

/** Finds the last match of a pattern in a stream, however it is cut. */
export class LastMatch {
  /** The first group of the last match; undefined before there was one. */
  value: string | undefined
  readonly #pattern: RegExp
  #rest = ''

  /** @param pattern with one group, and the flag `g` */
  constructor(pattern: RegExp) {
    this.#pattern = pattern
  }

  take(bytes: Buffer, from: number, to: number): void {
    const text = this.#rest + bytes.toString('latin1', from, to)
    for (const match of text.matchAll(this.#pattern)) this.value = match[1]
    this.#rest = text.slice(-KEPT)
  }

  /** The next bytes are of another connection. */
  cut(): void {
    this.#rest = ''
  }
}

/**
 * Clients whose cursor can be read off what they are sent.
 * @param pattern where the cursor is, as its first group; with the flag `g`
 * @param connect how such a client opens its connection, with a cursor once it has one
 * @param wait where it is told how long to wait before it comes back, in ms, likewise
 */
export function returningBy(
  pattern: RegExp,
  connect: (channel: string, cursor: string | undefined) => readonly Step[],
  backoff: (attempt: number) => number,
  wait?: RegExp,
): Returning {
  return {
    backoff,
    session(channel): Session {
      const cursor = new LastMatch(pattern)
      const told = wait && new LastMatch(wait)
      return {
        connect() {
          cursor.cut()
          told?.cut()
          return connect(channel, cursor.value)
        },
        told: () => (told?.value === undefined ? undefined : Number(told.value)),
        take(bytes, from, to) {
          cursor.take(bytes, from, to)
          told?.take(bytes, from, to)
          return undefined
        },
      }
    },
  }
}
