import { FanfareError } from '../model/errors.ts'
import type { Facts } from '../stores/facts.ts'
import type { Away } from './away.ts'
import type { ConnectionInfo, UserConnection } from './contract.ts'
import { KINDS, type Life, lifeKey, type Wish } from './kinds.ts'
import { eachOf } from './locks.ts'

/** How long a wish may wait for a node that is cut off, in ms. */
const WISH_TIME = 600_000
/** Users of which connections are dropped or stated anew at once. */
const AT_ONCE = 32
/** No bound. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER

export interface ConnectionLimits {
  /** Connections of one user. */
  readonly maxConnections: number
  /** Users that are connected or away. */
  readonly maxUsers: number
  /** How long users without a connection count as there, in ms. */
  readonly removeUserAfterDisconnectTimeOut: number
}

export interface ConnectionsHost {
  readonly life: Life
  /** Where clients reach this node. */
  readonly url: () => string
  readonly limits: () => ConnectionLimits
  /** Does one thing at a time for a user. */
  inTurn<T>(user: string, work: () => Promise<T>): Promise<T>
  /** The user was not there before, and is now. */
  came(user: string): Promise<void>
  onError(error: unknown): void
}

/** A connection of this node. */
interface Local {
  readonly connection: UserConnection
  readonly info: ConnectionInfo
}

/**
 * Who is connected, on any node.
 *
 * A connection is two facts: one under its user, and one under the life of the node that holds it, so that
 * a dead node's are found without looking through everybody's. The second is stated first and taken
 * back last, after the user counts as away: so whoever reaps finds everything that another has
 * not finished, and may reap again, or at the same time.
 */
export class Connections {
  readonly #facts: Facts
  readonly #away: Away
  readonly #host: ConnectionsHost
  readonly #life: string
  readonly #local = new Map<string, Local>()
  readonly #byUser = new Map<string, Set<Local>>()
  #registered: Promise<void> | undefined
  /** Something was not stored: this life may be said to hold what it does not. */
  #isDoubtful = false

  constructor(facts: Facts, away: Away, host: ConnectionsHost) {
    this.#facts = facts
    this.#away = away
    this.#host = host
    this.#life = lifeKey(host.life)
  }

