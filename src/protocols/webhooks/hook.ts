import { createHash } from 'node:crypto'
import type { Access } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import type { Exchange } from '../../http/exchange.ts'
import { errorReply, type HeaderLines, reply } from '../../http/reply.ts'
import type { Published } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { inTrace, TRACEPARENT } from '../../model/trace.ts'
import { FanfareError } from '../../model/errors.ts'
import { formatId, type MessageId } from '../../model/id.ts'
import { attempt, chain, type MaybePromise } from '../../model/maybe.ts'
import type { Draft } from '../../model/message.ts'
import type { OnConnectionError } from '../../net/contained.ts'
import type { Route } from '../door.ts'
import { tellInternal } from '../reporting.ts'
import type { Deliveries } from './deliveries.ts'
import type { Scheme } from './signature.ts'

export interface HookOptions {
  /** What it is called where deliveries are told apart. */
  readonly name: string
  readonly path: string
  /** How requests are signed; undefined: whoever may publish may post. */
  readonly scheme?: Scheme | undefined
  /** Leaves GET and HEAD to whoever answers them otherwise. */
  readonly leavesGet?: boolean
  /** What is to be published; nothing for a request that only tries the connection. */
  readonly read: (exchange: Exchange) => readonly Draft[]
  /** What stays the same when a delivery is repeated. */
  readonly deliveryOf?: (exchange: Exchange) => string | undefined
  readonly example?: (base: string) => string
}

/** What the hooks of one server share. */
export interface HookContext {
  readonly hub: Hub
  readonly access: Access
  readonly deliveries: Deliveries
  readonly traffic: Traffic
  readonly onError: OnConnectionError
}

/** What became of a hook's requests, since the start. */
export interface HookCounters {
  accepted: number
  duplicates: number
  /** Answered with an error. */
  refused: number
}

/** What a request became. The id is missing when there was nothing to publish. */
interface Outcome {
  readonly id: MessageId | undefined
  readonly duplicate: boolean
}

/** As Notistream's web server answered. */
const HTML = 'Content-Type: text/html; charset=utf-8'
/** RFC 9110 wants one with every 401. */
const CHALLENGE = 'WWW-Authenticate: Webhook-Signature'

/** A path that takes POSTs and publishes what they tell. */
export class Hook implements Route {
  readonly name: string
  readonly path: string
  readonly counters: HookCounters = { accepted: 0, duplicates: 0, refused: 0 }
  readonly #options: HookOptions
  readonly #context: HookContext
  readonly #allow: string

  constructor(options: HookOptions, context: HookContext) {
    this.name = options.name
    this.path = options.path
    this.#options = options
    this.#context = context
    this.#allow = `Allow: ${options.leavesGet ? 'GET, ' : ''}POST, OPTIONS`
  }

  example(base: string): string | undefined {
    return this.#options.example?.(base)
  }

  handle(exchange: Exchange): boolean {
    const { method } = exchange
    if (this.#options.leavesGet && (method === 'GET' || method === 'HEAD')) return false
    if (method === 'OPTIONS') {
      exchange.send(reply(200, [this.#allow], '', exchange.closes))
    } else if (method === 'POST') {
      attempt(
        () => this.#post(exchange),
        (outcome) => this.#answer(exchange, outcome),
        (error) => this.#fail(exchange, error),
      )
    } else this.#fail(exchange, new FanfareError('method_not_allowed'), [this.#allow])
    return true
  }

  /** Nothing of a request is read before it is known whose it is. */
  #post(exchange: Exchange): MaybePromise<Outcome> {
    const { scheme } = this.#options
    const { access } = this.#context
    if (scheme) {
      scheme.verify(exchange)
      return this.#deliver(exchange, access.signedBy(this.name))
    }
    return chain(access.identify(exchange), (caller) => {
      access.mustBePublisher(caller)
      return this.#deliver(exchange, caller)
    })
  }

  #deliver(exchange: Exchange, caller: Caller): MaybePromise<Outcome> {
    const { scheme, deliveryOf } = this.#options
    const { deliveries } = this.#context
    const delivery = deliveryOf?.(exchange)
    if (delivery === undefined) {
      return this.#publish(exchange, caller, scheme?.print(exchange))
    }
    const key = `${this.name}:${printOf(delivery)}`
    const known = deliveries.find(key)
    if (known) return { id: known.id, duplicate: true }
    const underWay = deliveries.underWay(key)
    if (underWay) return underWay.then((id) => ({ id, duplicate: true }))
    const outcome = this.#publish(exchange, caller, scheme?.print(exchange) ?? printOf(delivery))
    if (outcome instanceof Promise)
      deliveries.follow(
        key,
        outcome.then(({ id }) => id),
      )
    else deliveries.remember(key, outcome.id)
    return outcome
  }

  /** @param print the same for two requests only when they tell of the same */
  #publish(exchange: Exchange, caller: Caller, print: string | undefined): MaybePromise<Outcome> {
    const { access } = this.#context
    const trace = exchange.header(TRACEPARENT)
    const drafts = this.#options.read(exchange).map((draft) => inTrace(draft, trace))
    return chain(
      access.mustPublishAll(
        caller,
        drafts.map(({ channel }) => channel),
      ),
      () => this.#append(drafts, print),
    )
  }

  #append(drafts: readonly Draft[], print: string | undefined): MaybePromise<Outcome> {
    const { hub, traffic } = this.#context
    const results = drafts.map((draft, index) => {
      if (print === undefined) return hub.publish(draft, traffic)
      const key = `webhook:${this.name}:${print}${index === 0 ? '' : `:${index}`}`
      return hub.publish({ ...draft, key, keyDecides: true }, traffic)
    })
    if (!results.some((result) => result instanceof Promise))
      return outcomeOf(results as Published[])
    return Promise.all(results.map(async (result) => result)).then(outcomeOf)
  }

  #answer(exchange: Exchange, { id, duplicate }: Outcome): void {
    const lines = [HTML]
    if (id !== undefined) lines.push(`Fanfare-Id: ${formatId(id)}`)
    if (duplicate) {
      this.counters.duplicates++
      lines.push('Fanfare-Duplicate: true')
    } else this.counters.accepted++
    exchange.send(reply(200, lines, duplicate ? 'OK (duplicate)' : 'OK', exchange.closes))
  }

  #fail(exchange: Exchange, error: unknown, headers: HeaderLines = []): void {
    this.counters.refused++
    this.#context.traffic.refused++
    tellInternal(this.#context.onError, error, exchange.peer)
    const unauthorized = error instanceof FanfareError && error.code === 'unauthorized'
    const lines = unauthorized ? [...headers, CHALLENGE] : headers
    exchange.send(errorReply(exchange, error, exchange.closes, lines))
  }
}

function outcomeOf(published: readonly Published[]): Outcome {
  const duplicate = published.length > 0 && published.every((one) => one.duplicate)
  return { id: published.at(-1)?.id, duplicate }
}

/** Ids are kept as hashes: a client may choose them as long as a head can be. */
function printOf(text: string): string {
  return createHash('sha256').update(`delivery ${text}`, 'latin1').digest('hex')
}
