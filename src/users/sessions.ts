import { createHash } from 'node:crypto'
import { FanfareError } from '../model/errors.ts'
import type { Facts, How } from '../stores/facts.ts'
import { KINDS } from './kinds.ts'
import { Locks } from './locks.ts'

const USER = 'user'

export interface SessionInfo {
  /** The digest of the session: sessions themselves are kept nowhere. */
  readonly digest: string
  /** ms since 1970 */
  readonly since: number
}

export interface SessionLimits {
  /** Sessions of one user; the oldest goes. */
  readonly maxSessions: number
  /** Users that have any. */
  readonly maxUsers: number
}

/**
 * Credentials that may log in: texts that an application made, and told both its user and us. Only
 * digests are kept, so what is read from a store logs nobody in.
 *
 * Two facts each: whose a session is, and a user's list. Whatever nodes do at once, and wherever one ends
 * on its way: a session that is valid is in its user's list, so that `removeAll` ends it.
 */
export class Sessions {
  readonly #facts: Facts
  readonly #limits: () => SessionLimits
  readonly #locks = new Locks()

  constructor(facts: Facts, limits: () => SessionLimits) {
    this.#facts = facts
    this.#limits = limits
  }

  /** Whose session this is. */
  async userOf(session: string): Promise<string | undefined> {
    return this.#facts.get(KINDS.session, digestOf(session), USER)
  }

  /**
   * Another session for a user. One that was somebody else's is this user's from now on.
   * @param ttl ms; without it, until it is removed
   * @throws FanfareError `too_many`
   */
  async add(user: string, session: string, ttl?: number): Promise<void> {
    await this.#locks.run(user, () => this.#add(user, digestOf(session), ttl))
  }

  /** The one session of a user from now on. Who has logged in already stays. */
  async set(user: string, session: string, ttl?: number): Promise<void> {
    const digest = digestOf(session)
    await this.#locks.run(user, async () => {
      for (const other of (await this.#facts.list(KINDS.sessions, user)).keys()) {
        if (other !== digest) await this.#forget(user, other)
      }
      await this.#add(user, digest, ttl)
    })
  }

  /** @returns whether there was such a session of this user */
  async remove(user: string, session: string): Promise<boolean> {
    const digest = digestOf(session)
    return this.#locks.run(user, () => this.#forget(user, digest))
  }

  async removeAll(user: string): Promise<void> {
    await this.#locks.run(user, async () => {
      for (const digest of (await this.#facts.list(KINDS.sessions, user)).keys()) {
        await this.#forget(user, digest)
      }
    })
  }

  async list(user: string): Promise<SessionInfo[]> {
    const known = await this.#facts.list(KINDS.sessions, user)
    return [...known].map(([digest, since]) => ({ digest, since: Number(since) }))
  }

  async users(): Promise<readonly string[]> {
    return this.#facts.owners(KINDS.sessions)
  }

  async #add(user: string, digest: string, ttl: number | undefined): Promise<void> {
    const { maxSessions, maxUsers } = this.#limits()
    await this.#enlist(user, digest, { ttl, maxOwners: maxUsers })
    const { former } = await this.#facts.set(KINDS.session, digest, USER, user, { ttl })
    if (former !== undefined && former !== user) {
      await this.#facts.set(KINDS.sessions, former, digest, undefined)
    }
    const known = await this.#facts.list(KINDS.sessions, user)
    if (!known.has(digest)) await this.#enlistAgain(user, digest, ttl)
    for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - maxSessions))) {
      await this.#forget(user, oldest)
    }
  }

  /** @throws FanfareError `too_many` */
  async #enlist(user: string, digest: string, how: How): Promise<void> {
    const now = String(Date.now())
    if ((await this.#facts.set(KINDS.sessions, user, digest, now, how)).done) return
    // Some may have sessions whose time has run out: only now is it worth looking.
    await this.users()
    if ((await this.#facts.set(KINDS.sessions, user, digest, now, how)).done) return
    throw new FanfareError('too_many', `This server has at most ${how.maxOwners} users.`)
  }

  /** Another node was removing it as it was added here: if it is valid after that, it is listed. */
  async #enlistAgain(user: string, digest: string, ttl: number | undefined): Promise<void> {
    if ((await this.#facts.get(KINDS.session, digest, USER)) !== user) return
    await this.#facts.set(KINDS.sessions, user, digest, String(Date.now()), { ttl })
  }

  /**
   * Ends it, takes it from the list, and ends it again, if it was added elsewhere in between.
   * @returns whether it was this user's
   */
  async #forget(user: string, digest: string): Promise<boolean> {
    // Unless it is somebody else's by now.
    const end = async (): Promise<boolean> =>
      (await this.#facts.set(KINDS.session, digest, USER, undefined, { when: { is: user } })).done
    const wasIts = await end()
    await this.#facts.set(KINDS.sessions, user, digest, undefined, { when: 'known' })
    return (await end()) || wasIts
  }
}

function digestOf(session: string): string {
  return createHash('sha256').update(session).digest('base64url')
}
