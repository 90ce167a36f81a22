/**
 * fanfare/client: services, publishing and subscriptions from Node.js and from browsers.
 * docs/client.md has examples.
 */
import type { ServiceClients } from './methods.ts'
import { servicesAt } from './methods.ts'
import { FanfareError } from './errors.ts'
import { type Publishable, type Published, type PublishOptions, publishTo } from './publish.ts'
import type { RequestOptions } from './request.ts'
import { eventStreams } from './sse.ts'
import type { Source } from './source.ts'
import { SILENCE, type SubscribeOptions, Subscription } from './subscription.ts'
import { type WebSocketClass, webSockets } from './websocket.ts'

export { FanfareError }
export type { ClientErrorCode } from './errors.ts'
export type { Followed, Gap, Message } from './messages.ts'
export type { ServiceClients } from './methods.ts'
export type { Publishable, Published, PublishOptions } from './publish.ts'
export type { RequestOptions } from './request.ts'
export type { Status, SubscribeOptions, Subscription } from './subscription.ts'
export type { WebSocketClass, WebSocketLike } from './websocket.ts'

/** Where a server is, and how it is spoken to. */
export interface ConnectOptions extends RequestOptions {
  /**
   * The main port; in a page its own origin without it, elsewhere `http://127.0.0.1:8080`. A path is that
   * of a proxy before it.
   */
  readonly url?: string
  /** The management port; `http://127.0.0.1:8181` without it. */
  readonly management?: string
  /** The management port's key, where it has one. */
  readonly key?: string
  /** Prefixes of the locations, where they are not the default ones. */
  readonly locations?: {
    readonly publisher?: string
    readonly events?: string
    readonly websocket?: string
  }
  /** In the place of the platform's; Node.js has one from version 22 on. */
  readonly WebSocket?: WebSocketClass
}

/** A server, and what can be done with it. Nothing is connected until something is. */
export interface Fanfare extends ServiceClients {
  /**
   * Publishes to a channel: text, bytes, or JSON. Sent again when it was not answered, and stored once.
   * @throws FanfareError
   */
  publish(channel: string, body: Publishable, options?: PublishOptions): Promise<Published>
  /**
   * Follows channels and subtrees (`octocat/`, or `/` for everything) in one stream, in order, over lost
   * connections and restarts.
   * @throws FanfareError where the platform has no such transport; what the server refuses is thrown by
   * the loop that reads
   */
  subscribe(channels: string | readonly string[], options?: SubscribeOptions): Subscription
  /** The same server with other options: for a call with a signal, or with a time of its own. */
  with(options: ConnectOptions): Fanfare
}

/** @throws TypeError for a URL that is none */
export function connect(options: ConnectOptions = {}): Fanfare {
  const {
    url = ownOrigin() ?? 'http://127.0.0.1:8080',
    management = 'http://127.0.0.1:8181',
    locations = {},
  } = options
  const main = baseOf(url)
  const at = (prefix: string): string => main + prefix.replace(/^\/*/, '')
  return {
    ...servicesAt({ ...options, management: baseOf(management) }),
    publish: (channel, body, more) =>
      publishTo(at(locations.publisher ?? 'publisher/'), channel, body, { ...options, ...more }),
    subscribe: (channels, more = {}) => {
      const socket = more.transport === 'websocket'
      const { since, last } = more
      const target = {
        location: at(socket ? (locations.websocket ?? 'ws/') : (locations.events ?? 'events/')),
        channels: typeof channels === 'string' ? [channels] : [...channels],
        since: since === undefined ? undefined : String(since),
        last,
        silence: more.silence ?? SILENCE,
      }
      return new Subscription(sourceFor(socket, options), target, more)
    },
    with: (more) => connect({ ...options, ...more }),
  }
}

/** A URL with a `/` at its end, so that something can be put behind it. */
function baseOf(url: string): string {
  const { protocol, host, pathname, username, password } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new TypeError(`${url} is no http or https URL`)
  }
  if (username + password !== '') throw new TypeError('no user in the URL: the key goes into `key`')
  return `${protocol}//${host}${pathname.replace(/\/*$/, '/')}`
}

function sourceFor(socket: boolean, options: ConnectOptions): Source {
  if (!socket) return eventStreams(options.fetch ?? fetch)
  const Socket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket
  if (Socket) return webSockets(Socket)
  throw new FanfareError('no_websocket', 'there is no WebSocket on this platform', {
    help: "Take transport: 'sse', or give connect() the one of the package ws as WebSocket.",
  })
}

/** Of the page that this runs in. */
function ownOrigin(): string | undefined {
  const { location } = globalThis as { location?: { origin?: string } }
  return location?.origin?.startsWith('http') ? location.origin : undefined
}
