import { channelFromBytes, isPrivate, textToBytes, type ChannelName } from './channel.ts'
import { Glob } from './glob.ts'

/**
 * What one subscriber follows: channels, subtrees by prefix, and Redis's glob patterns. The subtree `x/`
 * is every name that begins with `x/`, not `x` itself; the prefix '' is everything.
 *
 * Two sets that select the same things in any order have the same `key`.
 */
export class Selectors {
  readonly channels: readonly ChannelName[]
  readonly prefixes: readonly string[]
  /** Without a leading `/`, as names have none. */
  readonly patterns: readonly string[]
  readonly key: string
  #globs: readonly Glob[] | undefined

  constructor(
    channels: readonly ChannelName[],
    prefixes: readonly string[] = [],
    patterns: readonly string[] = [],
  ) {
    this.channels = ordered(channels)
    this.prefixes = ordered(prefixes)
    this.patterns = ordered(patterns)
    // Lengths in front keep apart names that contain any byte, separators included.
    let key = ''
    for (const name of this.channels) key += `c${name.length}:${name}`
    for (const prefix of this.prefixes) key += `s${prefix.length}:${prefix}`
    for (const pattern of this.patterns) key += `p${pattern.length}:${pattern}`
    this.key = key
  }

  /** Long polls ask for one channel again and again, and all who wait for it for the same one. */
  static channel(name: ChannelName): Selectors {
    if (lastChannel?.single !== name) lastChannel = new Selectors([name])
    return lastChannel
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
    return this.channels.length + this.prefixes.length + this.patterns.length
  }

  /** The one channel, when there is only one and nothing else. */
  get single(): ChannelName | undefined {
    return this.size === 1 ? this.channels[0] : undefined
  }

  /** Whether any name might match: then a reader has to look at all of them. */
  get wide(): boolean {
    return this.prefixes.length > 0 || this.patterns.length > 0
  }

  matches(channel: ChannelName): boolean {
    for (const name of this.channels) if (name === channel) return true
    if (isPrivate(channel)) return false
    for (const prefix of this.prefixes) if (channel.startsWith(prefix)) return true
    if (this.patterns.length === 0) return false
    this.#globs ??= this.patterns.map((pattern) => new Glob(pattern))
    return this.#globs.some((glob) => glob.matches(channel))
  }

  with(other: Selectors): Selectors {
    return new Selectors(
      [...this.channels, ...other.channels],
      [...this.prefixes, ...other.prefixes],
      [...this.patterns, ...other.patterns],
    )
  }

  without(other: Selectors): Selectors {
    return new Selectors(
      this.channels.filter((name) => !other.channels.includes(name)),
      this.prefixes.filter((prefix) => !other.prefixes.includes(prefix)),
      this.patterns.filter((pattern) => !other.patterns.includes(pattern)),
    )
  }
}

let lastChannel: Selectors | undefined

function ordered<T extends string>(names: readonly T[]): readonly T[] {
  if (names.length === 0) return NONE
  return names.length > 1 ? [...new Set(names)].sort() : names
}

/** Of thousands of subscribers, each follows mostly nothing of two kinds. */
const NONE: readonly never[] = []
