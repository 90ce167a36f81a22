import type { Access } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import { KEY_PREFIX } from '../../access/keys.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Sessions } from '../../users/sessions.ts'
import type { Credential } from './handshake.ts'

/** Longer texts are nobody's session: they are not even looked for. */
const LONGEST_SESSION = 4096

/** Whoever logs in may do so with these. */
export class Logins {
  readonly #sessions: Sessions
  readonly #access: Access

  constructor(sessions: Sessions, access: Access) {
    this.#sessions = sessions
    this.#access = access
  }

  /** @throws FanfareError `not_authorized` */
  async check(credential: Credential): Promise<Caller> {
    const found =
      credential.kind === 'session'
        ? await this.#bySession(credential.session)
        : await this.#bySecret(credential)
    if (credential.user !== undefined && credential.user !== userOf(found)) {
      throw new FanfareError('not_authorized', `This is no ${credential.kind} of that user.`)
    }
    return found
  }

  /**
   * The original's first message.
   * @returns the user, `retry` when it was not JSON, `refused` when it was and names nobody
   */
  async checkMessage(message: unknown): Promise<Caller | 'retry' | 'refused'> {
    if (typeof message !== 'string') return 'retry'
    let said: unknown
    try {
      said = JSON.parse(message)
    } catch {
      return 'retry'
    }
    const { userId, hash } = (said ?? {}) as { userId?: unknown; hash?: unknown }
    if (typeof hash !== 'string' || hash === '') return 'refused'
    if (typeof userId !== 'string' && typeof userId !== 'number') return 'refused'
    if (hash.length > LONGEST_SESSION) return 'refused'
    const user = await this.#sessions.userOf(hash)
    const isThat = user !== undefined && user === String(userId)
    return isThat ? this.#access.identifyUser(user) : 'refused'
  }

  async #bySession(session: string): Promise<Caller> {
    const user = session.length > LONGEST_SESSION ? undefined : await this.#sessions.userOf(session)
    if (user === undefined) {
      throw new FanfareError(
        'not_authorized',
        'There is no such session; it may have been removed.',
      )
    }
    return this.#access.identifyUser(user)
  }

  async #bySecret({ kind, secret }: Credential & { kind: 'key' | 'token' }): Promise<Caller> {
    if (kind === 'token' && !this.#access.takesTokens && !secret.startsWith(KEY_PREFIX)) {
      throw new FanfareError('not_authorized', 'This server takes no tokens; see users.jwt.')
    }
    return this.#access.identifySecret(Buffer.from(secret, 'utf8').toString('latin1'))
  }
}

/** The user that somebody is here: a key that is made for none is one of its own. */
export function userOf({ kind, name, user }: Caller): string {
  return user ?? `${kind}:${name}`
}
