import { randomBytes } from 'node:crypto'
import type { Published } from '../hub/contract.ts'
import type { Hub } from '../hub/hub.ts'
import type { Traffic } from '../hub/traffic.ts'
import { type ChannelName, privateName } from '../model/channel.ts'
import { FanfareError } from '../model/errors.ts'
import type { Draft } from '../model/message.ts'
import type { Facts } from '../stores/facts.ts'
import { Away } from './away.ts'
import type { UsersConfig } from './config.ts'
import { Connections } from './connections.ts'
import type { ConnectionInfo, Login, UserConnection } from './contract.ts'
import { KINDS } from './kinds.ts'
import { eachOf, Locks } from './locks.ts'
import { Presence } from './presence.ts'
import { ChannelRules } from '../access/rules.ts'
import { Sessions } from './sessions.ts'
import { Subscriptions } from './subscriptions.ts'

/** The space of users' logs. */
export const USER_SPACE = 'user'

/** How often is looked after what others left behind, and what could not be stored, in ms. */
const SWEEP = 10_000

/** Users that are looked at again at once. */
const AT_ONCE = 32

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
  /** Tells this life of the node from its former ones; something random unless given. */
  readonly incarnation?: string
  readonly onError: (error: unknown) => void
}

/** How many of each a user has. */
export interface UserCounts {
  readonly connections: number
  readonly sessions: number
  readonly subscriptions: number
}

/**
 * Who is connected, what they are subscribed to, and how they are reached. A user has any number of
 * sessions and connections; what it is subscribed to is the user's, not a connection's, and outlives
 * the last connection for `removeUserAfterDisconnectTimeOut`.
 *
 * All of it is facts in the store; what a fact means for the connections of this node follows from
 * watching them, whoever stated it. About one user, a node does one thing at a time.
 */
