import { createHash } from 'node:crypto'
import { FanfareError } from '../model/errors.ts'
import type { Facts } from '../stores/facts.ts'

/** Who a session belongs to, by its digest; and a user's sessions, by the same. */
const SESSION = 'session'
const SESSIONS = 'sessions'

export interface SessionInfo {
  /** The digest of the session: sessions themselves are kept nowhere. */
  readonly digest: string
  /** ms since 1970 */
  readonly since: number
}

/**
 * Credentials that may log in: texts that an application made, and told both its user and us. Only
 * digests are kept, so what is read from a store logs nobody in.
 */
export class Sessions {
  readonly #facts: Facts
  readonly #max: number
  readonly #maxUsers: number

  /**
   * @param max sessions of one user; the oldest goes
   * @param maxUsers users that have any
   */
  constructor(facts: Facts, max: number, maxUsers: number) {
    this.#facts = facts
    this.#max = max
    this.#maxUsers = maxUsers
  }

  /** Whose session this is. */
  async userOf(session: string): Promise<string | undefined> {
    return this.#facts.get(SESSION, digestOf(session), 'user')
  }

  /**
   * Another session for a user. One that was somebody else's is this user's from now on.
   * @param ttl ms; without it, until it is removed
   * @throws FanfareError `too_many`
   */
  async add(user: string, session: string, ttl?: number): Promise<void> {
    const digest = digestOf(session)
    await this.#mustHaveRoom(user)
    const former = await this.#facts.get(SESSION, digest, 'user')
    if (former !== undefined && former !== user)
      await this.#facts.set(SESSIONS, former, digest, undefined)
    await this.#facts.set(SESSION, digest, 'user', user, ttl)
    await this.#facts.set(SESSIONS, user, digest, String(Date.now()), ttl)
    const known = await this.#facts.list(SESSIONS, user)
    for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - this.#max))) {
      await this.#forget(user, oldest)
    }
  }

  /** The one session of a user from now on. Who has logged in already stays. */
  async set(user: string, session: string, ttl?: number): Promise<void> {
    const digest = digestOf(session)
    for (const other of (await this.#facts.list(SESSIONS, user)).keys()) {
      if (other !== digest) await this.#forget(user, other)
    }
    await this.add(user, session, ttl)
  }

  /** @returns whether there was such a session of this user */
  async remove(user: string, session: string): Promise<boolean> {
    const digest = digestOf(session)
    if ((await this.#facts.get(SESSION, digest, 'user')) !== user) return false
    await this.#forget(user, digest)
    return true
  }

  async removeAll(user: string): Promise<void> {
    for (const digest of (await this.#facts.list(SESSIONS, user)).keys()) {
      await this.#forget(user, digest)
    }
  }

  async list(user: string): Promise<SessionInfo[]> {
    const known = await this.#facts.list(SESSIONS, user)
    return [...known].map(([digest, since]) => ({ digest, since: Number(since) }))
  }

  async users(): Promise<readonly string[]> {
    return this.#facts.owners(SESSIONS)
  }

  /** @throws FanfareError `too_many` */
  async #mustHaveRoom(user: string): Promise<void> {
    if ((await this.#facts.count(SESSIONS)) < this.#maxUsers) return
    if ((await this.#facts.list(SESSIONS, user)).size > 0) return
    // Some may have sessions whose time has run out: only now is it worth looking.
    if ((await this.users()).length < this.#maxUsers) return
    throw new FanfareError('too_many', `This server has at most ${this.#maxUsers} users.`)
  }

  async #forget(user: string, digest: string): Promise<void> {
    await this.#facts.set(SESSIONS, user, digest, undefined)
    // Unless it is somebody else's by now.
    if ((await this.#facts.get(SESSION, digest, 'user')) === user) {
      await this.#facts.set(SESSION, digest, 'user', undefined)
    }
  }
}

function digestOf(session: string): string {
  return createHash('sha256').update(session).digest('base64url')
}
