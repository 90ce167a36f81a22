import type { PollDoor, PublishForm, Session, Step } from './door.ts'
import { WireError } from './door.ts'
import { websocketBackoff } from './sessions.ts'
import { firstLine, header, readHead, requestBytes, responseEnd } from './http.ts'

/**
 * Long polling by the HTTP push relay protocol: the cursor is the previous answer's Last-Modified
 * and Etag, sent back as If-Modified-Since and If-None-Match.
 */
export function longpollDoor(path: (channel: string) => string, publish: PublishForm): PollDoor {
  const door: PollDoor = {
    kind: 'poll',
    label: 'long poll',
    port: 'main',
    publishPort: 'main',
    publish,
    request: (channel, cursor) =>
      requestBytes('GET', path(channel), cursor === undefined ? [] : cursor.split('\n')),
    read(received) {
      const head = readHead(received)
      if (head === undefined) return undefined
      if (head.status !== 200) throw new WireError(`a poll was answered ${firstLine(head)}`)
      const length = responseEnd(head)
      if (received.length < length) return undefined
      const modified = header(head, 'Last-Modified')
      const tag = header(head, 'Etag')
      if (modified === undefined || tag === undefined) {
        throw new WireError('a poll was answered without Last-Modified or Etag')
      }
      const cursor = `If-Modified-Since: ${modified}\nIf-None-Match: ${tag}`
      return { length, body: head.end, cursor }
    },
  }
  return {
    ...door,
    returning: { backoff: websocketBackoff, session: (channel) => new PollSession(door, channel) },
  }
}

/** A client that asks again at once, and after a lost connection with the cursor it had. */
class PollSession implements Session {
  readonly #door: PollDoor
  readonly #channel: string
  #cursor: string | undefined
  #rest: Buffer = Buffer.alloc(0)

  constructor(door: PollDoor, channel: string) {
    this.#door = door
    this.#channel = channel
  }

  connect(): readonly Step[] {
    this.#rest = Buffer.alloc(0)
    return []
  }

  ask(): Uint8Array {
    return this.#door.request(this.#channel, this.#cursor)
  }

  take(bytes: Buffer, from: number, to: number): Uint8Array | undefined {
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(from, to)])
    const reply = this.#door.read(this.#rest)
    if (reply === undefined) return undefined
    this.#rest = this.#rest.subarray(reply.length)
    this.#cursor = reply.cursor
    return this.ask()
  }
}
