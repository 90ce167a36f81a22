/**
 * The websocket door: JSON text frames both ways. On `websocket` locations, and on `subscriber` ones for
 * requests that upgrade. See docs/protocols/websocket.md.
 */
import { type Asker, NOTHING } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import { Standing } from '../../access/standing.ts'
import { isForeign } from '../../access/trust.ts'
import { type LocationConfig, optionsOf } from '../../config/types.ts'
import { Cors, corsOptions } from '../../http/cors.ts'
import type { Exchange, Upgrade } from '../../http/exchange.ts'
import { readWanted, startOf, type Wanted, wantsHistory } from '../../http/following.ts'
import { errorReply } from '../../http/reply.ts'
import { StreamConnection, type StreamOptions, streamOptions } from '../../http/stream.ts'
import { bytesToText, percentDecode } from '../../model/channel.ts'
import { FanfareError } from '../../model/errors.ts'
import { attempt, chain, type MaybePromise } from '../../model/maybe.ts'
import { Selectors } from '../../model/selector.ts'
import { NOW } from '../../hub/contract.ts'
import type { Door, DoorContext, LocationHandler } from '../door.ts'
import { connectionErrors, tellInternal } from '../reporting.ts'
import { FrameEncoder, GO_ELSEWHERE, PING } from './codec.ts'
import { websocketConfig } from './config.ts'
import { type ConnectionContext, WebSocketConnection } from './connection.ts'

export const websocket: Door = {
  name: 'websocket',
  config: websocketConfig,
  location(location, context) {
    const { type } = location
    return type === 'websocket' || type === 'subscriber'
      ? new WebSocketLocation(location, context)
      : undefined
  },
}

class WebSocketLocation implements LocationHandler {
  readonly #location: LocationConfig
  readonly #door: DoorContext
  readonly #stream: StreamOptions
  readonly #context: ConnectionContext
  /** Pages of these origins may connect; `*` is for listening, not for publishing. */
  readonly #cors: Cors
  readonly #publishers: readonly string[]
  /** Whether pages that were not named may have their browser say whose it is. */
  readonly #takesCredentials: boolean

  constructor(location: LocationConfig, context: DoorContext) {
    const { limits } = context.config
    this.#location = location
    this.#door = context
    const options = optionsOf(location, corsOptions)
    this.#takesCredentials = options.allow_credentials
    this.#cors = new Cors(options, { allow: '', expose: '' })
    this.#publishers = this.#cors.origins.filter((origin) => origin !== '*')
    this.#context = {
      hub: context.hub(location.store),
      encoder: new FrameEncoder(),
      // As they are now, for connections that are open, too.
      get maxChannels() {
        return limits.maxSubscriptions
      },
      get maxBodyBytes() {
        return limits.maxBodyBytes
      },
      get maxUnsentBytes() {
        return limits.maxUnsentBytes
      },
      traffic: context.traffic.of('websocket'),
      onError: connectionErrors(context),
    }
    this.#stream = streamOptions(limits, {
      wheel: context.wheel,
      heartbeat: PING,
      traffic: this.#context.traffic,
      farewell: GO_ELSEWHERE,
    })
  }

  example(base: string): string | undefined {
    const { type, prefix } = this.#location
    if (type !== 'websocket' || prefix === undefined) return undefined
    return `npx fanfare watch ${base.replace(/^http/, 'ws')}${prefix}test`
  }

  /** A plain request: what this location is for. */
  handle(exchange: Exchange): boolean {
    if (this.#location.type !== 'websocket') return false
    const error = new FanfareError('upgrade_required')
    const headers = ['Upgrade: websocket', 'Connection: Upgrade']
    this.#context.traffic.refused++
    exchange.send(errorReply(exchange, error, exchange.closes, headers))
    return true
  }

  upgrade(upgrade: Upgrade, id: string): boolean {
    let wanted: Wanted | undefined
    let asker: Asker = upgrade
    try {
      if (isForeign(upgrade) && !this.#cors.allows(upgrade.header('origin') ?? '')) {
        throw new FanfareError('foreign_origin')
      }
      if (!this.#takesCredentials && isForeign(upgrade, this.#publishers)) asker = alone(upgrade)
      // Without a channel the client subscribes by frames.
      const named = id !== '' || /(?:^|&)channel=/.test(upgrade.query)
      if (named) {
        const { hub, maxChannels } = this.#context
        wanted = readWanted(id, upgrade.query, undefined, maxChannels, hub.partitions)
      }
    } catch (error) {
      this.#refuse(upgrade, error)
      return true
    }
    const { access } = this.#door
    const identify = (): MaybePromise<Caller> => access.identify(asker, this.#publishers)
    attempt(
      () =>
        chain(identify(), (caller) =>
          chain(
            wanted ? access.mustFollow(caller, wanted.selectors, wantsHistory(wanted)) : undefined,
            () =>
              chain(wanted ? startOf(this.#context.hub, wanted) : NOW, (since) => ({
                caller,
                since,
              })),
          ),
        ),
      ({ caller, since }) => {
        upgrade.accept((socket, raw) => {
          const stream = new StreamConnection(raw, this.#stream)
          const standing = new Standing(access, caller, identify)
          const connection = new WebSocketConnection(socket, stream, this.#context, standing)
          const selectors = wanted?.selectors ?? new Selectors([])
          connection.open(selectors, wanted ? namesOf(id, wanted) : [], since)
          const unwatch = access.watch(caller, (reason) => connection.expire(reason))
          if (unwatch !== NOTHING) raw.once('close', unwatch)
        })
      },
      (error) => this.#refuse(upgrade, error),
    )
    return true
  }

  #refuse(upgrade: Upgrade, error: unknown): void {
    const { traffic, onError } = this.#context
    traffic.refused++
    tellInternal(onError, error, upgrade.peer)
    upgrade.refuse(errorReply(upgrade, error, true))
  }
}

/**
 * A page's request without what its browser has added to it: the page does not know that, and its browser lets it read
 * all that comes by a WebSocket, where it would keep from it an answer to a request.
 * @throws FanfareError `foreign_origin` for a password, which must not count as nothing
 */
function alone(upgrade: Upgrade): Asker {
  if (upgrade.header('authorization') !== undefined) {
    throw new FanfareError(
      'foreign_origin',
      'Pages of other origins send passwords only where allow_credentials says so.',
    )
  }
  const { peer, query } = upgrade
  return { peer, query, header: (name) => (name === 'cookie' ? undefined : upgrade.header(name)) }
}

/** The channels as the client spelled them. */
function namesOf(id: string, wanted: Wanted): readonly string[] {
  const names = wanted.query.get('channel') ?? []
  return [...(id === '' ? [] : [percentDecode(id) ?? id]), ...names].map(bytesToText)
}
