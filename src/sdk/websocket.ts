import { FanfareError, parseJson } from './errors.ts'
import { gapOf, messageOf } from './messages.ts'
import { type Listener, type Source, type Target, urlOf } from './source.ts'

/** What is needed of a WebSocket: the platform's, or that of the package `ws`. */
export interface WebSocketLike {
  addEventListener(type: 'open' | 'error' | 'close', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  send(text: string): void
  close(): void
}

export type WebSocketClass = new (url: string) => WebSocketLike

/** A server's frame, by its one key that says what it is. */
interface Frame {
  readonly gap?: unknown
  readonly subscribed?: unknown
  readonly position?: unknown
  readonly cursor?: unknown
  readonly error?: { readonly code?: unknown; readonly message?: unknown }
}

export function webSockets(Socket: WebSocketClass): Source {
  return (target, listener, signal) =>
    new Promise((resolve, reject) => {
      const connection = new Connection(new Socket(placeOf(target, listener)), target, listener)
      const abort = (): void => connection.end('closed')
      signal.addEventListener('abort', abort)
      connection.ended.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', abort)
      })
    })
}

/**
 * `last` goes with the URL alone; everything else goes into a frame, because a browser does not say why a
 * URL was refused.
 */
function placeOf(target: Target, { inbox }: Listener): string {
  const bare = new URL(target.location)
  const url = asksByUrl(target, inbox.reached) ? urlOf(target) : bare
  url.protocol = url.protocol.replace('http', 'ws')
  return url.href
}

function asksByUrl({ since, last }: Target, reached: string | undefined): boolean {
  return reached === undefined && since === undefined && last !== undefined
}

/** One connection. Whatever happens, it ends once. */
class Connection {
  readonly ended: Promise<string | undefined>
  readonly #socket: WebSocketLike
  readonly #target: Target
  readonly #listener: Listener
  readonly #timer: ReturnType<typeof setInterval>
  #heard = performance.now()
  #done = false
  #open = false
  #resolve: (reason: string | undefined) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(socket: WebSocketLike, target: Target, listener: Listener) {
    this.#socket = socket
    this.#target = target
    this.#listener = listener
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#timer = setInterval(() => this.#look(), target.silence / 3)
    socket.addEventListener('open', () => this.#subscribe())
    socket.addEventListener('message', ({ data }) => {
      this.#heard = performance.now()
      if (!this.#done && typeof data === 'string') this.#take(data)
    })
    // Why it failed is not told; 'close' comes next.
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', () => this.end('the connection was lost or refused'))
  }

  end(reason: string | undefined): void {
    this.#resolve(reason)
    this.#clear()
  }

  #fail(error: FanfareError): void {
    this.#reject(error)
    this.#clear()
  }

  #clear(): void {
    if (this.#done) return
    this.#done = true
    clearInterval(this.#timer)
    this.#socket.close()
  }

  #subscribe(): void {
    this.#open = true
    this.#heard = performance.now()
    const { channels, since } = this.#target
    const { reached } = this.#listener.inbox
    if (this.#done || asksByUrl(this.#target, reached)) return
    this.#socket.send(JSON.stringify({ subscribe: channels, since: reached ?? since }))
  }

  /** Pages see no pings, so they ask. */
  #look(): void {
    const silent = performance.now() - this.#heard
    if (silent >= this.#target.silence) this.end('the server was silent')
    else if (this.#open) this.#socket.send('{"ping":1}')
  }

  #take(text: string): void {
    const { inbox } = this.#listener
    const frame = parseJson(text)
    const message = messageOf(frame)
    if (message) {
      // Of channels in several partitions, an id is no cursor: then there is one beside it.
      const { cursor } = frame as Frame
      inbox.give(message, typeof cursor === 'string' ? cursor : message.id, text.length)
    } else {
      const { gap, subscribed, position, error } = (frame ?? {}) as Frame
      const missed = gapOf(gap)
      if (missed) inbox.give(missed, undefined, text.length)
      if (subscribed !== undefined) {
        if (typeof position === 'string') inbox.stand(position)
        this.#listener.opened()
      }
      if (error) {
        this.#fail(new FanfareError(String(error.code), String(error.message), { status: 400 }))
      }
    }
    // There is no way to read slower; the cursor brings the rest once there is room.
    if (inbox.full) this.end(undefined)
  }
}
