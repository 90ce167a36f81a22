import type { Access } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import type { LocationConfig } from '../../config/types.ts'
import { optionsOf } from '../../config/types.ts'
import { Cors, corsOptions } from '../../http/cors.ts'
import type { Exchange, Waiter } from '../../http/exchange.ts'
import { errorReply, type HeaderLines, reply } from '../../http/reply.ts'
import type { EndReason, History, Since, Sink, Subscription } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { channelFromBytes, type ChannelName, percentDecode } from '../../model/channel.ts'
import { FanfareError } from '../../model/errors.ts'
import { idSecond } from '../../model/id.ts'
import { attempt, chain } from '../../model/maybe.ts'
import { Selectors } from '../../model/selector.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { DoorContext, LocationHandler } from '../door.ts'
import { connectionErrors, tellInternal } from '../reporting.ts'
import { subscriberOptions } from './config.ts'
import { pollCursor } from './cursor.ts'
import { PollEncoder } from './encoder.ts'

const METHODS = 'GET, OPTIONS'

/** A `subscriber` location: long and interval polling (protocol rev 2.23, hbpush's answers). */
export class SubscriberLocation implements LocationHandler {
  readonly #hub: Hub
  readonly #access: Access
  readonly #options: ReturnType<typeof optionsOf<typeof subscriberOptions>>
  readonly #cors: Cors
  readonly #traffic: Traffic
  readonly #onError: OnConnectionError
  readonly #location: LocationConfig
  /** Who waits on a channel here; kept only where not everybody may. */
  readonly #waiting = new Map<ChannelName, Set<Poll>>()
  /** The encoders of plain polls, kept alive or not: made once. */
  readonly #encoders: { readonly keep: PollEncoder; readonly close: PollEncoder }

