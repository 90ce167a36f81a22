import { type ChannelName, isPrivate } from '../model/channel.ts'
import { Glob } from '../model/glob.ts'
import type { Audience } from './audience.ts'

/**
 * Which audiences hear of a channel. Costs one lookup, one more for each level of the name when anybody
 * follows a subtree, and one match for each pattern that anybody follows; never anything by subscriber.
 */
export class Matcher {
  readonly #byChannel = new Map<ChannelName, Audiences>()
  readonly #byPrefix = new Map<string, Audiences>()
  readonly #byPattern = new Map<string, Audiences>()
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
    const known = this.#byChannel.get(channel)
    if (known === undefined) return NOBODY
    return known instanceof Set ? known : [known]
  }

  /** Calls `visit` for each audience that hears of the channel; one that selects it twice, twice. */
  each(channel: ChannelName, visit: (audience: Audience) => void): void {
    eachOf(this.#byChannel.get(channel), visit)
    if (this.#byPrefix.size === 0 && this.#globs.size === 0) return
    // Such a log is followed by its name alone.
    if (isPrivate(channel)) return
    if (this.#byPrefix.size > 0) this.#eachAbove(channel, visit)
    if (this.#globs.size > 0) this.#eachMatching(channel, visit)
  }

  #eachMatching(channel: ChannelName, visit: (audience: Audience) => void): void {
    for (const [pattern, glob] of this.#globs) {
      if (!glob.matches(channel)) continue
      eachOf(this.#byPattern.get(pattern), visit)
    }
  }

  #eachAbove(channel: ChannelName, visit: (audience: Audience) => void): void {
    for (let end = 0; ; ) {
      eachOf(this.#byPrefix.get(channel.slice(0, end)), visit)
      const slash = channel.indexOf('/', end)
      if (slash === -1) return
      end = slash + 1
    }
  }
}

const NOBODY: readonly Audience[] = []

/**
 * Mostly it is one, which then needs no set; and a set, not a list, as everyone may follow one channel
 * together with one of their own, and leave at once.
 */
type Audiences = Audience | Set<Audience>

function eachOf(audiences: Audiences | undefined, visit: (audience: Audience) => void): void {
  if (audiences === undefined) return
  if (audiences instanceof Set) for (const audience of audiences) visit(audience)
  else visit(audiences)
}

function put<K>(map: Map<K, Audiences>, key: K, audience: Audience): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, audience)
  else if (known instanceof Set) known.add(audience)
  else map.set(key, new Set([known, audience]))
}

function take<K>(map: Map<K, Audiences>, key: K, audience: Audience): void {
  const known = map.get(key)
  if (known === audience) map.delete(key)
  else if (known instanceof Set && known.delete(audience) && known.size === 0) map.delete(key)
}
