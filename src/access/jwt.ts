import { createHmac, createPublicKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { compactVerify, decodeProtectedHeader } from 'jose'
import { FanfareError } from '../model/errors.ts'

/** How tokens are verified; see `users.jwt` in the configuration. */
export interface JwtOptions {
  /** For HS256, HS384 and HS512. */
  readonly secret?: string | undefined
  /** For every other algorithm: PEM. */
  readonly publicKey?: string | undefined
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  /** The claim that is the id of the user. */
  readonly claim: string
}

/** What a valid token says. */
export interface TokenUser {
  readonly user: string
  /** When the token is none any more, in ms since 1970; undefined: never. */
  readonly expires: number | undefined
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

  private constructor(options: JwtOptions) {
    const { publicKey } = options
    this.#options = options
    this.#publicKey = publicKey === undefined ? undefined : readKey(publicKey)
    this.#algorithms = this.#publicKey ? algorithmsOf(this.#publicKey) : []
  }

  /**
   * Undefined when there is neither a secret nor a key: then there are no tokens.
   * @throws Error when the public key cannot be read
   */
  static from(options: JwtOptions | undefined): JwtVerifier | undefined {
    const { secret, publicKey } = options ?? {}
    if (!options || (secret === undefined && publicKey === undefined)) return undefined
    return new JwtVerifier(options)
  }

  /**
   * @param now ms since 1970
   * @throws FanfareError `not_authorized`, saying what is wrong with the token
   */
  async verify(token: string, now = Date.now()): Promise<TokenUser> {
    if (token.length > LONGEST_TOKEN) throw refused('is too long')
    const { alg } = headerOf(token)
    const hash = HMACS.get(alg)
    const payload = hash === undefined ? await this.#byKey(token, alg) : this.#bySecret(token, hash)
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

  async #byKey(token: string, alg: string): Promise<string> {
    if (!this.#publicKey || !this.#algorithms.includes(alg)) {
      throw refused('is signed with an algorithm that is not taken here')
    }
    try {
      const { payload } = await compactVerify(token, this.#publicKey, { algorithms: [alg] })
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
    const user = Object.hasOwn(claims, claim) ? claims[claim] : undefined
    if (typeof user === 'number' && Number.isSafeInteger(user)) {
      return { user: String(user), expires: inMs(expires) }
    }
    if (typeof user !== 'string' || user.length === 0 || user.length > LONGEST_USER) {
      throw refused(`names no user in its claim ${JSON.stringify(claim)}`)
    }
    return { user, expires: inMs(expires) }
  }
}

function readKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    throw new Error('users.jwt.publicKey is not a public key in PEM (-----BEGIN PUBLIC KEY-----).')
  }
}

/** What a key of its type can verify. */
function algorithmsOf({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details,
}: KeyObject): string[] {
  if (type === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (type === 'ed25519') return ['EdDSA', 'Ed25519']
  const curves = new Map([
    ['prime256v1', 'ES256'],
    ['secp384r1', 'ES384'],
    ['secp521r1', 'ES512'],
  ])
  const alg = type === 'ec' ? curves.get(details?.namedCurve ?? '') : undefined
  if (alg === undefined) {
    throw new Error('users.jwt.publicKey is a key that no algorithm for tokens here can use.')
  }
  return [alg]
}

function headerOf(token: string): { alg: string } {
  let header: { alg?: unknown; crit?: unknown }
  try {
    header = decodeProtectedHeader(token)
  } catch {
    throw refused('is no JSON Web Token')
  }
  // RFC 7515, section 4.1.11: what must be understood and is not.
  if (header.crit !== undefined) throw refused('asks for an extension that is not known here')
  if (typeof header.alg !== 'string' || token.split('.').length !== 3) {
    throw refused('is no JSON Web Token')
  }
  return { alg: header.alg }
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
