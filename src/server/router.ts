import type { LocationConfig } from '../config/types.ts'
import type { Exchange, Upgrade } from '../http/exchange.ts'
import { isUnder, type Mount } from '../http/mount.ts'
import { errorReply, reply } from '../http/reply.ts'
import { answerHealth, type Health } from '../metrics/health.ts'
import { FanfareError } from '../model/errors.ts'
import type { LocationHandler, Place, Route } from '../protocols/door.ts'
import type { Carried } from './carried.ts'

interface Served {
  readonly location: LocationConfig
  readonly handlers: readonly LocationHandler[]
}

/** Finds who answers a request of the main port: locations in order, then the doors of each. */
export class Router {
  readonly #places: readonly Served[]
  readonly #routes: readonly { readonly door: string; readonly route: Route }[]
  readonly #health: Health
  readonly #mounts: readonly { readonly door: string; readonly mount: Mount }[]

  /** Whose scheme is that of the port's URLs, as it is now. */
  readonly #http: { readonly scheme: string }

  /** @param carried in the order in which they are asked */
  constructor(
    locations: readonly LocationConfig[],
    carried: readonly Carried[],
    { health, http }: { readonly health: Health; readonly http: { readonly scheme: string } },
  ) {
    this.#health = health
    this.#http = http
    this.#places = locations.map((location) => ({
      location,
      handlers: carried.flatMap(({ handlers }) => handlers.get(location) ?? []),
    }))
    this.#routes = carried.flatMap(({ door, routes }) =>
      routes.map((route) => ({ door: door.name, route })),
    )
    this.#mounts = carried.flatMap(({ door, mount }) => (mount ? [{ door: door.name, mount }] : []))
  }

  /** Who answers requests to this path by itself. A location that takes it comes first. */
  mountAt(path: string): Mount | undefined {
    const found = this.#mounts.find(({ mount }) => isUnder(mount, path))
    if (!found || this.#places.some(({ location }) => idIn(location, path) !== undefined)) {
      return undefined
    }
    return found.mount
  }

  handle(exchange: Exchange): void {
    for (const { location, handlers } of this.#places) {
      const id = idIn(location, exchange.path)
      if (id === undefined) continue
      for (const handler of handlers) if (handler.handle?.(exchange, id)) return
    }
    for (const { route } of this.#routes) {
      if (route.path === exchange.path && route.handle(exchange)) return
    }
    if (answerHealth(exchange, this.#health)) return
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
    const base = `${this.#http.scheme}://${exchange.header('host') ?? 'localhost'}`
    const places = this.places(base, '')
    const what = Math.max(...places.map((place) => place.what.length))
    const where = Math.max(...places.map((place) => place.where.length))
    const lines = places.map((place) =>
      `${place.what.padEnd(what)}  ${place.where.padEnd(where)}  ${place.example ?? ''}`.trimEnd(),
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

  /**
   * What there is on this port, and a line to try each.
   * @param base the port as a URL
   * @param before what stands before the paths
   */
  places(base: string, before: string): Place[] {
    // Where no door that is carried serves a location, there is nothing to be had.
    const served = this.#places.filter(({ handlers }) => handlers.length > 0)
    const locations = served.map(({ location, handlers }) => ({
      what: location.type,
      where: `${before}${location.prefix ?? location.url ?? ''}`,
      example: handlers.map((handler) => handler.example?.(base)).find(Boolean) ?? '',
    }))
    const doors = [...new Set(this.#routes.map(({ door }) => door))].map((name) => {
      const routes = this.#routes
        .filter(({ door, route }) => door === name && !route.unlisted)
        .map(({ route }) => route)
      return {
        what: name,
        where: `${before}${routes.map(({ path }) => path).join(' ')}`,
        example: routes.map((route) => route.example?.(base)).find(Boolean) ?? '',
      }
    })
    const mounts = this.#mounts.map(({ door, mount }) => ({
      what: door,
      where: `${before}${mount.prefix}`,
    }))
    return [...locations, ...doors, ...mounts]
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
