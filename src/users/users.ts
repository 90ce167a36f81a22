import type { Published } from '../hub/contract.ts'
import type { Hub } from '../hub/hub.ts'
import type { Traffic } from '../hub/traffic.ts'
import { type ChannelName, privateName } from '../model/channel.ts'
import { FanfareError } from '../model/errors.ts'
import type { Draft } from '../model/message.ts'
import type { Facts } from '../stores/facts.ts'
import type { UsersConfig } from './config.ts'
import type { ConnectionInfo, Login, UserConnection } from './contract.ts'
import { isPresenceChannel, Presence } from './presence.ts'
import { ChannelRules } from './rules.ts'
import { Sessions } from './sessions.ts'

const SUBSCRIPTIONS = 'subscriptions'
const SUBSCRIBERS = 'subscribers'
const CONNECTIONS = 'connections'
/** Users without a connection who still count as there: until when, in ms since 1970. */
const AWAY = 'away'
/** The one item of an owner that has no more. */
const ONLY = ''

/** The space of users' logs. */
export const USER_SPACE = 'user'

/** The log of what a user is sent; no client can name it. */
export function userLog(user: string): ChannelName {
  return privateName(USER_SPACE, user)
}

export interface UsersOptions {
  readonly hub: Hub
  readonly facts: Facts
  readonly config: UsersConfig
  /** This node's name, and where clients reach it. */
  readonly node: string
  readonly url: () => string
  readonly onError: (error: unknown) => void
}

/** A connection of this node. */
interface Local {
  readonly user: string
  readonly connection: UserConnection
}

/**
 * Who is connected, what they are subscribed to, and how they are reached. A user has any number of
 * sessions and connections; what it is subscribed to is the user's, not a connection's, and outlives
 * the last connection for `removeUserAfterDisconnectTimeOut`.
 *
 * All of it is facts in the store; what a fact means for the connections of this node follows from
 * watching them, whoever stated it.
 */
export class Users {
  readonly sessions: Sessions
  readonly presence: Presence
  readonly config: UsersConfig
  readonly hub: Hub
  readonly maySubscribe: ChannelRules
  readonly mayPublish: ChannelRules
  readonly #facts: Facts
  readonly #options: UsersOptions
  readonly #local = new Map<string, Local>()
  readonly #byUser = new Map<string, Set<Local>>()
  /** Users whose last connection of this node has gone, and their timers. */
  readonly #leaving = new Map<string, NodeJS.Timeout>()
  #stopped = false

  constructor(options: UsersOptions) {
    const { config, facts, hub } = options
    this.#options = options
    this.#facts = facts
    this.config = config
    this.hub = hub
    this.sessions = new Sessions(facts, config.maxSessions, config.maxUsers)
    this.presence = new Presence(facts, hub, new ChannelRules(config.presence))
    this.maySubscribe = new ChannelRules(config.subscribe)
    this.mayPublish = new ChannelRules(config.publish, isPresenceChannel)
    facts.watch((kind, owner, item, value) => {
      if (kind === SUBSCRIPTIONS) this.#subscriptionChanged(owner, item as ChannelName, value)
    })
  }

  /** The name of this node. */
  get node(): string {
    return this.#options.node
  }

  // --- connections ---