  /** This node's connections of a user. */
  *ofThisNode(user: string): IterableIterator<UserConnection> {
    for (const { connection } of this.#byUser.get(user) ?? []) yield connection
  }

  /** Users with a connection of this node. */
  get usersOfThisNode(): readonly string[] {
    return [...this.#byUser.keys()]
  }

  async of(user: string): Promise<ConnectionInfo[]> {
    const known = await this.#facts.list(KINDS.connections, user)
    return [...known.values()].map((json) => JSON.parse(json) as ConnectionInfo)
  }

  async has(user: string): Promise<boolean> {
    const [size = 0] = await this.#facts.sizes(KINDS.connections, [user])
    return size > 0
  }

  /**
   * In its user's turn.
   * @returns what to call, in any turn, when the connection has gone
   * @throws FanfareError `too_many`, `store_unavailable`
   */
  async add(user: string, connection: UserConnection): Promise<() => Promise<void>> {
    const { id, door, peer } = connection
    const info = {
      id,
      user,
      door,
      peer,
      since: Date.now(),
      ...this.#host.life,
      url: this.#host.url(),
    }
    const local: Local = { connection, info }
    // From here on it is told what is asked of it, by other nodes, too.
    this.#keep(local)
    try {
      await this.#register()
      await this.#facts.set(KINDS.held, this.#life, id, user)
      const wasThere = await this.#state(info)
      if (!wasThere) await this.#host.came(user)
      return () => this.#left(local)
    } catch (error) {
      this.#letGo(local)
      this.#isDoubtful = true
      throw error
    }
  }

  /**
   * Closes a connection, on whatever node.
   * @returns false when there is none with this id
   */
  async disconnect(id: string): Promise<boolean> {
    const local = this.#local.get(id)
    if (local) {
      local.connection.disconnect()
      return true
    }
    for (const life of await this.#lives()) {
      const key = lifeKey(life)
      if ((await this.#facts.get(KINDS.held, key, id)) === undefined) continue
      await this.#ask(key, id, 'disconnect')
      return true
    }
    return false
  }

  /** Forgets all connections of a user, which stay open but are nobody's. In its turn. */
  async removeAll(user: string): Promise<void> {
    for (const info of await this.of(user)) {
      const life = lifeKey(info)
      if (life !== this.#life) await this.#ask(life, info.id, 'remove')
      await this.#facts.set(KINDS.connections, user, info.id, undefined)
      await this.#facts.set(KINDS.held, life, info.id, undefined)
    }
    for (const local of this.#byUser.get(user) ?? []) this.#removeLocal(local)
  }

  /** What other nodes want of this one; from watching the facts. */
  asked(life: string, id: string, wish: string | undefined): void {
    if (life !== this.#life || wish === undefined) return
    const local = this.#local.get(id)
    if (local && wish === ('remove' satisfies Wish)) this.#removeLocal(local)
    else local?.connection.disconnect()
    this.#quietly(this.#facts.set(KINDS.asked, life, id, undefined))
  }

  // --- the lives of nodes ---

  /** Drops all that a node held in a life that is over. Any node may, and several may at once. */
  async reap(life: Life): Promise<void> {
    const key = lifeKey(life)
    if (key === this.#life) return
    const held = await this.#facts.list(KINDS.held, key)
    await eachOf(held, AT_ONCE, ([id, user]) =>
      this.#host.inTurn(user, () => this.#drop(key, id, user)),
    )
    for (const id of (await this.#facts.list(KINDS.asked, key)).keys()) {
      await this.#facts.set(KINDS.asked, key, id, undefined)
    }
    const { node, incarnation } = life
    await this.#facts.set(KINDS.lives, node, incarnation, undefined, { when: 'known' })
  }

  /** Drops what this node held in its former lives. */
  async reapFormer(): Promise<void> {
    const { node, incarnation } = this.#host.life
    for (const former of (await this.#facts.list(KINDS.lives, node)).keys()) {
      if (former !== incarnation) await this.reap({ node, incarnation: former })
    }
  }

  /** States all connections of this node anew: others took it for dead. */
  async restate(): Promise<void> {
    this.#registered = undefined
    await this.#register()
    await eachOf([...this.#local.values()], AT_ONCE, ({ connection: { id }, info }) =>
      this.#host.inTurn(info.user, async () => {
        if (!this.#local.has(id)) return
        await this.#facts.set(KINDS.held, this.#life, id, info.user)
        const wasThere = await this.#state(info, ANY_NUMBER)
        if (!wasThere) await this.#host.came(info.user)
      }),
    )
    await this.lookForWishes()
  }

  /** Does what was asked of this node and not heard. */
  async lookForWishes(): Promise<void> {
    for (const [id, wish] of await this.#facts.list(KINDS.asked, this.#life)) {
      this.asked(this.#life, id, wish)
    }
  }

  /** Puts right what could not be stored, and what others took from this node. */
  async sweep(): Promise<void> {
    if (this.#local.size > 0) {
      const { node, incarnation } = this.#host.life
      const known = await this.#facts.get(KINDS.lives, node, incarnation)
      if (known === undefined) await this.restate()
    }
    if (!this.#isDoubtful) return
    this.#isDoubtful = false
    try {
      const held = await this.#facts.list(KINDS.held, this.#life)
      const gone = [...held].filter(([id]) => !this.#local.has(id))
      await eachOf(gone, AT_ONCE, ([id, user]) =>
        this.#host.inTurn(user, () => this.#drop(this.#life, id, user)),
      )
    } catch (error) {
      this.#isDoubtful = true
      throw error
    }
  }

  /** Forgets what is open here, without a word: what is known of it is a successor's. */
  stop(): void {
    this.#local.clear()
    this.#byUser.clear()
  }

  async #lives(): Promise<Life[]> {
    const lives: Life[] = []
    for (const node of await this.#facts.owners(KINDS.lives)) {
      for (const incarnation of (await this.#facts.list(KINDS.lives, node)).keys()) {
        lives.push({ node, incarnation })
      }
    }
    return lives
  }

  /** Says, once, that this life may hold connections. */
  async #register(): Promise<void> {
    const { node, incarnation } = this.#host.life
    const state = async (): Promise<void> => {
      await this.#facts.set(KINDS.lives, node, incarnation, this.#host.url())
    }
    this.#registered ??= state()
    try {
      await this.#registered
    } catch (error) {
      this.#registered = undefined
      throw error
    }
  }

  // --- coming and going ---

  /**
   * States a connection under its user.
   * @param most connections of one user
   * @returns whether the user was there before
   * @throws FanfareError `too_many`
   */
  async #state(info: ConnectionInfo, most?: number): Promise<boolean> {
    const { user, id } = info
    const { maxConnections, maxUsers } = this.#host.limits()
    const away = await this.#away.look(user)
    // Who is away already counts, and may come back.
    const isFree = most !== undefined || away.value !== undefined
    const { done, size } = await this.#facts.set(
      KINDS.connections,
      user,
      id,
      JSON.stringify(info),
      {
        maxItems: most ?? maxConnections,
        maxOwners: isFree ? ANY_NUMBER : Math.max(0, maxUsers - away.count),
      },
    )
    if (!done) {
      await this.#facts.set(KINDS.held, this.#life, id, undefined)
      const detail =
        size > 0
          ? `A user has at most ${maxConnections} connections.`
          : `This server has at most ${maxUsers} users.`
      throw new FanfareError('too_many', detail)
    }
    const wasAway = away.value !== undefined && (await this.#away.cancel(user, away.value))
    return size > 1 || wasAway
  }

  async #left(local: Local): Promise<void> {
    const { id, user } = local.info
    // Removed with its user before, or the server itself is going.
    if (!this.#letGo(local)) return
    try {
      await this.#host.inTurn(user, () => this.#drop(this.#life, id, user))
    } catch (error) {
      this.#isDoubtful = true
      throw error
    }
  }

  /** Takes back a connection's facts. In its user's turn. */
  async #drop(life: string, id: string, user: string): Promise<void> {
    if ((await this.#facts.get(KINDS.held, life, id)) === undefined) return
    const { removeUserAfterDisconnectTimeOut: wait } = this.#host.limits()
    const [before = 0] = await this.#facts.sizes(KINDS.connections, [user])
    // Away before it has gone: nobody finds it not there in between.
    let away = wait > 0 && before <= 1 ? await this.#away.begin(user) : undefined
    const { size } = await this.#facts.set(KINDS.connections, user, id, undefined, {
      when: 'known',
    })
    if (size > 0 && away !== undefined) await this.#away.cancel(user, away)
    if (size === 0 && wait > 0) away ??= await this.#away.begin(user)
    if (size === 0 && wait === 0) await this.#away.leave(user)
    await this.#facts.set(KINDS.held, life, id, undefined)
  }

  async #ask(life: string, id: string, wish: Wish): Promise<void> {
    await this.#facts.set(KINDS.asked, life, id, wish, { ttl: WISH_TIME })
  }

  #removeLocal(local: Local): void {
    if (this.#letGo(local)) local.connection.removed()
  }

  #keep(local: Local): void {
    const { user, id } = local.info
    this.#local.set(id, local)
    const locals = this.#byUser.get(user)
    if (locals) locals.add(local)
    else this.#byUser.set(user, new Set([local]))
  }

  /** @returns whether it was there */
  #letGo(local: Local): boolean {
    const { user, id } = local.info
    if (this.#local.get(id) !== local) return false
    this.#local.delete(id)
    const locals = this.#byUser.get(user)
    locals?.delete(local)
    if (locals?.size === 0) this.#byUser.delete(user)
    return true
  }

  #quietly(work: unknown): void {
    Promise.resolve(work).catch((error: unknown) => this.#host.onError(error))
  }
}
