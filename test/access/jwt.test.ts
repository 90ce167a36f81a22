import { createHmac, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { type JwtOptions, JwtVerifier } from '../../src/access/jwt.ts'

const SECRET = 'a secret of more than thirty-two bytes'
const NOW = 1_800_000_000_000
const SOON = NOW / 1000 + 60

function verifier(options: Partial<JwtOptions>): JwtVerifier {
  const made = JwtVerifier.from({ claim: 'sub', ...options })
  if (!made) throw new Error('there is nothing to verify with')
  return made
}

function hs256(claims: object, secret = SECRET, header: object = { alg: 'HS256' }): string {
  const text = `${base64url(header)}.${base64url(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

describe('a secret', () => {
  const bySecret = verifier({ secret: SECRET })

  it('verifies, and tells the user and when the token ends', async () => {
    const token = hs256({ sub: 'mona', exp: SOON })

    expect(await bySecret.verify(token, NOW)).toEqual({ user: 'mona', expires: SOON * 1000 })
  })

  it.each(['HS384', 'HS512'])('verifies %s as other libraries sign it', async (alg) => {
    const token = await new SignJWT({ sub: '7' })
      .setProtectedHeader({ alg })
      .sign(Buffer.from(SECRET))

    expect(await bySecret.verify(token, NOW)).toEqual({ user: '7', expires: undefined })
  })

  it('takes a whole number as a user', async () => {
    expect(await bySecret.verify(hs256({ sub: 7 }), NOW)).toMatchObject({ user: '7' })
  })

  it.each([
    ['another secret', hs256({ sub: '1' }, 'another secret of that length')],
    ['no algorithm', `${base64url({ alg: 'none' })}.${base64url({ sub: '1' })}.`],
    ['no algorithm in other letters', hs256({ sub: '1' }, SECRET, { alg: 'None' })],
    ['an algorithm of keys', hs256({ sub: '1' }, SECRET, { alg: 'RS256' })],
    ['an extension', hs256({ sub: '1' }, SECRET, { alg: 'HS256', crit: ['b64'], b64: false })],
    ['padding', `${hs256({ sub: '1' })}=`],
    ['what is no base64url among it', hs256({ sub: '1' }).replace(/(.{5})$/, 'µ$1')],
    ['a signature cut short', hs256({ sub: '1' }).slice(0, -2)],
    ['no user', hs256({ name: 'mona' })],
    ['an empty user', hs256({ sub: '' })],
    ['half a user', hs256({ sub: 1.5 })],
    ['a user of 256 characters', hs256({ sub: 'x'.repeat(256) })],
    ['a past', hs256({ sub: '1', exp: NOW / 1000 })],
    ['an end that is no time', hs256({ sub: '1', exp: 'never' })],
    ['a future', hs256({ sub: '1', nbf: SOON })],
    ['claims that are none', hs256([1])],
    ['nothing of a token', 'test'],
    ['two parts', hs256({ sub: '1' }).split('.').slice(0, 2).join('.')],
    ['more than a token', 'x'.repeat(20_000)],
  ])('refuses a token with %s', async (_what, token) => {
    await expect(bySecret.verify(token, NOW)).rejects.toMatchObject({ code: 'not_authorized' })
  })

  it('says that a token has expired', async () => {
    await expect(bySecret.verify(hs256({ sub: '1', exp: 1 }), NOW)).rejects.toThrow(
      'The token has expired.',
    )
  })
})

describe('issuer, audience and claim', () => {
  const strict = verifier({
    secret: SECRET,
    issuer: 'https://id.example',
    audience: 'push',
    claim: 'uid',
  })
  const good = { iss: 'https://id.example', aud: ['mail', 'push'], uid: 'mona', sub: 'other' }

  it('are asked for', async () => {
    expect(await strict.verify(hs256(good), NOW)).toMatchObject({ user: 'mona' })
    expect(await strict.verify(hs256({ ...good, aud: 'push' }), NOW)).toMatchObject({
      user: 'mona',
    })
  })

  it.each([
    { ...good, iss: 'https://elsewhere.example' },
    { ...good, iss: undefined },
    { ...good, aud: 'mail' },
    { ...good, aud: undefined },
    { ...good, uid: undefined },
  ])('refuse %j', async (claims) => {
    await expect(strict.verify(hs256(claims), NOW)).rejects.toMatchObject({
      code: 'not_authorized',
    })
  })
})

describe('a public key', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ed = generateKeyPairSync('ed25519')

  it.each([
    ['ES256', ec],
    ['RS256', rsa],
    ['PS512', rsa],
    ['EdDSA', ed],
  ] as const)('verifies %s', async (alg, { publicKey, privateKey }) => {
    const token = await new SignJWT({ sub: 'mona' }).setProtectedHeader({ alg }).sign(privateKey)

    const found = await verifier({ publicKey: pem(publicKey) }).verify(token, NOW)
    expect(found.user).toBe('mona')
  })

  it('is nobody’s secret: a token signed with its text is refused', async () => {
    const text = pem(rsa.publicKey)

    await expect(
      verifier({ publicKey: text }).verify(hs256({ sub: '1' }, text), NOW),
    ).rejects.toMatchObject({ code: 'not_authorized' })
    await expect(
      verifier({ publicKey: text, secret: SECRET }).verify(hs256({ sub: '1' }, text), NOW),
    ).rejects.toMatchObject({ code: 'not_authorized' })
  })

  it('refuses what another key signed, and algorithms of other keys', async () => {
    const token = await new SignJWT({ sub: '1' })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)

    for (const publicKey of [ec.publicKey, ed.publicKey]) {
      await expect(
        verifier({ publicKey: pem(publicKey) }).verify(token, NOW),
      ).rejects.toMatchObject({ code: 'not_authorized' })
    }
  })

  it('that cannot be read is a mistake in the configuration', () => {
    expect(() => verifier({ publicKey: 'test' })).toThrow('users.jwt.publicKey')
  })
})

it('is not there when there is neither', () => {
  expect(JwtVerifier.from({ claim: 'sub' })).toBeUndefined()
  expect(JwtVerifier.from(undefined)).toBeUndefined()
})

function pem(key: { export(options: { type: 'spki'; format: 'pem' }): string | Buffer }): string {
  return String(key.export({ type: 'spki', format: 'pem' }))
}
