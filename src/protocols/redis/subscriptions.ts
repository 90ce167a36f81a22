import type { Sink, Subscription } from '../../hub/contract.ts'
import { channelFromBytes, type ChannelName } from '../../model/channel.ts'
import { Glob } from '../../model/glob.ts'
import { Selectors } from '../../model/selector.ts'
import { RedisError } from './errors.ts'
import type { RedisServer } from './server.ts'
import type { Resp } from './writer.ts'

/** What is subscribed to: by name, by pattern, or by name as a shard's channel. */
export type Kind = 'channel' | 'pattern' | 'shard'

/** The longest pattern in bytes: matching costs its length for each byte of a name. */
const MAX_PATTERN = 1024

const LONG_PATTERN = new RedisError(`ERR A pattern has at most ${MAX_PATTERN} bytes.`)
const NO_NAME = new RedisError('ERR A channel name is 1 to 512 bytes.')

/** @throws RedisError when it is no name */
export function channelOf(spelled: string): ChannelName {
  const name = channelFromBytes(spelled)
  if (name === undefined) throw NO_NAME
  return name
}

/** A pattern without the leading `/` that names do not have. */
export function patternOf(spelled: string): string {
  return spelled.startsWith('/') ? spelled.slice(1) : spelled
}

/** @throws RedisError when it is too long */
export function globOf(pattern: string): Glob {
  if (pattern.length > MAX_PATTERN) throw LONG_PATTERN
  return new Glob(pattern)
}

/** What is followed in one form, which is one follower of the hub. */
interface Group {
  subscription: Subscription | undefined
  /** Of the hub's subscription. */
  selectors: Selectors
  /** Followed and dropped since; the hub hears of it in `settle`. */
  channels: Set<ChannelName> | undefined
  patterns: Set<string> | undefined
  dirty: boolean
  readonly form: Form
}

/** How names are spelled, and what they are. */
interface Form {
  readonly slash: boolean
  readonly shard: boolean
}

/** Each set is made with its first member: most connections follow one channel, and nothing else. */
interface Names {
  channel: Set<string> | undefined
  pattern: Set<string> | undefined
  shard: Set<string> | undefined
}

const FORMS: readonly Form[] = [
  { slash: false, shard: false },
  { slash: true, shard: false },
  { slash: false, shard: true },
  { slash: true, shard: true },
]
const NO_SELECTORS = new Selectors([])

/**
 * What one connection is subscribed to, as its client spells it. The hub hears of it when the commands
 * at hand are through, so that a thousand SUBSCRIBEs in one packet are one change.
 */
export class Subscriptions {
  readonly #server: RedisServer
  readonly #sink: Sink
  readonly #names: Names = { channel: undefined, pattern: undefined, shard: undefined }
  /** One of each form at most. */
  #groups: Group[] = []
  #dirty = false
  #resp: Resp = 2

  constructor(server: RedisServer, sink: Sink) {
    this.#server = server
    this.#sink = sink
  }

  size(kind: Kind): number {
    return this.#names[kind]?.size ?? 0
  }

  get total(): number {
    return this.size('channel') + this.size('pattern') + this.size('shard')
  }

  /** All of it. */
  get selectors(): Selectors {
    const channels = [...this.names('channel'), ...this.names('shard')]
    return new Selectors(channels.map(channelOf), [], this.names('pattern').map(patternOf))
  }

