import { createHmac, createPublicKey } from 'node:crypto'
import { JwtVerifier, type TokenUser } from '../../../src/access/jwt.ts'
import { readKeySet } from '../../../src/access/jwks.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { JSON_MARKS, must, orError, same, textOf, type Target } from '../engine.ts'

const SECRET = 'a secret of more than thirty-two bytes'
const NOW = 1_800_000_000_000

/** Public keys whose private ones are not kept, and what those have signed: `{"sub":"mona"}`. */
const EC = {
  kty: 'EC',
  crv: 'P-256',
  x: 'Hqm8R-dgG9imIvHWm4bQRCdOBziaaJ8It05H4s5kTAU',
  y: 'Yn87ysdLfi2Uuoleztqu8lFCXDayzfr2CEk0DOfv9h4',
}
const RSA = {
  kty: 'RSA',
  n: 'z3Z0ClIw9-0qT2_mIvawL_odN-UgOicP9APNUkG5kiSQz6BMyJn68ayzhWYoK9P1MyUR-wKTsLlK1GhVemaO5oxwMs02R1fecFCVmnvA68QQnx-emEWKWNfWbqBVAAReumVNS0BVOhyzGTFKiLycM8kRSjNaUgdvCcMbnwD5fRPbkJFMs6ON6tB1VOdEobmXuk4_GIRrg46xyNGyzrx3GZrPQHXHDuG-eu6Cy52QBACAb__j8BGgCUyhc5ZVmXMClwPKC3H25MBIsBfs8FyUj2ejI_wx_MlNKug_dRJcrLMBzu1U9tzHZuaNxPpNThDYBp1VcnsjZFStSkv4nk_0zQ',
  e: 'AQAB',
}
const ED = { kty: 'OKP', crv: 'Ed25519', x: 'YH-Ls7aXixTTo85Ww89EJ1KI0jv9Uqu-EWFHRG2KrDI' }
const ES256 =
  'eyJhbGciOiJFUzI1NiIsImtpZCI6IkVTMjU2In0.eyJzdWIiOiJtb25hIn0.ZTJU5usTKVjrOKBkEh1y__4uLq00EA60VSju8iJ23azfkbDhadVWo5v71pGZE8YvKnS3lrT2ayzj9eMr-6uHdg'
const RS256 =
  'eyJhbGciOiJSUzI1NiIsImtpZCI6IlJTMjU2In0.eyJzdWIiOiJtb25hIn0.rrD7s5FSXhkDSSmi-USLjLyVRt_RINKZFgZNKAFoXcdJB68Mce0C5QTTFl6LdnZXcD-DFHuiohV2uoPubJDtuh65zdx3iGt7TJVe_STUaY5bLbyVVRq8f95mURb6WGZsU05QoImgG42pUSr6QVAcrCkP2vBtRHC8Zt3zwFqJ2EIjxJ6TI3uykAQk6mhP0_IvdYrRXekFA22F1ll_gibsR6T20JusjK5ms5BMDzNUfAE7yfD_jKrta78CQCgnMXDqATP47Bc_B5G74fthlhiSj5aS1qd08bxxKFrRjj61srCogtlyuhWIHqXVxOZmN8zFiWFXmbKqjVDWrENBMQViEA'
const EDDSA =
  'eyJhbGciOiJFZERTQSIsImtpZCI6IkVkRFNBIn0.eyJzdWIiOiJtb25hIn0.yS0qJ4W0l4CsMtQj5djZMh7jXSkt1sqKlYGSHM8apKhq4G8OUMgvnlNWZaDgbNZVD7SY2J9xoYsu5UHXMpbuAA'

