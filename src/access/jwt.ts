import { createHmac, createPublicKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { compactVerify, decodeProtectedHeader } from 'jose'
import { FanfareError } from '../model/errors.ts'
import { quoteGlob } from '../model/glob.ts'
import { algorithmsOf } from './algorithms.ts'
import { type Scopes, scopesFrom } from './grants.ts'
import { KeySource } from './jwks.ts'

/** How tokens are verified; see `access.jwt` and `users.jwt` in the configuration. */
export interface JwtOptions {
  /** For HS256, HS384 and HS512. */
  readonly secret?: string | undefined
  /** For every other algorithm: PEM. */
  readonly publicKey?: string | undefined
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  /** The claim that is the id of the user. */
  readonly claim: string
  /** A file or URL of a JSON Web Key Set, for every other algorithm. */
  readonly jwks?: string | undefined
  /** In ms. */
  readonly maxAge?: number
  readonly refetch?: number
  readonly timeout?: number
  /** The claim that says what its bearer may do; `mercure` is read, too. */
  readonly scopes?: string
}

/** Whether there is anything to verify tokens by. */
export function hasKeys(options: JwtOptions | undefined): boolean {
  const { secret, publicKey, jwks } = options ?? {}
  return secret !== undefined || publicKey !== undefined || jwks !== undefined
}

/** What a valid token says. */
export interface TokenUser {
  readonly user: string
  /** When the token is none any more, in ms since 1970; undefined: never. */
  readonly expires: number | undefined
  /** What it may do; undefined: it does not say, and what users may do holds. */
  readonly scopes?: Scopes | undefined
}

/** A token longer than this is none: nobody verifies megabytes. */
const LONGEST_TOKEN = 16_384
const LONGEST_USER = 255
/** How far the clock that `nbf` was written by may be ahead, in seconds. */
const LEEWAY = 5

const HMACS = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
])

/**
 * Verifies JSON Web Tokens (RFC 7519). The configuration decides which algorithms there are, never the
 * token alone: those with a secret are verified by the secret and all others by the public key, so a
 * public key can be nobody's secret (RFC 8725, section 3.1); `none` is no algorithm.
 */
export class JwtVerifier {
  readonly #options: JwtOptions
  readonly #publicKey: KeyObject | undefined
  readonly #algorithms: readonly string[]
  readonly #source: KeySource | undefined

  private constructor(options: JwtOptions, onError: (error: unknown) => void) {
    const { publicKey, jwks, maxAge = 600_000, refetch = 30_000, timeout = 5_000 } = options
    this.#options = options
    this.#publicKey = publicKey === undefined ? undefined : readKey(publicKey)
    this.#algorithms = this.#publicKey ? algorithmsOf(this.#publicKey) : []
    this.#source =
      jwks === undefined
        ? undefined
        : new KeySource({ source: jwks, maxAge, refetch, timeout }, onError)
  }

  /**
   * Undefined when there is neither a secret nor a key: then there are no tokens.
   * @param onError hears of keys that cannot be fetched
   * @throws Error when the public key cannot be read
   */
  static from(
    options: JwtOptions | undefined,
    onError: (error: unknown) => void = () => {},
  ): JwtVerifier | undefined {
    return options && hasKeys(options) ? new JwtVerifier(options, onError) : undefined
  }

  /**
   * @param now ms since 1970
   * @throws FanfareError `not_authorized`, saying what is wrong with the token
   */
  async verify(token: string, now = Date.now()): Promise<TokenUser> {
    if (token.length > LONGEST_TOKEN) throw refused('is too long')
    const { alg, kid } = headerOf(token)
    const hash = HMACS.get(alg)
    const payload =
      hash === undefined ? await this.#byKey(token, alg, kid) : this.#bySecret(token, hash)
    return this.#read(payload, now)
  }

