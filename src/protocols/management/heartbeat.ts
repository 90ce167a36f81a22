import type { Exchange } from '../../http/exchange.ts'
import { head } from '../../http/reply.ts'
import { StreamConnection } from '../../http/stream.ts'
import { FanfareError } from '../../model/errors.ts'
import type { DoorContext } from '../door.ts'
import { answerHtml, refuse } from './answers.ts'

/** Answers that are kept open at once. */
const MOST = 100

/**
 * `GET /heartbeat`, as the later socket-push had it for its manager: `OK`, and an answer that ends only when the
 * server does. Whoever watches it knows at once when a node is gone.
 */
export class Heartbeats {
  readonly #context: DoorContext
  readonly #open = new Map<StreamConnection, Buffer | undefined>()

  constructor(context: DoorContext) {
    this.#context = context
  }

  /** Answers the request, if it is one for this. */
  handle(exchange: Exchange): boolean {
    const { path, method, chunked } = exchange
    if (path.toLowerCase() !== '/heartbeat' || (method !== 'GET' && method !== 'HEAD')) return false
    if (method === 'HEAD') answerHtml(exchange, 200, '')
    else if (this.#open.size >= MOST) {
      refuse(exchange, new FanfareError('too_many', `${MOST} heartbeats are watched already.`))
    } else this.#begin(exchange, chunked)
    return true
  }

  /** Ends all of them. */
  end(): void {
    for (const [stream, last] of this.#open) stream.end(last)
  }

  #begin(exchange: Exchange, chunked: boolean): void {
    const lines = ['Content-Type: text/html', 'Cache-Control: no-store']
    if (chunked) lines.push('Transfer-Encoding: chunked')
    const socket = exchange.stream(Buffer.from(head(200, lines, !chunked), 'latin1'))
    const { wheel, config } = this.#context
    const { idleTimeout } = config.limits
    const stream = new StreamConnection(socket, { wheel, heartbeat: undefined, idleTimeout })
    stream.write(Buffer.from(chunked ? '2\r\nOK\r\n' : 'OK'))
    this.#open.set(stream, chunked ? Buffer.from('0\r\n\r\n') : undefined)
    socket.once('close', () => this.#open.delete(stream))
  }
}
