import type { Access } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import type { Since } from '../../hub/contract.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Traffic } from '../../hub/traffic.ts'
import type { ChannelName } from '../../model/channel.ts'
import { FanfareError } from '../../model/errors.ts'
import { type Cursor, formatCursor, isWithin } from '../../model/cursor.ts'
import { formatId } from '../../model/id.ts'
import { Selectors } from '../../model/selector.ts'
import { userLog, type Users } from '../../users/users.ts'
import { followable } from './access.ts'
import type { Command } from './command.ts'
import { type EventEncoder, eventText, type Form } from './encoder.ts'
import { Following } from './following.ts'
import type { Handshake, Offset } from './handshake.ts'
import type { Link } from './link.ts'
import { userOf } from './login.ts'
import type { State, Stretch } from './recovery.ts'

/** What all sessions share. */
export interface SessionHost {
  readonly hub: Hub
  readonly users: Users
  readonly access: Access
  readonly traffic: Traffic
  /** Channels in one connection. */
  readonly maxChannels: number
  /** Bytes of one message's body. */
  readonly maxBodyBytes: number
  encoder(form: Form): EventEncoder
}

/** What a command is answered with, beside that it went well. */
type Done = Record<string, unknown>

/** Users that the answer about presence names. */
const MOST_PRESENT = 1_000

const NOTHING = new Selectors([])

/** A user on one connection: what it follows, and what it may do. */
export class Session {
  readonly user: string
  #caller: Caller
  /** Under which version of what holds that is so. */
  #version: number
  readonly #host: SessionHost
  readonly #link: Link
  /** What the user is subscribed to. */
  readonly #channels = new Set<ChannelName>()
  /** What the user gave up while it was being asked what it is subscribed to. */
  #gone: Set<ChannelName> | undefined = new Set()
  /** What this connection alone is subscribed to. */
  #own = NOTHING
  /** What is about to be followed from further back than now. */
  #expected = NOTHING
  #following: Following | undefined
  #isOver = false
  /** Where it begins, unless its client says where. */
  #start: Since

  /** Made before the user counts as connected: what it is sent from then on is for this session. */
  constructor(host: SessionHost, link: Link, caller: Caller) {
    this.#start = idOf(host.hub.head)
    this.#host = host
    this.#link = link
    this.user = userOf(caller)
    this.#caller = caller
    this.#version = host.access.version
  }