function pem(jwk: Record<string, string>): string {
  return createPublicKey({ key: jwk, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}

/** @param key of the signature; what is public makes a forgery */
function signed(claims: string, header = '{"alg":"HS256"}', key = SECRET): string {
  const text = `${base64url(header)}.${base64url(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

function verifier(publicKey: Record<string, string> | undefined, secret?: string): JwtVerifier {
  const keys = { publicKey: publicKey && pem(publicKey), secret }
  const made = JwtVerifier.from({ claim: 'sub', scopes: 'fanfare', ...keys })
  if (!made) throw new Error('there is nothing to verify with')
  return made
}

async function verified(by: JwtVerifier, token: string): Promise<TokenUser | undefined> {
  try {
    return await by.verify(token, NOW)
  } catch (error) {
    if (!(error instanceof FanfareError) || error.code !== 'not_authorized') throw error
    return undefined
  }
}

const HS256 = signed('{"sub":"mona","exp":1800000060}')
const [HEAD = '', CLAIMS = '', SIGNATURE = ''] = HS256.split('.')
/** With what each is verified. */
const SIGNED = new Map([
  [HS256, 'secret'],
  [ES256, 'EC'],
  [RS256, 'RSA'],
  [EDDSA, 'ED'],
])
const BY: readonly (readonly [string, JwtVerifier])[] = [
  ['EC', verifier(EC)],
  ['RSA', verifier(RSA)],
  ['ED', verifier(ED)],
  ['secret', verifier(undefined, SECRET)],
]
const BOTH = verifier(EC, SECRET)

const jwt: Target = {
  name: 'jwt-token',
  reads: 'JSON Web Tokens',
  holds: 'only a token that was signed is one, to the letter, and only for the key that signed it',
  seeds: [
    ...SIGNED.keys(),
    // What is public is no secret.
    signed('{"sub":"mona"}', '{"alg":"HS256"}', pem(EC)),
    signed('{"sub":"mona"}', '{"alg":"HS256"}', pem(RSA)),
    signed('{"sub":"mona"}', '{"alg":"HS256"}', ''),
    `${base64url('{"alg":"none"}')}.${CLAIMS}.`,
    `${base64url('{"alg":"ES256"}')}.${CLAIMS}.${'A'.repeat(86)}`,
    `${base64url('{"alg":"HS256","crit":["b64"],"b64":false}')}.{"sub":"mona"}.${SIGNATURE}`,
  ],
  tokens: [
    '.',
    '=',
    '-',
    '_',
    'A',
    HEAD,
    CLAIMS,
    SIGNATURE,
    ...[EC, RSA, ED].map((key) => base64url(JSON.stringify({ alg: 'ES256', jwk: key }))),
    ...['none', 'HS256', 'HS512', 'ES256', 'RS256', 'PS256', 'EdDSA', '__proto__'].map((alg) =>
      base64url(JSON.stringify({ alg })),
    ),
  ],
  longest: 20_000,
  async check(input, random) {
    const owner = SIGNED.get(input)
    const [name, by] = random.pick(BY)
    const found = await verified(by, input)
    must(found === undefined || owner === name, `verified by ${name}, and not signed so`)
    if (owner === name) same(found?.user, 'mona', 'the user')
    const either = await verified(BOTH, input)
    same(either !== undefined, owner === 'EC' || owner === 'secret', 'what both keys say')
  },
}

const SIGNER = verifier(undefined, SECRET)

const claims: Target = {
  name: 'jwt-claims',
  reads: 'claims of tokens that are signed',
  holds: 'the user and the end that JSON.parse finds, while it lasts; or refused',
  seeds: [
    '{"sub":"mona","exp":1800000060,"nbf":1700000000}',
    '{"sub":7,"fanfare":{"publish":["a/"],"subscribe":["/"],"manage":true}}',
    '{"sub":"x","mercure":{"publish":["*"],"subscribe":["https://example.com/{id}"]}}',
    '{"sub":"x","aud":["a"],"iss":"b","iat":1}',
    '{"sub":"a","sub":"b"}',
  ],
  tokens: [
    ...JSON_MARKS,
    'true',
    '1e400',
    '-1',
    '"*"',
    '"sub":',
    '"exp":',
    '"nbf":',
    '"fanfare":',
    '"mercure":',
    '"publish":',
    '"subscribe":',
    '"history":',
    '"__proto__":',
    '"constructor":',
    '\\u0000',
    '\\ud800',
    '1799999999',
  ],
  async check(input) {
    const text = textOf(input)
    const found = await verified(SIGNER, signed(text))
    if (!found) return
    const said = JSON.parse(text) as Record<string, unknown>
    same(found.user, String(said['sub']), 'the user')
    must(found.user.length > 0 && found.user.length <= 255, 'a user beyond the bound')
    if (said['exp'] === undefined) same(found.expires, undefined, 'an end that nobody said')
    else {
      same(found.expires, Number(said['exp']) * 1000, 'the end')
      must((found.expires ?? 0) > NOW, 'it has ended')
    }
    if (typeof said['nbf'] === 'number') must(said['nbf'] <= NOW / 1000 + 5, 'it has not begun')
    const scoped = Object.hasOwn(said, 'fanfare') || Object.hasOwn(said, 'mercure')
    same(found.scopes !== undefined, scoped, 'whether it says what it may do')
    for (const rules of [found.scopes?.publish, found.scopes?.history]) {
      must(
        (rules ?? []).every((rule) => typeof rule === 'string' && rule !== ''),
        'a rule that is none',
      )
    }
  },
}

const jwks: Target = {
  name: 'jwks',
  reads: 'documents of JSON Web Keys',
  holds: 'public keys and nothing else, each with algorithms of its kind; or what is wrong',
  seeds: [
    JSON.stringify({ keys: [{ kid: '1', use: 'sig', ...EC }, { alg: 'RS256', ...RSA }, ED] }),
    JSON.stringify({ keys: [{ kty: 'oct', k: base64url(SECRET) }, ED] }),
    JSON.stringify({
      keys: [
        { ...EC, d: EC.x },
        { ...RSA, alg: 'none' },
      ],
    }),
    '{"keys":[]}',
  ],
  tokens: [
    ...JSON_MARKS,
    '1',
    JSON.stringify(ED),
    '"keys":[',
    '"kty":"EC"',
    '"crv":"P-384"',
    '"crv":"secp256k1"',
    '"kty":"oct"',
    '"alg":',
    '"kid":',
    '"use":"enc"',
    '"x":',
    '"y":',
    '"n":',
    '"e":"AA"',
    '"__proto__":',
    '"ES256"',
  ],
  longest: 2_000,
  check(input) {
    const text = textOf(input)
    const read = orError(
      () => readKeySet(text),
      (wrong) => wrong instanceof SyntaxError || /^it (is|has) /.test((wrong as Error).message),
    )
    if (read.error) return
    const keys = read.value
    must(
      keys.length <= (JSON.parse(text) as { keys: unknown[] }).keys.length,
      'keys out of nothing',
    )
    for (const { key, kid, algorithms } of keys) {
      same(key.type, 'public', 'what is kept')
      must(kid === undefined || typeof kid === 'string', 'a name that is none')
      const kind = key.asymmetricKeyType === 'rsa' ? /^[RP]S/ : /^(ES|Ed)/
      must(
        algorithms.every((one) => kind.test(one)),
        `${algorithms.join()} of a key of ${key.asymmetricKeyType}`,
      )
    }
  },
}

export const TOKENS: readonly Target[] = [jwt, claims, jwks]