  /** As the client spelled them, in its order. */
  names(kind: Kind): string[] {
    return [...(this.#names[kind] ?? [])]
  }

  /**
   * Checks names before any is subscribed to.
   * @throws RedisError when one is no name, or they would be too many
   */
  check(kind: Kind, names: readonly string[]): void {
    for (const name of names) {
      if (kind !== 'pattern') channelOf(name)
      else if (name.length > MAX_PATTERN) throw LONG_PATTERN
    }
    const { maxSubscriptions } = this.#server.limits
    if (this.total + names.length <= maxSubscriptions) return
    const more = new Set(names.filter((name) => !this.#names[kind]?.has(name))).size
    if (this.total + more > maxSubscriptions) {
      throw new RedisError(`ERR A connection has at most ${maxSubscriptions} subscriptions here.`)
    }
  }

  add(kind: Kind, name: string): void {
    const names = (this.#names[kind] ??= new Set())
    if (names.has(name)) return
    names.add(name)
    this.#server.subscribed(kind, name, 1)
    const group = this.#group(kind, name)
    if (kind === 'pattern') (group.patterns ??= new Set()).add(patternOf(name))
    else (group.channels ??= new Set()).add(channelOf(name))
    this.#touch(group)
  }

  remove(kind: Kind, name: string): void {
    if (!this.#names[kind]?.delete(name)) return
    this.#server.subscribed(kind, name, -1)
    const group = this.#group(kind, name)
    if (kind === 'pattern') group.patterns?.delete(patternOf(name))
    else group.channels?.delete(channelOf(name))
    this.#touch(group)
  }

  /** Messages come in this version from now on. */
  speak(resp: Resp): void {
    if (resp === this.#resp) return
    this.settle()
    this.#resp = resp
    for (const group of this.#groups) {
      const { subscription } = group
      if (!subscription) continue
      const after = subscription.position
      subscription.close()
      this.#follow(group, { kind: 'id', after })
    }
  }

  /** Tells the hub what has changed. MUST be called before anything is published or waited for. */
  settle(): void {
    if (!this.#dirty) return
    this.#dirty = false
    for (const group of this.#groups) {
      if (!group.dirty) continue
      group.dirty = false
      const wanted = selectorsOf(group)
      const former = group.selectors
      group.selectors = wanted
      if (wanted.size === 0) {
        group.subscription?.close()
      } else if (!group.subscription) this.#follow(group, { kind: 'now' })
      else {
        const more = difference(wanted, former)
        const less = difference(former, wanted)
        // First more, then less: it never follows nothing in between.
        if (more.size > 0) group.subscription.add(more, { kind: 'now' }, ignore)
        if (less.size > 0) group.subscription.drop(less)
      }
    }
    if (this.#groups.some(isEmpty)) this.#groups = this.#groups.filter((group) => !isEmpty(group))
  }

  /** Ends all, with the connection. */
  close(): void {
    for (const kind of ['channel', 'pattern', 'shard'] as const) {
      for (const name of this.names(kind)) this.#server.subscribed(kind, name, -1)
      this.#names[kind] = undefined
    }
    for (const { subscription } of this.#groups.splice(0)) subscription?.close()
    this.#dirty = false
  }

  #follow(group: Group, since: Parameters<Subscription['add']>[1]): void {
    const { selectors, form } = group
    const encoder = this.#server.encoder({ resp: this.#resp, ...form })
    group.subscription = this.#server.hub.follow({ selectors, encoder, sink: this.#sink, since })
  }

  #group(kind: Kind, name: string): Group {
    const form = FORMS[(name.startsWith('/') ? 1 : 0) + (kind === 'shard' ? 2 : 0)] as Form
    const known = this.#groups.find((group) => group.form === form)
    if (known) return known
    const group: Group = {
      subscription: undefined,
      selectors: NO_SELECTORS,
      channels: undefined,
      patterns: undefined,
      dirty: false,
      form,
    }
    this.#groups.push(group)
    return group
  }

  #touch(group: Group): void {
    group.dirty = true
    this.#dirty = true
  }
}

function isEmpty({ selectors }: Group): boolean {
  return selectors.size === 0
}

function selectorsOf({ channels = new Set(), patterns = new Set() }: Group): Selectors {
  const [name] = channels
  // Those who follow the same channel have the same selectors.
  if (name !== undefined && channels.size === 1 && patterns.size === 0)
    return Selectors.channel(name)
  return new Selectors([...channels], [], [...patterns])
}

function difference(one: Selectors, other: Selectors): Selectors {
  const channels = new Set(other.channels)
  const patterns = new Set(other.patterns)
  return new Selectors(
    one.channels.filter((name) => !channels.has(name)),
    [],
    one.patterns.filter((pattern) => !patterns.has(pattern)),
  )
}

/** What is confirmed to a client is in the order of its commands, whatever is still owed. */
function ignore(): void {}
