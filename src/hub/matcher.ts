import type { ChannelName } from '../model/channel.ts'
import type { Audience } from './audience.ts'

/**
 * Which audiences hear of a channel. Costs one lookup, and one more for each level of the name when
 * anybody follows a subtree; never anything by subscriber.
 */
export class Matcher {
  // Sets, as everyone may follow one channel together with one of their own, and leave at once.
  readonly #byChannel = new Map<ChannelName, Set<Audience>>()
  readonly #byPrefix = new Map<string, Set<Audience>>()

  add(audience: Audience): void {
    for (const name of audience.selectors.channels) put(this.#byChannel, name, audience)
    for (const prefix of audience.selectors.prefixes) put(this.#byPrefix, prefix, audience)
  }

  remove(audience: Audience): void {
    for (const name of audience.selectors.channels) take(this.#byChannel, name, audience)
    for (const prefix of audience.selectors.prefixes) take(this.#byPrefix, prefix, audience)
  }

  /** Audiences that name this channel itself. */
  exact(channel: ChannelName): Iterable<Audience> {
    return this.#byChannel.get(channel) ?? NOBODY
  }

  /** Calls `visit` for each audience that hears of the channel; one that selects it twice, twice. */
  each(channel: ChannelName, visit: (audience: Audience) => void): void {
    const exact = this.#byChannel.get(channel)
    if (exact) for (const audience of exact) visit(audience)
    if (this.#byPrefix.size === 0) return
    for (let end = 0; ; ) {
      const below = this.#byPrefix.get(channel.slice(0, end))
      if (below) for (const audience of below) visit(audience)
      const slash = channel.indexOf('/', end)
      if (slash === -1) return
      end = slash + 1
    }
  }
}

const NOBODY: readonly Audience[] = []

function put<K>(map: Map<K, Set<Audience>>, key: K, audience: Audience): void {
  const set = map.get(key)
  if (set) set.add(audience)
  else map.set(key, new Set([audience]))
}

function take<K>(map: Map<K, Set<Audience>>, key: K, audience: Audience): void {
  const set = map.get(key)
  if (set?.delete(audience) && set.size === 0) map.delete(key)
}