  /**
   * A connection has logged in as this user.
   * @throws FanfareError `too_many`
   */
  async connect(user: string, connection: UserConnection): Promise<Login> {
    const { config, node, url } = this.#options
    const known = await this.#facts.size(CONNECTIONS, user)
    if (known >= config.maxConnections) {
      throw new FanfareError('too_many', `A user has at most ${config.maxConnections} connections.`)
    }
    const isAway = await this.#isAway(user)
    // Those who are away for a moment hold a timer each, so they count, too.
    if (known === 0 && !isAway) await this.#mustHaveRoom(CONNECTIONS, AWAY)
    const wasThere = known > 0 || isAway
    this.#stay(user)
    const info: ConnectionInfo = {
      id: connection.id,
      user,
      door: connection.door,
      peer: connection.peer,
      since: Date.now(),
      node,
      url: url(),
    }
    await this.#facts.set(CONNECTIONS, user, connection.id, JSON.stringify(info))
    if (isAway) await this.#facts.set(AWAY, user, ONLY, undefined)
    const local: Local = { user, connection }
    this.#local.set(connection.id, local)
    const locals = this.#byUser.get(user)
    if (locals) locals.add(local)
    else this.#byUser.set(user, new Set([local]))
    const channels = await this.subscriptionsOf(user)
    if (!wasThere) for (const channel of channels) await this.presence.join(channel, user)
    return { user, channels, left: () => this.#run(() => this.#left(local)) }
  }

  async connectionsOf(user: string): Promise<ConnectionInfo[]> {
    const known = await this.#facts.list(CONNECTIONS, user)
    return [...known.values()].map((json) => JSON.parse(json) as ConnectionInfo)
  }

  /** Ids of users with at least one connection. */
  async connected(): Promise<readonly string[]> {
    return this.#facts.owners(CONNECTIONS)
  }

  /** Whether the user has a connection, or its last one has not been gone for long. */
  async isThere(user: string): Promise<boolean> {
    return (await this.#facts.size(CONNECTIONS, user)) > 0 || this.#isAway(user)
  }

  /**
   * Closes one connection of this node.
   * @returns false when there is none with this id
   */
  disconnect(id: string): boolean {
    const local = this.#local.get(id)
    local?.connection.disconnect()
    return local !== undefined
  }

  /** Forgets all connections of a user, which stay open but are nobody's, and its subscriptions. */
  async remove(user: string): Promise<void> {
    for (const id of (await this.#facts.list(CONNECTIONS, user)).keys()) {
      await this.#facts.set(CONNECTIONS, user, id, undefined)
    }
    for (const local of this.#byUser.get(user) ?? []) {
      this.#local.delete(local.connection.id)
      local.connection.removed()
    }
    this.#byUser.delete(user)
    this.#stay(user)
    await this.#gone(user)
  }

  // --- messages ---

  /**
   * Sends a message to a user, on all its connections.
   * @param draft without a channel
   * @param via the door that it came by
   * @throws FanfareError `not_connected` when the user is not there; nothing is stored then
   */
  async publish(user: string, draft: Omit<Draft, 'channel'>, via?: Traffic): Promise<Published> {
    if (!(await this.isThere(user))) throw new FanfareError('not_connected')
    return this.hub.publish({ ...draft, channel: userLog(user) }, via)
  }

  // --- subscriptions ---

  /** @throws FanfareError `too_many` */
  async subscribe(user: string, channel: ChannelName): Promise<void> {
    const { maxSubscriptions } = this.config
    if ((await this.#facts.get(SUBSCRIPTIONS, user, channel)) !== undefined) return
    const known = await this.#facts.size(SUBSCRIPTIONS, user)
    if (known >= maxSubscriptions) {
      throw new FanfareError('too_many', `A user has at most ${maxSubscriptions} subscriptions.`)
    }
    if (known === 0) await this.#mustHaveRoom(SUBSCRIPTIONS)
    await this.#facts.set(SUBSCRIBERS, channel, user, '')
    await this.#facts.set(SUBSCRIPTIONS, user, channel, '')
    if (await this.isThere(user)) await this.presence.join(channel, user)
  }

  async unsubscribe(user: string, channel: ChannelName): Promise<void> {
    if ((await this.#facts.get(SUBSCRIPTIONS, user, channel)) === undefined) return
    await this.#facts.set(SUBSCRIBERS, channel, user, undefined)
    await this.#facts.set(SUBSCRIPTIONS, user, channel, undefined)
    await this.presence.leave(channel, user)
  }

  async unsubscribeAll(user: string): Promise<void> {
    for (const channel of await this.subscriptionsOf(user)) await this.unsubscribe(user, channel)
  }

  async subscriptionsOf(user: string): Promise<ChannelName[]> {
    return [...(await this.#facts.list(SUBSCRIPTIONS, user)).keys()] as ChannelName[]
  }

  /** Ids of users with at least one subscription. */
  async subscribed(): Promise<readonly string[]> {
    return this.#facts.owners(SUBSCRIPTIONS)
  }

  async subscribersOf(channel: ChannelName): Promise<string[]> {
    return [...(await this.#facts.list(SUBSCRIBERS, channel)).keys()]
  }

  /** Channels that some user is subscribed to. */
  async channels(): Promise<readonly ChannelName[]> {
    return (await this.#facts.owners(SUBSCRIBERS)) as readonly ChannelName[]
  }

  /** Ends its timers; what is known stays. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#leaving.values()) clearTimeout(timer)
    this.#leaving.clear()
  }

  // --- coming and going ---

  async #left(local: Local): Promise<void> {
    const { user, connection } = local
    // Removed with its user before, or the server itself is going: then its facts are its successor's.
    if (!this.#local.delete(connection.id) || this.#stopped) return
    const locals = this.#byUser.get(user)
    locals?.delete(local)
    if (locals?.size === 0) this.#byUser.delete(user)
    await this.#facts.set(CONNECTIONS, user, connection.id, undefined)
    if ((await this.#facts.size(CONNECTIONS, user)) > 0) return
    const wait = this.config.removeUserAfterDisconnectTimeOut
    if (wait === 0) {
      await this.#gone(user)
      return
    }
    await this.#facts.set(AWAY, user, ONLY, String(Date.now() + wait), wait)
    clearTimeout(this.#leaving.get(user))
    const timer = setTimeout(() => {
      this.#leaving.delete(user)
      this.#run(() => this.#expire(user))
    }, wait)
    this.#leaving.set(user, timer.unref())
  }

  /** The time is over; unless the user has come back meanwhile, by whatever node. */
  async #expire(user: string): Promise<void> {
    if ((await this.#facts.size(CONNECTIONS, user)) === 0) await this.#gone(user)
  }

  async #gone(user: string): Promise<void> {
    await this.#facts.set(AWAY, user, ONLY, undefined)
    await this.unsubscribeAll(user)
  }

  #stay(user: string): void {
    clearTimeout(this.#leaving.get(user))
    this.#leaving.delete(user)
  }

  async #isAway(user: string): Promise<boolean> {
    return (await this.#facts.get(AWAY, user, ONLY)) !== undefined
  }

  #subscriptionChanged(user: string, channel: ChannelName, value: string | undefined): void {
    for (const { connection } of this.#byUser.get(user) ?? []) {
      if (value === undefined) connection.unsubscribed(channel)
      else connection.subscribed(channel)
    }
  }

  /** @throws FanfareError `too_many` when one more user would be one too many */
  async #mustHaveRoom(...kinds: readonly string[]): Promise<void> {
    const { maxUsers } = this.config
    let count = 0
    for (const kind of kinds) count += await this.#facts.count(kind)
    if (count >= maxUsers) {
      throw new FanfareError('too_many', `This server has at most ${maxUsers} users.`)
    }
  }

  #run(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#options.onError(error))
  }
}
