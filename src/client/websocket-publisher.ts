import { isUtf8 } from 'node:buffer'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { authorities } from './authorities.ts'
import { readSome } from './http.ts'
import {
  type Answer,
  guessType,
  type Outgoing,
  type Publisher,
  type PublishProtocol,
} from './publisher.ts'
import { NotConnectedError } from './socket.ts'
import { parseJson, refusalOf, RefusedError } from './source.ts'

/** How long an answer may take, in ms. */
const PATIENCE = 30_000
/** What may be otherwise at the next attempt. */
const PASSING = new Set(['internal', 'store_unavailable'])

/** WebSocket locations: publish frames, and their answers. */
export const viaWebSocket: PublishProtocol = {
  carries: ['type', 'key', 'ttl'],
  repeats: true,
  open: (url, signal) => WebSocketPublisher.open(url, signal),
}

class WebSocketPublisher implements Publisher {
  readonly #socket: WebSocket
  #failure: Error | undefined
  #channel: string | undefined
  #answers = new Map<number, (frame: Record<string, unknown>) => void>()
  #ref = 0
  #stir: (() => void) | undefined

  static async open(url: URL, signal?: AbortSignal): Promise<WebSocketPublisher> {
    const target = new URL(url)
    target.searchParams.delete('since')
    target.searchParams.delete('last')
    if (target.pathname.endsWith('/') && target.searchParams.getAll('channel').length !== 1) {
      throw new RefusedError(`the URL's path ends with the channel: ${target.href}NAME`)
    }
    const socket = new WebSocket(target, {
      perMessageDeflate: false,
      handshakeTimeout: PATIENCE,
      ...authorities(),
    })
    const publisher = new WebSocketPublisher(socket)
    signal?.addEventListener('abort', () => socket.terminate(), { once: true })
    await publisher.#until(() => publisher.#channel !== undefined)
    // So that it does not hear itself, nor count.
    publisher.#send({ unsubscribe: [publisher.#channel] })
    return publisher
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data) => this.#take((data as Buffer).toString('utf8')))
    socket.on('unexpected-response', (_request, response) => {
      void readSome(response).then((body) => {
        const { statusCode = 500, statusMessage = '' } = response
        this.#fail(refusalOf(statusCode, statusMessage, body))
      })
    })
    socket.on('error', (error) => {
      const unsent = socket.readyState === WebSocket.CONNECTING || this.#channel === undefined
      this.#fail(unsent ? new NotConnectedError(error.message, { cause: error }) : error)
    })
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  async publish(messages: readonly Outgoing[]): Promise<Answer> {
    const waiting = messages.map((message) => {
      const ref = ++this.#ref
      const answer: { frame?: Record<string, unknown> } = {}
      this.#answers.set(ref, (frame) => (answer.frame = frame))
      this.#send({ ...frameOf(message), publish: this.#channel, ref })
      return answer
    })
    await this.#until(() => waiting.every(({ frame }) => frame !== undefined))
    for (const { frame } of waiting) mustBePublished(frame)
    const { published, receivers } = waiting.at(-1)?.frame ?? {}
    const id = String(published)
    return typeof receivers === 'number' ? { id, receivers } : { id }
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    this.#socket.close()
    const stuck = setTimeout(() => this.#socket.terminate(), 1_000)
    await once(this.#socket, 'close')
    clearTimeout(stuck)
  }

  #send(frame: unknown): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame))
  }

  #take(text: string): void {
    const frame = (parseJson(text) ?? {}) as Record<string, unknown>
    const { subscribed, ref } = frame
    if (typeof ref === 'number') {
      this.#answers.get(ref)?.(frame)
      this.#answers.delete(ref)
    } else if (Array.isArray(subscribed) && this.#channel === undefined) {
      const [name, ...others] = subscribed as unknown[]
      if (typeof name !== 'string' || others.length > 0 || name.endsWith('/')) {
        this.#fail(new RefusedError('a message goes to one channel'))
      } else this.#channel = name
    } else return
    this.#stir?.()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#socket.terminate()
    this.#stir?.()
  }

  async #until(holds: () => boolean): Promise<void> {
    const late = setTimeout(() => this.#fail(new Error('the server is silent')), PATIENCE)
    try {
      while (!holds()) {
        if (this.#failure) throw this.#failure
        await new Promise<void>((resolve) => (this.#stir = resolve))
      }
    } finally {
      clearTimeout(late)
    }
  }
}

function frameOf({ body, type, key, ttl }: Outgoing): Record<string, unknown> {
  const text = isUtf8(body)
  if (ttl !== undefined && !/^\d+$/.test(ttl)) {
    throw new RefusedError('TTL is a whole number of seconds, 0 or more.')
  }
  return {
    body: body.toString(text ? 'utf8' : 'base64'),
    ...(text ? {} : { encoding: 'base64' }),
    type: type ?? guessType(body),
    ...(key === undefined ? {} : { key }),
    ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
  }
}

function mustBePublished(frame: Record<string, unknown> = {}): void {
  if (frame['published'] !== undefined) return
  const { code, message } = (frame['error'] ?? {}) as { code?: string; message?: unknown }
  const words = typeof message === 'string' ? message : 'the server gave an answer that is none'
  throw PASSING.has(code ?? '') ? new Error(words) : new RefusedError(words)
}