  get #now(): Caller {
    const { access } = this.#host
    if (this.#version !== access.version) {
      this.#caller = access.refreshed(this.#caller)
      this.#version = access.version
    }
    return this.#caller
  }

  /** Whether what an earlier connection followed may be gone on with by this one. */
  async mayGoOn({ channels, own }: Pick<State, 'channels' | 'own'>): Promise<boolean> {
    const { grants, user } = this.#now
    if (!grants.subscribe.allowAll(own, user)) return false
    const all = new Selectors(channels).with(own)
    return (await this.#readable(all)).size === all.size
  }

  /**
   * That of which this user may also read what was published before. It may go on with what its application has
   * subscribed it to, whether or not it may subscribe to that itself.
   */
  async #readable(all: Selectors): Promise<Selectors> {
    const { access } = this.#host
    const caller = this.#now
    const { grants, user } = caller
    const log = userLog(this.user)
    const may = (rules: typeof grants.history) => (one: Selectors) =>
      one.single === log || rules.allowAll(one, user)
    const readable = grants.history.isEverything ? all : partOf(all, may(grants.history))
    if (!access.isAsked('subscribe')) return readable
    const asked = partOf(readable, may(grants.subscribe)).without(new Selectors([log]))
    if (asked.size === 0) return readable
    try {
      await access.mustFollow(caller, asked, true)
      return readable
    } catch (error) {
      if (error instanceof FanfareError) return readable.without(asked)
      throw error
    }
  }

  /** The user is subscribed to these, unless it was heard since that it is not. */
  is(subscribed: readonly ChannelName[]): void {
    for (const channel of subscribed) if (!this.#gone?.has(channel)) this.#channels.add(channel)
    this.#gone = undefined
  }

  /**
   * From here on messages are written.
   * @param lost what the client had before, by another connection
   * @returns once all is read that it was being read then
   */
  async begin(handshake: Handshake, lost: State | undefined): Promise<void> {
    const host = this.#host
    const { envelope, offsets, offset } = handshake
    this.#own = lost?.own ?? NOTHING
    const { since, history } = resume(offset, lost, handshake.since ?? this.#start)
    const goesBack = since.kind !== 'now' && since !== this.#start
    // The rest goes on from now.
    const known = goesBack ? await this.#readable(this.#wanted) : undefined
    if (this.#isOver) return
    const wanted = known ? common(known, this.#wanted) : this.#wanted
    this.#expected = common(history?.selectors ?? NOTHING, wanted)
    this.#start = since
    if (offsets && !offset) this.#tellPosition(this.#start)
    const selectors = wanted.without(this.#expected)
    const sink = this.#link
    sink.open()
    const subscription = host.hub.follow({
      selectors,
      encoder: host.encoder({ envelope, offsets }),
      sink,
      since,
    })
    this.#following = new Following(subscription, selectors)
    if (known) this.#reconcile()
    if (history) await this.#addExpected(history.since)
  }

  /** Where the client stands before it has had any message. */
  #tellPosition(since: Since): void {
    if (since.kind === 'now' || since.after === undefined) return
    this.#link.send(eventText('position', JSON.stringify(formatCursor(since.after))))
  }

  /** Undefined before it began. */
  get state(): State | undefined {
    if (!this.#following) return undefined
    return {
      user: this.user,
      channels: [...this.#channels],
      own: this.#own,
      start: this.#start,
      stretch: this.#following.stretch,
    }
  }

  close(): void {
    this.#isOver = true
    this.#following?.close()
    this.#following = undefined
  }

  // --- what it follows ---

  get #wanted(): Selectors {
    return new Selectors([userLog(this.user), ...this.#channels]).with(this.#own)
  }

  subscribed(channel: ChannelName): void {
    this.#channels.add(channel)
    this.#gone?.delete(channel)
    this.#reconcile()
  }

  unsubscribed(channel: ChannelName): void {
    this.#channels.delete(channel)
    this.#gone?.add(channel)
    this.#expected = this.#expected.without(new Selectors([channel]).without(this.#own))
    this.#reconcile()
  }

  resubscribed(channels: readonly ChannelName[]): void {
    const known = new Set(channels)
    for (const channel of this.#channels) if (!known.has(channel)) this.unsubscribed(channel)
    for (const channel of known) if (!this.#channels.has(channel)) this.subscribed(channel)
  }

  #reconcile(): void {
    this.#following?.set(this.#wanted, this.#expected)
  }

  async #addExpected(since: Since): Promise<void> {
    await this.#following?.addSince(() => this.#expected, since)
    this.#expected = NOTHING
    this.#reconcile()
  }

  // --- what its client asks for ---

  /** @throws FanfareError */
  async obey(command: Command): Promise<Done> {
    switch (command.kind) {
      case 'subscribe':
        return this.#subscribe(command)
      case 'unsubscribe':
        return this.#unsubscribe(command.names)
      case 'publish':
        return this.#publish(command)
      case 'presence':
        return this.#present(command)
      default:
        return command satisfies never
    }
  }

  async #subscribe({ names, as, since }: Command & { kind: 'subscribe' }): Promise<Done> {
    const { access, maxChannels } = this.#host
    const selectors = followable(names, as === 'session')
    await access.mustFollow(this.#now, selectors, since.kind !== 'now')
    if (as === 'session' && this.#own.with(selectors).size > maxChannels) {
      const detail = `One connection follows at most ${maxChannels} channels.`
      throw new FanfareError('too_many', detail)
    }
    const isHistory = since.kind !== 'now'
    if (isHistory) this.#expected = selectors.without(this.#wanted)
    try {
      if (as === 'session') this.#own = this.#own.with(selectors)
      else await this.#subscribeUser(selectors.channels)
      if (isHistory) await this.#addExpected(since)
    } finally {
      this.#expected = NOTHING
      this.#reconcile()
    }
    const position = this.#following?.position
    return {
      channels: names,
      position: position === undefined ? undefined : formatCursor(position),
    }
  }

  async #subscribeUser(channels: readonly ChannelName[]): Promise<void> {
    for (const channel of channels) {
      await this.#host.users.subscribe(this.user, channel)
      this.#channels.add(channel)
    }
  }

  async #unsubscribe(names: readonly string[]): Promise<Done> {
    const { users } = this.#host
    let given = NOTHING
    for (const name of names) {
      const selectors = Selectors.parseText(name)
      if (!selectors) throw new FanfareError('bad_channel')
      given = given.with(selectors)
    }
    // What an application subscribed a user to, beyond what that may do itself, stays.
    const { grants, user } = this.#now
    const own = given.channels.filter((channel) => grants.subscribe.allow(channel, user))
    for (const channel of given.without(this.#own).channels) {
      if (!own.includes(channel)) {
        throw new FanfareError('forbidden', 'This user may not change that subscription.')
      }
    }
    this.#own = this.#own.without(given)
    for (const channel of own) {
      await users.unsubscribe(this.user, channel)
      this.#channels.delete(channel)
    }
    this.#reconcile()
    return { channels: names }
  }

  async #publish({ draft, name }: Command & { kind: 'publish' }): Promise<Done> {
    const { access, hub, traffic, maxBodyBytes } = this.#host
    await access.mustPublish(this.#now, draft.channel)
    if (draft.body.length > maxBodyBytes) {
      throw new FanfareError('too_large', `A message has at most ${maxBodyBytes} bytes here.`)
    }
    const { id, receivers, duplicate } = await hub.publish(draft, traffic)
    const done = { channel: name, id: formatId(id), receivers }
    return duplicate ? { ...done, duplicate } : done
  }

  async #present({ channel, name }: Command & { kind: 'presence' }): Promise<Done> {
    const { access } = this.#host
    const { presence } = this.#host.users
    await access.mustFollow(this.#now, Selectors.channel(channel), false)
    access.mustSeePresence(this.#now, channel)
    if (!presence.isOn(channel)) {
      throw new FanfareError('forbidden', 'Nobody is told who is there; see users.presence.')
    }
    const present = await presence.of(channel)
    return { channel: name, users: present.slice(0, MOST_PRESENT), count: present.length }
  }
}

/** Where to go on: what is followed from `since`, beside which `history` is read. */
interface Resumed {
  readonly since: Since
  readonly history: Pick<Stretch, 'selectors' | 'since'> | undefined
}

/**
 * @param offset the last message that the client had
 * @param asked where it wants to begin, if it had nothing before
 */
function resume(offset: Offset | undefined, lost: State | undefined, asked: Since): Resumed {
  const stretch = lost?.stretch
  if (!offset || (offset.inHistory && !stretch)) {
    return { since: lost?.start ?? asked, history: stretch }
  }
  const at = idOf(offset.at)
  if (offset.inHistory && stretch) {
    // What came before the history came before this message, too.
    return {
      since: idOf(offset.rest ?? stretch.upTo),
      history: { selectors: stretch.selectors, since: at },
    }
  }
  return { since: at, history: stretch && isWithin(offset.at, stretch.upTo) ? stretch : undefined }
}

/** What of it is such, each looked at by itself. */
function partOf(all: Selectors, is: (one: Selectors) => boolean): Selectors {
  return new Selectors(
    all.channels.filter((channel) => is(new Selectors([channel]))),
    all.prefixes.filter((prefix) => is(new Selectors([], [prefix]))),
    all.patterns.filter((pattern) => is(new Selectors([], [], [pattern]))),
  )
}

/** What is in both. */
function common(some: Selectors, others: Selectors): Selectors {
  return some.without(some.without(others))
}

function idOf(after: Cursor): Since {
  return { kind: 'id', after }
}