  constructor(location: LocationConfig, context: DoorContext) {
    this.#hub = context.hub(location.store)
    this.#access = context.access
    this.#traffic = context.traffic.of('relay')
    this.#onError = connectionErrors(context)
    this.#location = location
    this.#options = optionsOf(location, subscriberOptions)
    this.#cors = new Cors(optionsOf(location, corsOptions), {
      allow: 'Authorization, If-Modified-Since, If-None-Match, X-Cookie',
      expose: 'Last-Modified, Etag, Cache-Control, Fanfare-Gap, Traceparent',
    })
    this.#encoders = { keep: new PollEncoder(false, []), close: new PollEncoder(true, []) }
  }

  example(base: string): string | undefined {
    const { prefix } = this.#location
    return prefix === undefined ? undefined : `curl -i ${base}${prefix}test`
  }

  handle(exchange: Exchange, id: string): boolean {
    if (id === '') return false
    const { method } = exchange
    if (method === 'OPTIONS') {
      exchange.send(reply(200, this.#cors.preflight(exchange, METHODS), '', exchange.closes))
    } else if (method === 'GET') this.#poll(exchange, id)
    else this.#fail(exchange, new FanfareError('method_not_allowed'), [`Allow: ${METHODS}`])
    return true
  }

  #poll(exchange: Exchange, id: string): void {
    const { create_on_get: create, polling } = this.#options
    let channel: ChannelName
    let since: Since
    try {
      channel = readChannel(id)
      // An id of a moment ago may lie a little ahead of the clock.
      const latest = Math.max(Date.now() / 1000, idSecond(this.#hub.at(channel).head))
      since = pollCursor(
        exchange.header('if-modified-since'),
        exchange.header('if-none-match'),
        latest,
      )
    } catch (error) {
      this.#fail(exchange, error)
      return
    }
    const access = this.#access
    let caller: Caller | undefined
    attempt(
      () =>
        chain(access.identifyFollower(exchange, this.#cors.origins), (known) => {
          caller = known
          const history = since.kind !== 'now'
          return chain(access.mustFollow(known, Selectors.channel(channel), history), () =>
            this.#hub.stat(channel, create),
          )
        }),
      (known) => {
        if (!known) this.#unknown(exchange)
        else if (polling === 'interval') this.#answer(exchange, channel, since)
        else this.#wait(exchange, channel, since, caller)
      },
      (error) => this.#fail(exchange, error),
    )
  }

  #unknown(exchange: Exchange): void {
    const error = new FanfareError(
      'unknown_channel',
      'There is no such channel: nothing was published to it yet, or it was deleted.',
    )
    this.#fail(exchange, error)
  }

  /** Interval polling: what is there, or 304. */
  #answer(exchange: Exchange, channel: ChannelName, since: Since): void {
    attempt(
      () => this.#hub.history(since, { selectors: Selectors.channel(channel), limit: 1 }),
      (found) => this.#give(exchange, found),
      (error) => this.#fail(exchange, error),
    )
  }

  #give(exchange: Exchange, { messages, gap }: History): void {
    if (messages.length > 0) {
      exchange.send(this.#encoder(exchange).encode(messages, gap))
      return
    }
    exchange.send(nothingNew(exchange, this.#cors))
  }

  /** Long polling: what is there, or the next message when it comes. */
  #wait(exchange: Exchange, channel: ChannelName, since: Since, caller: Caller | undefined): void {
    const { concurrency } = this.#options
    const poll = new Poll(exchange, this.#cors, this.#traffic)
    exchange.hold(poll)
    if (caller) poll.unwatch = this.#access.watch(caller, (reason) => poll.fail(reason))
    if (concurrency !== 'broadcast' && !this.#admit(poll, channel, concurrency)) return
    poll.start(
      this.#hub.follow({
        selectors: Selectors.channel(channel),
        encoder: this.#encoder(exchange),
        sink: poll,
        since,
        once: true,
      }),
    )
  }

  /** Decides between those who want to wait on one channel; false when this one may not. */
  #admit(poll: Poll, channel: ChannelName, concurrency: 'last' | 'first'): boolean {
    const others = this.#waiting.get(channel)
    if (others && concurrency === 'first') {
      poll.fail(new FanfareError('displaced'))
      return false
    }
    for (const other of others ?? []) other.displace()
    const waiting = this.#waiting.get(channel) ?? new Set()
    waiting.add(poll)
    this.#waiting.set(channel, waiting)
    poll.onDone = () => {
      waiting.delete(poll)
      if (waiting.size === 0 && this.#waiting.get(channel) === waiting) {
        this.#waiting.delete(channel)
      }
    }
    return true
  }

  #encoder(exchange: Exchange): PollEncoder {
    if (!this.#cors.enabled) return exchange.closes ? this.#encoders.close : this.#encoders.keep
    return new PollEncoder(exchange.closes, this.#cors.lines(exchange))
  }

  #fail(exchange: Exchange, error: unknown, headers: HeaderLines = []): void {
    tellInternal(this.#onError, error, exchange.peer)
    this.#traffic.refused++
    const lines = [...headers, ...this.#cors.lines(exchange)]
    exchange.send(errorReply(exchange, error, exchange.closes, lines))
  }
}

/** A request that waits for its message. */
class Poll implements Sink, Waiter {
  readonly #exchange: Exchange
  readonly #cors: Cors
  readonly #traffic: Traffic
  #subscription: Subscription | undefined
  #done = false
  onDone: (() => void) | undefined = undefined
  /** Whether its client may still wait is looked after no longer. */
  unwatch: (() => void) | undefined = undefined

  constructor(exchange: Exchange, cors: Cors, traffic: Traffic) {
    this.#exchange = exchange
    this.#cors = cors
    this.#traffic = traffic
    traffic.opened()
  }

  start(subscription: Subscription): void {
    // It may have been served while it was being started, or the client may have left.
    if (this.#done) subscription.close()
    else this.#subscription = subscription
  }

  get unsent(): number {
    return 0
  }

  write(bytes: Buffer): void {
    this.#exchange.respond(bytes)
  }

  whenSent(then: () => void): void {
    then()
  }

  ended(reason: EndReason): void {
    if (this.#done) return
    if (reason === 'served') {
      this.#finish()
      this.#exchange.finish()
    } else this.fail(new FanfareError(reason === 'deleted' ? 'deleted' : 'store_unavailable'))
  }

  left(): void {
    this.#finish()
  }

  /** As a poll at intervals: nothing yet, ask again. */
  goElsewhere(): void {
    if (this.#done) return
    this.#finish()
    this.#exchange.send(nothingNew(this.#exchange, this.#cors))
  }

  displace(): void {
    this.fail(new FanfareError('displaced'))
  }

  fail(error: FanfareError): void {
    this.#traffic.refused++
    this.#finish()
    const exchange = this.#exchange
    exchange.send(errorReply(exchange, error, exchange.closes, this.#cors.lines(exchange)))
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    this.#traffic.closed()
    const subscription = this.#subscription
    this.#subscription = undefined
    subscription?.close()
    this.onDone?.()
    this.unwatch?.()
  }
}

/** 304, with the client's own validators again, so that it may take them from any answer. */
function nothingNew(exchange: Exchange, cors: Cors): Buffer {
  const lines = ['Vary: If-Modified-Since, If-None-Match']
  const modified = exchange.header('if-modified-since')
  const tag = exchange.header('if-none-match')
  if (modified !== undefined) lines.push(`Last-Modified: ${modified}`)
  if (tag !== undefined) lines.push(`Etag: ${tag}`)
  lines.push('Cache-Control: no-store', ...cors.lines(exchange))
  return reply(304, lines, '', exchange.closes)
}

/** @throws FanfareError `bad_channel` */
export function readChannel(id: string): ChannelName {
  const bytes = percentDecode(id)
  if (bytes === undefined) {
    throw new FanfareError('bad_channel', 'The channel has a malformed percent-escape.')
  }
  const channel = channelFromBytes(bytes)
  if (channel === undefined) throw new FanfareError('bad_channel')
  return channel
}