export class Users {
  readonly sessions: Sessions
  readonly presence: Presence
  readonly hub: Hub
  readonly incarnation: string
  readonly #facts: Facts
  readonly #options: UsersOptions
  readonly #locks = new Locks()
  readonly #away: Away
  readonly #connections: Connections
  readonly #subscriptions: Subscriptions
  #config: UsersConfig
  /** What former lives of this node held is dropped; resolves also when that has to be tried again. */
  #begun: Promise<void> = Promise.resolve()
  #owesReaping = false
  /** Changes of facts were missed, and what they were has not been looked for. */
  #hasMissed = false
  /** What is heard of users while it is asked what they are subscribed to. */
  readonly #heard = new Map<string, Map<ChannelName, boolean>>()
  #sweeper: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: UsersOptions) {
    const { config, facts, hub, node, url } = options
    const { incarnation = randomBytes(9).toString('base64url') } = options
    this.#options = options
    this.#facts = facts
    this.#config = config
    this.hub = hub
    this.incarnation = incarnation
    const limits = (): UsersConfig => this.#config
    const inTurn = <T>(user: string, work: () => Promise<T>): Promise<T> =>
      this.#locks.run(user, work)
    const onError = (error: unknown): void => this.#failed(error)
    this.sessions = new Sessions(facts, limits)
    this.presence = new Presence(facts, hub, new ChannelRules(config.presence))
    this.#subscriptions = new Subscriptions(
      facts,
      this.presence,
      (user) => this.isThere(user),
      limits,
    )
    const wait = (): number => this.#config.removeUserAfterDisconnectTimeOut
    const awayHost = {
      isConnected: (user: string) => this.#connections.has(user),
      unsubscribeAll: (user: string) => this.#subscriptions.removeAll(user),
      inTurn,
      onError,
    }
    this.#away = new Away(facts, awayHost, wait)
    this.#connections = new Connections(facts, this.#away, {
      life: { node, incarnation },
      url,
      limits,
      inTurn,
      onError,
      came: async (user) => {
        for (const channel of await this.subscriptionsOf(user)) {
          await this.#subscriptions.settle(user, channel)
        }
      },
    })
    facts.watch(
      (kind, owner, item, value) => {
        if (kind === KINDS.subscriptions) {
          this.#subscriptionChanged(owner, item as ChannelName, value)
        } else if (kind === KINDS.asked) this.#connections.asked(owner, item, value)
      },
      () => {
        this.#hasMissed = true
        this.#run(() => this.#lookAgain())
      },
    )
  }

  /** The name of this node. */
  get node(): string {
    return this.#options.node
  }

  /** Where clients reach it. */
  get url(): string {
    return this.#options.url()
  }

  get config(): UsersConfig {
    return this.#config
  }

  /** Another configuration holds from now on; who is in already stays. */
  update(config: UsersConfig): void {
    this.#config = config
    this.presence.rules = new ChannelRules(config.presence)
  }

  /**
   * Drops what former lives of this node held, before anybody logs in, and looks from now on after what
   * other nodes left behind.
   */
  start(): void {
    if (this.#sweeper || this.#stopped) return
    this.#owesReaping = true
    this.#sweeper = setInterval(() => this.#run(() => this.#sweep()), SWEEP).unref()
    this.#begun = this.#sweep().catch((error: unknown) => this.#failed(error))
  }

  // --- connections ---

  /**
   * A connection has logged in as this user.
   * @throws FanfareError `too_many`, `store_unavailable`
   */
  async connect(user: string, connection: UserConnection): Promise<Login> {
    await this.#begun
    return this.#locks.run(user, async () => {
      const left = await this.#connections.add(user, connection)
      try {
        const channels = await this.subscriptionsOf(user)
        return { user, channels, left: () => this.#run(left) }
      } catch (error) {
        this.#run(left)
        throw error
      }
    })
  }

  async connectionsOf(user: string): Promise<ConnectionInfo[]> {
    return this.#connections.of(user)
  }

  /** Ids of users with at least one connection. */
  async connected(): Promise<readonly string[]> {
    return this.#facts.owners(KINDS.connections)
  }

  /** How many those are. */
  async connectedCount(): Promise<number> {
    return this.#facts.count(KINDS.connections)
  }

  /** Whether the user has a connection, or its last one has not been gone for long. */
  async isThere(user: string): Promise<boolean> {
    return (await this.#connections.has(user)) || (await this.#away.has(user))
  }

  /** How many connections, sessions and subscriptions each of these users has. */
  async countsOf(users: readonly string[]): Promise<UserCounts[]> {
    const [connections, sessions, subscriptions] = await Promise.all([
      this.#facts.sizes(KINDS.connections, users),
      this.#facts.sizes(KINDS.sessions, users),
      this.#facts.sizes(KINDS.subscriptions, users),
    ])
    return users.map((_, index) => ({
      connections: connections[index] ?? 0,
      sessions: sessions[index] ?? 0,
      subscriptions: subscriptions[index] ?? 0,
    }))
  }

  /**
   * Closes one connection, on whatever node it is.
   * @returns false when there is none with this id
   */
  async disconnect(id: string): Promise<boolean> {
    return this.#connections.disconnect(id)
  }

  /** Forgets all connections of a user, which stay open but are nobody's, and its subscriptions. */
  async remove(user: string): Promise<void> {
    await this.#locks.run(user, async () => {
      await this.#connections.removeAll(user)
      await this.#away.leave(user)
    })
  }

  // --- nodes ---

  /**
   * A node is gone: drops all connections that it held in this life. Users whose last ones those were count
   * as away from now on. Any node may say so, and several may at once.
   */
  async reap(node: string, incarnation: string): Promise<void> {
    await this.#connections.reap({ node, incarnation })
  }

  /** States all connections of this node anew: others took it for gone. */
  async restate(): Promise<void> {
    await this.#connections.restate()
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

  /** @throws FanfareError `too_many`, `store_unavailable` */
  async subscribe(user: string, channel: ChannelName): Promise<void> {
    await this.#locks.run(user, () => this.#subscriptions.add(user, channel))
  }

  async unsubscribe(user: string, channel: ChannelName): Promise<void> {
    await this.#locks.run(user, () => this.#subscriptions.remove(user, channel))
  }

  async unsubscribeAll(user: string): Promise<void> {
    await this.#locks.run(user, () => this.#subscriptions.removeAll(user))
  }

  async subscriptionsOf(user: string): Promise<ChannelName[]> {
    return this.#subscriptions.of(user)
  }

  /** Ids of users with at least one subscription. */
  async subscribed(): Promise<readonly string[]> {
    return this.#facts.owners(KINDS.subscriptions)
  }

  async subscribersOf(channel: ChannelName): Promise<string[]> {
    return [...(await this.#facts.list(KINDS.subscribers, channel)).keys()]
  }

  /** Channels that some user is subscribed to. */
  async channels(): Promise<readonly ChannelName[]> {
    return (await this.#facts.owners(KINDS.subscribers)) as readonly ChannelName[]
  }

  /** Ends its timers; what is known stays, for the node's next life or for others. */
  stop(): void {
    this.#stopped = true
    clearInterval(this.#sweeper)
    this.#away.stop()
    this.#connections.stop()
  }

  async #sweep(): Promise<void> {
    if (this.#stopped) return
    if (this.#owesReaping) {
      await this.#connections.reapFormer()
      this.#owesReaping = false
    }
    await this.#connections.sweep()
    await this.#lookAgain()
    await this.#away.sweep()
  }

  /** Brings the connections of this node to what is known, after some changes were missed. */
  async #lookAgain(): Promise<void> {
    if (!this.#hasMissed || this.#stopped) return
    this.#hasMissed = false
    try {
      await this.#connections.lookForWishes()
      await eachOf(this.#connections.usersOfThisNode, AT_ONCE, (user) =>
        this.#locks.run(user, () => this.#resubscribe(user)),
      )
    } catch (error) {
      this.#hasMissed = true
      throw error
    }
  }

  async #resubscribe(user: string): Promise<void> {
    const heard = new Map<ChannelName, boolean>()
    this.#heard.set(user, heard)
    try {
      const channels = new Set(await this.subscriptionsOf(user))
      // What was heard meanwhile may be newer than the answer.
      for (const [channel, isSubscribed] of heard) {
        if (isSubscribed) channels.add(channel)
        else channels.delete(channel)
      }
      for (const connection of this.#connections.ofThisNode(user)) {
        connection.resubscribed([...channels])
      }
    } finally {
      this.#heard.delete(user)
    }
  }

  #subscriptionChanged(user: string, channel: ChannelName, value: string | undefined): void {
    this.#heard.get(user)?.set(channel, value !== undefined)
    for (const connection of this.#connections.ofThisNode(user)) {
      if (value === undefined) connection.unsubscribed(channel)
      else connection.subscribed(channel)
    }
  }

  #run(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#failed(error))
  }

  /** That the store is away is its own to say; a sweep puts right what could not be stored. */
  #failed(error: unknown): void {
    if (this.#stopped) return
    if (error instanceof FanfareError && error.code === 'store_unavailable') return
    this.#options.onError(error)
  }
}
