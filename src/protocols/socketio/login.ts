import type { JwtVerifier, TokenUser } from '../../access/jwt.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Sessions } from '../../users/sessions.ts'
import type { Credential } from './handshake.ts'

/** Longer texts are nobody's session: they are not even looked for. */
const LONGEST_SESSION = 4096

/** Whoever logs in may do so with these. */
export class Logins {
  readonly #sessions: Sessions
  readonly #jwt: JwtVerifier | undefined

  constructor(sessions: Sessions, jwt: JwtVerifier | undefined) {
    this.#sessions = sessions
    this.#jwt = jwt
  }

  /** @throws FanfareError `not_authorized` */
  async check(credential: Credential): Promise<TokenUser> {
    const found =
      credential.kind === 'session'
        ? await this.#bySession(credential.session)
        : await this.#byToken(credential.token)
    if (credential.user !== undefined && credential.user !== found.user) {
      throw new FanfareError('not_authorized', `This is no ${credential.kind} of that user.`)
    }
    return found
  }

  /**
   * The original's first message.
   * @returns the user, `retry` when it was not JSON, `refused` when it was and names nobody
   */
  async checkMessage(message: unknown): Promise<TokenUser | 'retry' | 'refused'> {
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
    return user !== undefined && user === String(userId) ? { user, expires: undefined } : 'refused'
  }

  async #bySession(session: string): Promise<TokenUser> {
    const user = session.length > LONGEST_SESSION ? undefined : await this.#sessions.userOf(session)
    if (user === undefined) {
      throw new FanfareError(
        'not_authorized',
        'There is no such session; it may have been removed.',
      )
    }
    return { user, expires: undefined }
  }

  async #byToken(token: string): Promise<TokenUser> {
    if (!this.#jwt) {
      throw new FanfareError('not_authorized', 'This server takes no tokens; see users.jwt.')
    }
    return this.#jwt.verify(token)
  }
}
