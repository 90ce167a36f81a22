import { NotConnectedError } from './socket.ts'
import { parseJson, RefusedError } from './source.ts'

/** A message on its way out. */
export interface Outgoing {
  readonly body: Buffer
  /** What the user said it is; else it is guessed where the protocol wants one. */
  readonly type: string | undefined
  /** Idempotency key. */
  readonly key: string | undefined
  /** Seconds, as the user wrote them. */
  readonly ttl: string | undefined
}

/** What is said of a message that is out. */
export interface Answer {
  /** Its id; without one, a word for people. */
  readonly id: string
  /** How many were listening, where the server says. */
  readonly receivers?: number
}

/** A place that messages are sent to. */
export interface Publisher {
  /**
   * Sends messages, in order. @returns the answer to the last of them
   * @throws RefusedError when they are refused, and would be again
   */
  publish(messages: readonly Outgoing[]): Promise<Answer>
  /** Sees that everything has left. */
  close(): Promise<void>
}

export interface PublishProtocol {
  /** What it can say of a message besides the body. */
  readonly carries: readonly ('type' | 'key' | 'ttl')[]
  /** Whether what got no answer may be sent again: its key makes sure that it is stored once. */
  readonly repeats: boolean
  /** @param signal ends whatever is going on */
  open(url: URL, signal?: AbortSignal): Promise<Publisher>
}

const http = async (): Promise<PublishProtocol> => (await import('./http-publisher.ts')).viaHttp
const websocket = async (): Promise<PublishProtocol> =>
  (await import('./websocket-publisher.ts')).viaWebSocket
const redis = async (): Promise<PublishProtocol> => (await import('./redis-publisher.ts')).viaRedis
const feed = async (): Promise<PublishProtocol> => (await import('./feed-publisher.ts')).viaFeed

const PROTOCOLS: Readonly<Record<string, () => Promise<PublishProtocol>>> = {
  'http:': http,
  'https:': http,
  'ws:': websocket,
  'wss:': websocket,
  'redis:': redis,
  'rediss:': redis,
  'tcp:': async () => (await import('./sparkleshare-publisher.ts')).viaSparkleShare,
  'zmq:': async () => (await import('./zmq-publisher.ts')).viaZmq,
  'fanout:': async () => (await import('./fanout-publisher.ts')).viaFanout,
  'feed:': feed,
  'feeds:': feed,
}

/** How messages are sent to a URL. @throws RefusedError */
export function protocolOf(url: URL): Promise<PublishProtocol> {
  const load = PROTOCOLS[url.protocol]
  if (load) return load()
  const known = Object.keys(PROTOCOLS).join(' ')
  throw new RefusedError(`cannot publish to ${url.protocol} URLs; ${known} can`)
}

const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** Whether an attempt failed before anything was sent: it may be made again by any protocol. */
export function isUnsent(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return error instanceof NotConnectedError || NOT_SENT.has(code)
}

/** JSON where it is an object or an array, else text, else bytes. */
export function guessType(body: Buffer): string {
  const text = body.toString('utf8')
  if (!Buffer.from(text).equals(body)) return 'application/octet-stream'
  if (/^\s*[[{]/.test(text) && parseJson(text) !== undefined) return 'application/json'
  return 'text/plain; charset=utf-8'
}

/** A body for a protocol of one line of text: a last line break, as programs print it, does not count. */
export function lineOf({ body }: Outgoing, what: string): string {
  const text = body.toString('utf8')
  if (!Buffer.from(text).equals(body)) throw new RefusedError(`${what} is text, and this is none`)
  const line = text.replace(/\r?\n$/, '')
  if (line === '') throw new RefusedError(`${what} is not empty`)
  if (/[\r\n\0]/.test(line)) throw new RefusedError(`${what} is one line`)
  return line
}
