import type { LocationConfig } from '../config/types.ts'
import type { Exchange, Upgrade } from '../http/exchange.ts'
import { errorReply, reply } from '../http/reply.ts'
import { FanfareError } from '../model/errors.ts'
import type { Door, DoorContext, LocationHandler, Route } from '../protocols/door.ts'

interface Place {
  readonly location: LocationConfig
  readonly handlers: readonly LocationHandler[]
}

/** Finds who answers a request of the main port: locations in order, then the doors of each. */
export class Router {
  readonly #places: readonly Place[]
  readonly #routes: readonly Route[]

  constructor(doors: readonly Door[], context: DoorContext) {
    this.#places = context.config.locations.map((location) => ({
      location,
      handlers: doors.flatMap((door) => door.location?.(location, context) ?? []),
    }))
    this.#routes = doors.flatMap((door) => door.routes?.(context) ?? [])
  }

  handle(exchange: Exchange): void {
    for (const { location, handlers } of this.#places) {
      const id = idIn(location, exchange.path)
      if (id === undefined) continue
      for (const handler of handlers) if (handler.handle?.(exchange, id)) return
    }
    for (const route of this.#routes) {
      if (route.path === exchange.path && route.handle(exchange)) return
    }
    if (exchange.path === '/' && exchange.method === 'GET') {
      exchange.send(
        reply(
          200,
          ['Content-Type: text/plain; charset=utf-8'],
          this.#index(exchange),
          exchange.closes,
        ),
      )
      return
    }
    exchange.send(errorReply(exchange, new FanfareError('unknown_location'), exchange.closes))
  }

  /** For people who look at the port with a browser: what there is, and a line to try each. */
  #index(exchange: Exchange): string {
    const base = `http://${exchange.header('host') ?? 'localhost'}`
    const lines = this.examples(base).map(({ location, example }) =>
      `${location.source.text.padEnd(28)} ${example}`.trimEnd(),
    )
    return `Fanfare, a push server.\n\n${lines.join('\n')}\n`
  }

  upgrade(upgrade: Upgrade): void {
    for (const { location, handlers } of this.#places) {
      const id = idIn(location, upgrade.path)
      if (id === undefined) continue
      for (const handler of handlers) if (handler.upgrade?.(upgrade, id)) return
    }
    upgrade.refuse(errorReply(upgrade, new FanfareError('unknown_location'), true))
  }

  /** What can be tried, by location. */
  examples(base: string): { location: LocationConfig; example: string }[] {
    return this.#places.flatMap(({ location, handlers }) => {
      const example = handlers.map((handler) => handler.example?.(base)).find(Boolean)
      return [{ location, example: example ?? '' }]
    })
  }
}

/**
 * The part of a path that names the channel, as sent; undefined when the location does not match. A
 * prefix alone matches with '': doors whose query can name channels take that.
 */
function idIn(location: LocationConfig, path: string): string | undefined {
  const { prefix, url, pattern } = location
  if (url === undefined && prefix !== undefined) {
    return path.startsWith(prefix) ? path.slice(prefix.length) : undefined
  }
  return pattern.exec(path)?.[1]
}
