import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { CompactSign } from 'jose'
import { expect, it, onTestFinished } from 'vitest'
import { JwtVerifier } from '../../src/access/jwt.ts'
import { folder } from './keyed.ts'

interface Pair {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

function pair(kid: string): Pair {
  return { kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }
}

const jwk = ({ kid, publicKey }: Pair): object => ({ ...publicKey.export({ format: 'jwk' }), kid })

/** A server of keys, and how often it was asked. */
async function keyServer(keys: object[]) {
  const state = { keys, asked: 0, status: 200 }
  const server = createServer((_request, response) => {
    state.asked++
    response.statusCode = state.status
    response.end(JSON.stringify({ keys: state.keys }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(state, { url: `http://127.0.0.1:${port}/jwks.json` })
}

function verifier(jwks: string, more: object = {}) {
  const errors: unknown[] = []
  const options = { claim: 'sub', jwks, refetch: 0, ...more }
  const found = JwtVerifier.from(options, (error) => errors.push(error))
  if (!found) throw new Error('no verifier')
  return { verify: (token: string) => found.verify(token), errors }
}

function sign({ kid, privateKey }: Pair, header: object = { kid }, alg = 'ES256'): Promise<string> {
  const claims = Buffer.from(JSON.stringify({ sub: 'u' }))
  return new CompactSign(claims).setProtectedHeader({ alg, ...header }).sign(privateKey)
}

/** A token that is signed with what is public. */
function forge(key: string | Buffer, kid: string): string {
  const head = Buffer.from(JSON.stringify({ alg: 'HS256', kid })).toString('base64url')
  const text = `${head}.${Buffer.from('{"sub":"u"}').toString('base64url')}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

it('keys are asked for once, and again for one that is not known: they may be others now', async () => {
  const [one, two] = [pair('1'), pair('2')]
  const server = await keyServer([jwk(one)])
  const { verify } = verifier(server.url)
  expect(await verify(await sign(one))).toMatchObject({ user: 'u' })
  expect(await verify(await sign(one))).toMatchObject({ user: 'u' })
  expect(server.asked).toBe(1)
  server.keys = [jwk(two)]
  expect(await verify(await sign(two))).toMatchObject({ user: 'u' })
  await expect(verify(await sign(one))).rejects.toMatchObject({ code: 'not_authorized' })
})

it('unknown keys do not make it ask without end', async () => {
  const one = pair('1')
  const server = await keyServer([jwk(one)])
  const { verify } = verifier(server.url, { refetch: 600_000 })
  await verify(await sign(one))
  for (let n = 0; n < 20; n++) {
    const token = await sign(one, { kid: `no ${n}` })
    await expect(verify(token)).rejects.toMatchObject({ code: 'not_authorized' })
  }
  expect(server.asked).toBe(1)
})

it('a source that is away takes nobody out, and lets nobody in', async () => {
  const one = pair('1')
  const server = await keyServer([jwk(one)])
  server.status = 500
  const { verify, errors } = verifier(server.url, { maxAge: 0 })
  await expect(verify(await sign(one))).rejects.toMatchObject({ code: 'access_unavailable' })
  expect(String(errors[0])).toContain('answered 500')
  server.status = 200
  await verify(await sign(one))
  server.status = 500
  expect(await verify(await sign(one))).toMatchObject({ user: 'u' })
})

it('a public key is nobody’s secret, and secrets in a set are none', async () => {
  const one = pair('1')
  const secret = Buffer.from('a secret of more than thirty-two bytes')
  const oct = { kty: 'oct', kid: 's', k: secret.toString('base64url') }
  const server = await keyServer([jwk(one), oct])
  const { verify } = verifier(server.url)
  const pem = one.publicKey.export({ type: 'spki', format: 'pem' })
  const forged = [forge(pem, '1'), forge(secret, 's'), forge(JSON.stringify(jwk(one)), '1')]
  for (const token of forged) {
    await expect(verify(token)).rejects.toMatchObject({ code: 'not_authorized' })
  }
  const none = `${Buffer.from('{"alg":"none","kid":"1"}').toString('base64url')}.e30.`
  await expect(verify(none)).rejects.toMatchObject({ code: 'not_authorized' })
})

it('a token that leaves open which of several keys it means is refused', async () => {
  const [one, two] = [pair('1'), pair('2')]
  const server = await keyServer([jwk(one), jwk(two)])
  const { verify } = verifier(server.url)
  await expect(verify(await sign(one, {}))).rejects.toMatchObject({ code: 'not_authorized' })
})

it('a file will do', async () => {
  const one = pair('1')
  const path = join(folder(), 'jwks.json')
  writeFileSync(path, JSON.stringify({ keys: [jwk(one)] }))
  const { verify } = verifier(path)
  expect(await verify(await sign(one))).toMatchObject({ user: 'u' })
})
