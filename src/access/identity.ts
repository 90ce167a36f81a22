import { createHash } from 'node:crypto'
import { FanfareError } from '../model/errors.ts'
import type { MaybePromise } from '../model/maybe.ts'
import type { Caller } from './caller.ts'
import type { AccessConfig } from './config.ts'
import { Grants, type Scopes } from './grants.ts'
import { Hook } from './hook.ts'
import { hasKeys, JwtVerifier, type JwtOptions, type TokenUser } from './jwt.ts'
import { KeyRing } from './key-ring.ts'
import { KEY_PREFIX, type KeyRecord } from './keys.ts'

/** What access is decided by, of a whole configuration. */
export interface AccessSettings {
  readonly access: AccessConfig
  readonly trustedPeers: readonly string[]
  readonly trustedProxies: readonly string[]
  readonly users: {
    readonly subscribe: readonly string[]
    readonly publish: readonly string[]
    readonly jwt?: JwtOptions | undefined
  }
}

/** How long a verified token is taken for verified, in ms, if it does not expire before. */
const VERIFIED = 60_000

/** As many are remembered where `users.jwt` says how they are verified. */
const MOST_VERIFIED = 10_000

/** Who is meant by a key or a token, under one configuration. */
export class Identities {
  readonly settings: AccessSettings
  readonly ring: KeyRing
  readonly hook: Hook | undefined
  readonly anonymous: Grants
  readonly trusted: Grants
  /** Users without scopes of their own. */
  readonly users: Grants
  readonly #jwt: JwtVerifier | undefined
  readonly #maxCached: number
  /** Tokens that were verified, by their digests; the oldest first. */
  readonly #verified = new Map<string, { caller: Caller; until: number }>()
  /** By record: made once. */
  readonly #callers = new WeakMap<KeyRecord, Caller>()

  /** @throws Error when keys cannot be read */
  constructor(settings: AccessSettings, onError: (error: unknown) => void) {
    const { access, users } = settings
    this.settings = settings
    this.ring = new KeyRing(access.keys)
    this.hook = Hook.from(access.hook, onError)
    this.anonymous = new Grants('access.anonymous', { ...access.anonymous, manage: false })
    this.trusted = new Grants('access.trusted', { ...access.trusted, manage: false }, true)
    const { publish, subscribe } = users
    this.users = new Grants('users', {
      publish,
      subscribe,
      history: ['/'],
      presence: ['/'],
      manage: false,
    })
    const own = hasKeys(access.jwt) ? access.jwt : { scopes: 'fanfare', claim: 'sub', ...users.jwt }
    this.#jwt = JwtVerifier.from(own, onError)
    this.#maxCached = access.jwt?.maxCached ?? MOST_VERIFIED
  }

  get takesTokens(): boolean {
    return this.#jwt !== undefined
  }

  /**
   * @param secret a key or a token, one character a byte
   * @throws FanfareError `not_authorized`, `access_unavailable`
   */
  of(secret: string): MaybePromise<Caller> {
    if (secret.startsWith(KEY_PREFIX)) return this.key(secret)
    const dots = secret.split('.').length
    if (dots === 3 && this.#jwt) return this.#token(secret, this.#jwt)
    throw new FanfareError('not_authorized', 'This is no key or token that is valid here.')
  }

  /** @throws FanfareError `not_authorized` */
  key(secret: string): Caller {
    return this.#holder(this.ring.keys.find(secret))
  }

  /**
   * @param publicKey in Z85; whoever asks has shown that it has the secret half
   * @throws FanfareError `not_authorized`
   */
  curve(publicKey: string): Caller {
    return this.#holder(this.ring.keys.findCurve(publicKey))
  }

  #holder(record: KeyRecord | undefined): Caller {
    if (!record) throw new FanfareError('not_authorized', 'There is no such key.')
    if (record.revoked !== undefined) {
      throw new FanfareError('not_authorized', 'This key was revoked.', 'Have another one made.')
    }
    if (record.expires !== undefined && record.expires <= Date.now()) {
      throw new FanfareError('not_authorized', 'This key has expired.', 'Have another one made.')
    }
    const known = this.#callers.get(record)
    if (known) return known
    const caller = callerOfKey(record)
    this.#callers.set(record, caller)
    return caller
  }

  /** Who a user is that was found by a token, or a session. */
  user(kind: 'jwt' | 'session' | 'hook', { user, expires, scopes }: TokenUser): Caller {
    const grants = scopes ? new Grants(`the scopes of ${kind} ${user}`, scopes) : this.users
    return { kind, name: user, user, expires, grants }
  }

  async #token(token: string, jwt: JwtVerifier): Promise<Caller> {
    const digest = createHash('sha256').update(token, 'latin1').digest('base64')
    const known = this.#verified.get(digest)
    const now = Date.now()
    if (known && known.until > now) return known.caller
    const caller = this.user('jwt', await jwt.verify(token, now))
    this.#verified.delete(digest)
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size < this.#maxCached) break
      this.#verified.delete(oldest)
    }
    if (this.#maxCached > 0) {
      const until = Math.min(now + VERIFIED, caller.expires ?? Number.POSITIVE_INFINITY)
      this.#verified.set(digest, { caller, until })
    }
    return caller
  }
}

/** Who a key stands for. */
export function callerOfKey(record: KeyRecord): Caller {
  const { id, name, user, expires } = record
  const scopes: Scopes = record
  const grants = new Grants(`the key ${JSON.stringify(name)}`, scopes)
  return { kind: 'key', name, user, expires, key: id, grants }
}
