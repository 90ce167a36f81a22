import { channelFromBytes, textToBytes, type ChannelName } from './channel.ts'

/**
 * What one subscriber follows: channels, and subtrees by prefix. The subtree `x/` is every name that
 * begins with `x/`, not `x` itself; the prefix '' is everything.
 *
 * Two sets that select the same things in any order have the same `key`.
 */
export class Selectors {
  readonly channels: readonly ChannelName[]
  readonly prefixes: readonly string[]
  readonly key: string

  constructor(channels: readonly ChannelName[], prefixes: readonly string[] = []) {
    this.channels = channels.length > 1 ? [...new Set(channels)].sort() : channels
    this.prefixes = prefixes.length > 1 ? [...new Set(prefixes)].sort() : prefixes
    // Lengths in front keep apart names that contain any byte, separators included.
    let key = ''
    for (const name of this.channels) key += `c${name.length}:${name}`
    for (const prefix of this.prefixes) key += `s${prefix.length}:${prefix}`
    this.key = key
  }

  static channel(name: ChannelName): Selectors {
    return new Selectors([name])
  }

  /**
   * Reads what a URL or a frame names, as bytes: a trailing `/` means the subtree, `/` alone
   * everything. Undefined when it is no name at all.
   */
  static parse(bytes: string): Selectors | undefined {
    if (bytes === '/') return new Selectors([], [''])
    const name = channelFromBytes(bytes)
    if (name === undefined) return undefined
    return name.endsWith('/') ? new Selectors([], [name]) : new Selectors([name])
  }

  static parseText(text: string): Selectors | undefined {
    return Selectors.parse(textToBytes(text))
  }

  get size(): number {
    return this.channels.length + this.prefixes.length
  }

  /** The one channel, when there is only one and no subtree. */
  get single(): ChannelName | undefined {
    return this.prefixes.length === 0 && this.channels.length === 1 ? this.channels[0] : undefined
  }

  matches(channel: ChannelName): boolean {
    for (const name of this.channels) if (name === channel) return true
    for (const prefix of this.prefixes) if (channel.startsWith(prefix)) return true
    return false
  }

  with(other: Selectors): Selectors {
    return new Selectors(
      [...this.channels, ...other.channels],
      [...this.prefixes, ...other.prefixes],
    )
  }

  without(other: Selectors): Selectors {
    return new Selectors(
      this.channels.filter((name) => !other.channels.includes(name)),
      this.prefixes.filter((prefix) => !other.prefixes.includes(prefix)),
    )
  }
}
