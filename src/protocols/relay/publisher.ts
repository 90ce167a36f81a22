import type { LocationConfig } from '../../config/types.ts'
import { optionsOf } from '../../config/types.ts'
import type { Access } from '../../access/access.ts'
import { Cors, corsOptions } from '../../http/cors.ts'
import type { Exchange } from '../../http/exchange.ts'
import { errorReply, type HeaderLines, reply, textReply } from '../../http/reply.ts'
import type { Published } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import type { ChannelName } from '../../model/channel.ts'
import { checkKey, checkTtl } from '../../model/envelope.ts'
import { FanfareError } from '../../model/errors.ts'
import { formatId } from '../../model/id.ts'
import { attempt, chain, type MaybePromise, settle } from '../../model/maybe.ts'
import type { Draft } from '../../model/message.ts'
import { inTrace, TRACEPARENT } from '../../model/trace.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { ChannelStat } from '../../stores/store.ts'
import type { DoorContext, LocationHandler } from '../door.ts'
import { connectionErrors, tellInternal } from '../reporting.ts'
import { countLines, isJsonLines, readJsonLines } from './batch.ts'
import { publisherOptions } from './config.ts'
import { type ChannelInfo, channelInfo } from './info.ts'
import { readChannel } from './subscriber.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']
const ALLOW = METHODS.join(', ')

/** A `publisher` location: POST, PUT, GET and DELETE on channels (protocol rev 2.23). */
export class PublisherLocation implements LocationHandler {
  readonly #hub: Hub
  readonly #access: Access
  readonly #traffic: Traffic
  readonly #onError: OnConnectionError
  readonly #createOnPost: boolean
  readonly #cors: Cors
  /** Origins of pages that may publish: named ones only, `*` is for reading. */
  readonly #origins: readonly string[]
  readonly #location: LocationConfig

