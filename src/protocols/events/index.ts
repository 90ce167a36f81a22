/**
 * The events door: server-sent events, for EventSource and curl. On `events` locations, and on
 * `subscriber` ones for requests that accept text/event-stream. See docs/protocols/events.md.
 */
import { NOTHING } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import { type LocationConfig, optionsOf } from '../../config/types.ts'
import { Cors, corsOptions } from '../../http/cors.ts'
import type { Exchange } from '../../http/exchange.ts'
import { readWanted, startOf, type Wanted, wantsHistory } from '../../http/following.ts'
import { errorReply, head, type HeaderLines, reply } from '../../http/reply.ts'
import { StreamConnection, type StreamOptions, streamOptions } from '../../http/stream.ts'
import type { Since } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { FanfareError } from '../../model/errors.ts'
import { attempt, chain } from '../../model/maybe.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { Door, DoorContext, LocationHandler } from '../door.ts'
import { connectionErrors, tellInternal } from '../reporting.ts'
import { EventsEncoder, type EventsForm } from './codec.ts'
import { eventsConfig, eventsOptions } from './config.ts'

const METHODS = 'GET, OPTIONS'

export const events: Door = {
  name: 'events',
  config: eventsConfig,
  location(location, context) {
    const { type } = location
    return type === 'events' || type === 'subscriber'
      ? new EventsLocation(location, context)
      : undefined
  },
}

class EventsLocation implements LocationHandler {
  readonly #hub: Hub
  readonly #location: LocationConfig
  readonly #retry: number
  readonly #cors: Cors
  /** By form. What streams share is made once. */
  readonly #forms = new Map<string, { encoder: EventsEncoder; options: StreamOptions }>()
  readonly #context: DoorContext
  readonly #traffic: Traffic
  readonly #onError: OnConnectionError

  constructor(location: LocationConfig, context: DoorContext) {
    this.#hub = context.hub(location.store)
    this.#location = location
    this.#context = context
    this.#traffic = context.traffic.of('events')
    this.#onError = connectionErrors(context)
    this.#retry = optionsOf(location, eventsOptions).retry
    this.#cors = new Cors(optionsOf(location, corsOptions), {
      allow: 'Authorization, Last-Event-ID, Cache-Control',
      expose: 'Content-Type',
    })
  }

  example(base: string): string | undefined {
    const { type, prefix } = this.#location
    if (type !== 'events' || prefix === undefined) return undefined
    return `curl -N ${base}${prefix}test`
  }

  handle(exchange: Exchange, id: string): boolean {
    if (this.#location.type !== 'events' && !asksForEvents(exchange)) return false
    const { method } = exchange
    if (method === 'OPTIONS') {
      exchange.send(reply(200, this.#cors.preflight(exchange, METHODS), '', exchange.closes))
    } else if (method === 'GET') this.#open(exchange, id)
    else this.#fail(exchange, new FanfareError('method_not_allowed'), [`Allow: ${METHODS}`])
    return true
  }

  /** Everything is checked before the first byte: a stream that has begun can no longer be refused. */
  #open(exchange: Exchange, id: string): void {
    let wanted: Wanted
    try {
      const lastEventId = exchange.header('last-event-id')
      const { maxSubscriptions } = this.#context.config.limits
      wanted = readWanted(id, exchange.query, lastEventId, maxSubscriptions, this.#hub.partitions)
      const format = wanted.query.get('format')?.at(-1) ?? 'text'
      if (format !== 'text' && format !== 'json') {
        throw new FanfareError('bad_request', 'format= is text or json.')
      }
    } catch (error) {
      this.#fail(exchange, error)
      return
    }
    let gone = false
    exchange.hold({ left: () => (gone = true) })
    const { access } = this.#context
    let caller: Caller | undefined
    attempt(
      () =>
        chain(access.identifyFollower(exchange, this.#cors.origins), (known) => {
          caller = known
          return chain(access.mustFollow(known, wanted.selectors, wantsHistory(wanted)), () =>
            startOf(this.#hub, wanted),
          )
        }),
      (since) => {
        if (!gone) this.#stream(exchange, wanted, since, caller)
      },
      (error) => {
        if (!gone) this.#fail(exchange, error)
      },
    )
  }

  #stream(exchange: Exchange, wanted: Wanted, since: Since, caller: Caller | undefined): void {
    const { encoder, options } = this.#form({
      json: wanted.query.get('format')?.at(-1) === 'json',
      chunked: exchange.chunked,
      single: wanted.selectors.single !== undefined,
    })
    const lines = [
      'Content-Type: text/event-stream',
      'Cache-Control: no-cache, no-transform',
      // nginx and its kin hold answers back otherwise.
      'X-Accel-Buffering: no',
      ...this.#cors.lines(exchange),
    ]
    if (exchange.chunked) lines.push('Transfer-Encoding: chunked')
    const socket = exchange.stream(Buffer.from(head(200, lines, !exchange.chunked), 'latin1'))
    const stream = new StreamConnection(socket, options)
    const position = since.kind === 'now' ? this.#hub.headOf(wanted.selectors) : undefined
    stream.write(encoder.opening(this.#retry, position))
    stream.attach(this.#hub.follow({ selectors: wanted.selectors, encoder, sink: stream, since }))
    if (!caller) return
    const unwatch = this.#context.access.watch(caller, (reason) =>
      stream.end(encoder.unauthorized(reason)),
    )
    if (unwatch !== NOTHING) socket.once('close', unwatch)
  }

  #form(wanted: EventsForm): { encoder: EventsEncoder; options: StreamOptions } {
    const key = EventsEncoder.keyOf(wanted)
    let form = this.#forms.get(key)
    if (!form) {
      const encoder = new EventsEncoder(wanted)
      const { wheel, config } = this.#context
      const options = streamOptions(config.limits, {
        wheel,
        heartbeat: encoder.heartbeat(),
        traffic: this.#traffic,
        farewell: () => encoder.farewell(this.#spreadRetry()),
      })
      form = { encoder, options }
      this.#forms.set(key, form)
    }
    return form
  }

  /**
   * A sixth of the usual time to two thirds: whoever was sent away at once comes back bit by bit, and sooner than
   * when nobody knows whether there is a server.
   */
  #spreadRetry(): number {
    return Math.round((this.#retry * (1 + 3 * Math.random())) / 6)
  }

  #fail(exchange: Exchange, error: unknown, headers: HeaderLines = []): void {
    tellInternal(this.#onError, error, exchange.peer)
    this.#traffic.refused++
    const lines = [...headers, ...this.#cors.lines(exchange)]
    exchange.send(errorReply(exchange, error, exchange.closes, lines))
  }
}

function asksForEvents(exchange: Exchange): boolean {
  return /(?:^|[\s,])text\/event-stream\s*(?:[;,]|$)/i.test(exchange.header('accept') ?? '')
}
