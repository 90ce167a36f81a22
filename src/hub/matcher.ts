import type { ChannelName } from '../model/channel.ts'
import { Glob } from '../model/glob.ts'
import type { Audience } from './audience.ts'

/**
 * Which audiences hear of a channel. Costs one lookup, one more for each level of the name when anybody
 * follows a subtree, and one match for each pattern that anybody follows; never anything by subscriber.
 */
export class Matcher {
  // Sets, as everyone may follow one channel together with one of their own, and leave at once.
  readonly #byChannel = new Map<ChannelName, Set<Audience>>()
  readonly #byPrefix = new Map<string, Set<Audience>>()
  readonly #byPattern = new Map<string, Set<Audience>>()
  readonly #globs = new Map<string, Glob>()

  add(audience: Audience): void {
    for (const name of audience.selectors.channels) put(this.#byChannel, name, audience)
    for (const prefix of audience.selectors.prefixes) put(this.#byPrefix, prefix, audience)
    for (const pattern of audience.selectors.patterns) {
      put(this.#byPattern, pattern, audience)
      if (!this.#globs.has(pattern)) this.#globs.set(pattern, new Glob(pattern))
    }
  }

  remove(audience: Audience): void {
    for (const name of audience.selectors.channels) take(this.#byChannel, name, audience)
    for (const prefix of audience.selectors.prefixes) take(this.#byPrefix, prefix, audience)
    for (const pattern of audience.selectors.patterns) {
      take(this.#byPattern, pattern, audience)
      if (!this.#byPattern.has(pattern)) this.#globs.delete(pattern)
    }
  }

  /** Audiences that name this channel itself. */
  exact(channel: ChannelName): Iterable<Audience> {
    return this.#byChannel.get(channel) ?? NOBODY
  }

  /** Calls `visit` for each audience that hears of the channel; one that selects it twice, twice. */
  each(channel: ChannelName, visit: (audience: Audience) => void): void {
    const exact = this.#byChannel.get(channel)
    if (exact) for (const audience of exact) visit(audience)
    if (this.#byPrefix.size > 0) this.#eachAbove(channel, visit)
    if (this.#globs.size > 0) this.#eachMatching(channel, visit)
  }

  #eachMatching(channel: ChannelName, visit: (audience: Audience) => void): void {
    for (const [pattern, glob] of this.#globs) {
      if (!glob.matches(channel)) continue
      for (const audience of this.#byPattern.get(pattern) ?? NOBODY) visit(audience)
    }
  }

  #eachAbove(channel: ChannelName, visit: (audience: Audience) => void): void {
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