  constructor(location: LocationConfig, context: DoorContext) {
    this.#hub = context.hub(location.store)
    this.#access = context.access
    this.#traffic = context.traffic.of('relay')
    this.#onError = connectionErrors(context)
    this.#location = location
    this.#createOnPost = optionsOf(location, publisherOptions).create_on_post
    this.#cors = new Cors(optionsOf(location, corsOptions), {
      allow: 'Authorization, Content-Type, Idempotency-Key, TTL, Traceparent, X-EventSource-Event',
      expose: 'Fanfare-Id, Fanfare-Duplicate',
    })
    this.#origins = this.#cors.origins.filter((origin) => origin !== '*')
  }

  example(base: string): string | undefined {
    const { prefix } = this.#location
    return prefix === undefined ? undefined : `curl -i -d 'Hello world!' ${base}${prefix}test`
  }

  handle(exchange: Exchange, id: string): boolean {
    if (id === '') return false
    if (exchange.method === 'OPTIONS') {
      exchange.send(reply(200, this.#cors.preflight(exchange, ALLOW), '', exchange.closes))
      return true
    }
    attempt(
      () => this.#admit(exchange, id),
      () => {},
      (error) => {
        const wrong = error instanceof FanfareError && error.code === 'method_not_allowed'
        this.#fail(exchange, error, wrong ? [`Allow: ${ALLOW}`] : [])
      },
    )
    return true
  }

  #admit(exchange: Exchange, id: string): MaybePromise<void> {
    if (!METHODS.includes(exchange.method)) throw new FanfareError('method_not_allowed')
    const access = this.#access
    return chain(access.identify(exchange, this.#origins), (caller) => {
      access.mustBePublisher(caller)
      const channel = readChannel(id)
      const allowed = access.mustPublish(caller, channel, messagesIn(exchange))
      return chain(allowed, () => this.#dispatch(exchange, channel))
    })
  }

  #dispatch(exchange: Exchange, channel: ChannelName): void {
    const { method } = exchange
    if (method === 'POST') this.#post(exchange, channel)
    else if (method === 'PUT') this.#tell(exchange, channel, () => this.#hub.stat(channel, true))
    else if (method === 'GET') this.#tell(exchange, channel, () => this.#hub.stat(channel))
    else this.#delete(exchange, channel)
  }

  #post(exchange: Exchange, channel: ChannelName): void {
    const drafts = readDrafts(exchange, channel)
    if (this.#createOnPost) {
      this.#publish(exchange, channel, drafts)
      return
    }
    attempt(
      () => this.#hub.stat(channel),
      (known) => {
        if (known) this.#publish(exchange, channel, drafts)
        else this.#fail(exchange, unknown('create_on_post is off: create it with PUT first.'))
      },
      (error) => this.#fail(exchange, error),
    )
  }

  #publish(exchange: Exchange, channel: ChannelName, drafts: readonly Draft[]): void {
    attempt(
      () => this.#hub.publishAll(drafts, this.#traffic),
      (published) => {
        settle(
          this.#hub.stat(channel),
          (stat) => this.#published(exchange, channel, published, stat),
          // It is stored, whatever else can be said: to whoever is told otherwise, it comes twice.
          () => this.#published(exchange, channel, published, undefined),
        )
      },
      (error) => this.#fail(exchange, error),
    )
  }

  #published(
    exchange: Exchange,
    channel: ChannelName,
    published: readonly Published[],
    stat: ChannelStat | undefined,
  ): void {
    const last = published.at(-1) as Published
    const duplicate = published.every((one) => one.duplicate)
    const heard = !duplicate && last.receivers > 0
    const headers = [`Fanfare-Id: ${formatId(last.id)}`]
    if (duplicate) headers.push('Fanfare-Duplicate: true')
    const info = this.#info(channel, stat, last.receivers)
    const ids = published.map((one) => formatId(one.id))
    this.#send(exchange, heard ? 201 : 202, info, headers, ids)
  }

  /** Answers with what is known of a channel, or 404. */
  #tell(
    exchange: Exchange,
    channel: ChannelName,
    work: () => MaybePromise<ChannelStat | undefined>,
  ): void {
    attempt(
      work,
      (stat) => {
        if (!stat) this.#fail(exchange, unknown())
        else {
          this.#send(exchange, 200, this.#info(channel, stat, this.#hub.receivers(channel)))
        }
      },
      (error) => this.#fail(exchange, error),
    )
  }

  #delete(exchange: Exchange, channel: ChannelName): void {
    // As it was before: deleting lets the waiting go, and forgets when anybody last asked.
    const before = this.#info(channel, undefined, this.#hub.receivers(channel))
    attempt(
      () => this.#hub.remove(channel),
      (stat) => {
        if (stat) this.#send(exchange, 200, { ...before, messages: stat.messages })
        else this.#fail(exchange, unknown())
      },
      (error) => this.#fail(exchange, error),
    )
  }

  #info(channel: ChannelName, stat: ChannelStat | undefined, subscribers: number): ChannelInfo {
    const asked = this.#hub.lastAsked(channel)
    return {
      messages: stat?.messages ?? 0,
      requested: asked === undefined ? -1 : Math.max(0, Math.floor((Date.now() - asked) / 1000)),
      subscribers,
    }
  }

  #send(
    exchange: Exchange,
    status: number,
    info: ChannelInfo,
    more: HeaderLines = [],
    ids: readonly string[] = [],
  ): void {
    const { headers, body } = channelInfo(info, exchange.header('accept'), ids)
    const lines = [...headers, ...more, ...this.#cors.lines(exchange)]
    exchange.send(textReply(status, lines, body, exchange.closes))
  }

  #fail(exchange: Exchange, error: unknown, headers: HeaderLines = []): void {
    tellInternal(this.#onError, error, exchange.peer)
    this.#traffic.refused++
    const lines = [...headers, ...this.#cors.lines(exchange)]
    exchange.send(errorReply(exchange, error, exchange.closes, lines))
  }
}

/** How many messages a request publishes, as far as its bounds are concerned. */
function messagesIn(exchange: Exchange): number {
  if (exchange.method !== 'POST') return 0
  return isJsonLines(exchange.header('content-type')) ? countLines(exchange.body) : 1
}

/** @throws FanfareError for what a publisher got wrong in its headers or JSON lines */
function readDrafts(exchange: Exchange, channel: ChannelName): readonly Draft[] {
  const contentType = exchange.header('content-type')
  const key = checkKey(exchange.header('idempotency-key'))
  const ttlText = exchange.header('ttl')
  // RFC 8030 has the header and its unit: seconds.
  const ttl = checkTtl(ttlText === undefined ? undefined : Number(ttlText || Number.NaN))
  const trace = exchange.header(TRACEPARENT)
  if (isJsonLines(contentType)) {
    const drafts = readJsonLines(exchange.body, channel, { key, ttl })
    return trace === undefined ? drafts : drafts.map((draft) => inTrace(draft, trace))
  }
  // nchan's name for the type of an event.
  const event = exchange.header('x-eventsource-event')
  const attributes = event ? { event } : undefined
  const { content: body } = exchange
  return [inTrace({ channel, body, contentType, key, ttl, attributes }, trace)]
}

function unknown(hint = 'PUT or POST creates it.'): FanfareError {
  return new FanfareError('unknown_channel', `There is no such channel; ${hint}`)
}
