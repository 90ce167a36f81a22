import type { Exchange } from '../../../http/exchange.ts'
import { head } from '../../../http/reply.ts'
import { StreamConnection, streamOptions } from '../../../http/stream.ts'
import type { DoorContext } from '../../door.ts'

const HEADERS = [
  'Content-Type: text/event-stream',
  'Cache-Control: no-store, no-transform',
  'X-Accel-Buffering: no',
]

/** One event as server-sent events have it. @param chunked as a chunk of HTTP/1.1 */
export function eventBytes(chunked: boolean, name: string, data: unknown): Buffer {
  const text = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
  if (!chunked) return Buffer.from(text)
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
}

/** An answer without an end, for a page that watches. */
export class ConsoleStream {
  readonly chunked: boolean
  readonly connection: StreamConnection

  /** @param closed hears once that the page has gone */
  constructor(exchange: Exchange, context: DoorContext, closed: () => void) {
    const { chunked } = exchange
    this.chunked = chunked
    const lines = chunked ? [...HEADERS, 'Transfer-Encoding: chunked'] : HEADERS
    const socket = exchange.stream(Buffer.from(head(200, lines, !chunked), 'latin1'))
    // There is a tick each second: no heartbeat is needed.
    const fixed = { wheel: context.wheel, heartbeat: undefined }
    const options = streamOptions(context.config.limits, fixed)
    this.connection = new StreamConnection(socket, options)
    socket.once('close', closed)
  }

  send(name: string, data: unknown): void {
    this.connection.write(eventBytes(this.chunked, name, data))
  }
}

/** One timer for everything that is told once a second; none while nobody watches. */
export class Ticker {
  readonly #interval: number
  readonly #onError: (error: unknown) => void
  readonly #listeners = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined

  /** @param interval ms */
  constructor(interval: number, onError: (error: unknown) => void) {
    this.#interval = interval
    this.#onError = onError
  }

  /** @returns what ends it */
  add(listener: () => void): () => void {
    this.#listeners.add(listener)
    this.#timer ??= setInterval(() => this.#tick(), this.#interval).unref()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #tick(): void {
    for (const listener of this.#listeners) {
      try {
        listener()
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