  #bySecret(token: string, hash: string): string {
    const { secret } = this.#options
    if (secret === undefined) throw refused('is signed with an algorithm that is not taken here')
    const [head = '', payload = '', signature = ''] = token.split('.')
    const expected = createHmac(hash, secret).update(`${head}.${payload}`).digest()
    const given = Buffer.from(signature, 'base64url')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw refused('is not signed with the key of this server')
    }
    return Buffer.from(payload, 'base64url').toString('utf8')
  }

  async #byKey(token: string, alg: string, kid: string | undefined): Promise<string> {
    const own = this.#algorithms.includes(alg) ? this.#publicKey : undefined
    const fetches = this.#source && KNOWN.has(alg)
    const key = own ?? (fetches ? await this.#source?.find(alg, kid) : undefined)
    if (!key) {
      throw refused(
        fetches
          ? 'names no key that is known here'
          : 'is signed with an algorithm that is not taken here',
      )
    }
    try {
      const { payload } = await compactVerify(token, key, { algorithms: [alg] })
      return Buffer.from(payload).toString('utf8')
    } catch {
      throw refused('is not signed with the key of this server')
    }
  }

  #read(payload: string, now: number): TokenUser {
    const claims = objectOf(payload)
    const { issuer, audience, claim } = this.#options
    const seconds = now / 1000
    const expires = timeOf(claims, 'exp')
    const notBefore = timeOf(claims, 'nbf')
    if (expires !== undefined && expires <= seconds) throw refused('has expired')
    if (notBefore !== undefined && notBefore > seconds + LEEWAY) throw refused('is not valid yet')
    if (issuer !== undefined && claims['iss'] !== issuer) throw refused('has another issuer')
    if (audience !== undefined && ![claims['aud']].flat().includes(audience)) {
      throw refused('is for another audience')
    }
    const scopes = this.#scopesIn(claims)
    const user = Object.hasOwn(claims, claim) ? claims[claim] : undefined
    if (typeof user === 'number' && Number.isSafeInteger(user)) {
      return { user: String(user), expires: inMs(expires), scopes }
    }
    if (typeof user !== 'string' || user.length === 0 || user.length > LONGEST_USER) {
      throw refused(`names no user in its claim ${JSON.stringify(claim)}`)
    }
    return { user, expires: inMs(expires), scopes }
  }

  #scopesIn(claims: Record<string, unknown>): Scopes | undefined {
    const { scopes: name } = this.#options
    if (name === undefined) return undefined
    if (Object.hasOwn(claims, name)) {
      const scopes = scopesFrom(claims[name])
      if (!scopes) throw refused(`has no scopes in its claim ${JSON.stringify(name)}`)
      return scopes
    }
    if (!Object.hasOwn(claims, 'mercure')) return undefined
    const scopes = scopesFrom(fromMercure(claims['mercure']))
    if (!scopes) throw refused('has no scopes in its claim "mercure"')
    return scopes
  }
}

/**
 * Mercure's claim (its section 6): topics, of which `*` is everything. A topic is one channel there, whatever it would
 * mean as a rule here; its URI templates are not read, and match nothing but themselves.
 */
function fromMercure(claim: unknown): unknown {
  if (typeof claim !== 'object' || claim === null) return undefined
  const { publish, subscribe } = claim as Record<string, unknown>
  return { publish: fromTopics(publish), subscribe: fromTopics(subscribe) }
}

function fromTopics(list: unknown): unknown {
  return Array.isArray(list) ? list.map((topic: unknown) => fromTopic(topic)) : list
}

function fromTopic(topic: unknown): unknown {
  if (typeof topic !== 'string') return topic
  if (topic === '*') return '/'
  return quoteGlob(topic).replace(/\/$/, '[/]').replaceAll('{user}', '[{]user}')
}

const KNOWN = new Set(
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' '),
)

function readKey(pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    throw new Error(
      'access.jwt.publicKey, or users.jwt.publicKey, is not a public key in PEM (-----BEGIN PUBLIC KEY-----).',
    )
  }
  if (algorithmsOf(key).length === 0) {
    throw new Error(
      'access.jwt.publicKey, or users.jwt.publicKey, is a key that no algorithm for tokens here can use.',
    )
  }
  return key
}

function headerOf(token: string): { alg: string; kid: string | undefined } {
  let header: { alg?: unknown; crit?: unknown; kid?: unknown }
  try {
    header = decodeProtectedHeader(token)
  } catch {
    throw refused('is no JSON Web Token')
  }
  // RFC 7515, section 4.1.11: what must be understood and is not.
  if (header.crit !== undefined) throw refused('asks for an extension that is not known here')
  const parts = token.split('.')
  // Decoders pass over what is no base64url. Then a token could be written in many ways.
  if (typeof header.alg !== 'string' || parts.length !== 3 || !parts.every(isBase64url)) {
    throw refused('is no JSON Web Token')
  }
  return { alg: header.alg, kid: typeof header.kid === 'string' ? header.kid : undefined }
}

function isBase64url(text: string): boolean {
  return Buffer.from(text, 'base64url').toString('base64url') === text
}

function objectOf(payload: string): Record<string, unknown> {
  let claims: unknown
  try {
    claims = JSON.parse(payload)
  } catch {
    claims = undefined
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    throw refused('has no claims')
  }
  return claims as Record<string, unknown>
}

function timeOf(claims: Record<string, unknown>, name: string): number | undefined {
  const time = claims[name]
  if (time === undefined) return undefined
  if (typeof time !== 'number' || !Number.isFinite(time)) throw refused(`has no time as ${name}`)
  return time
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}

function refused(what: string): FanfareError {
  return new FanfareError('not_authorized', `The token ${what}.`)
}
