import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { curveKeyPair } from 'zeromq'
import { expect, it } from 'vitest'
import { isCurveKey } from '../../../src/access/keys.ts'
import { curveKeyOf, fromZ85, z85 } from '../../../src/protocols/sparkleshare/zeromq/curve.ts'
import { greetingOf, mayGreet } from '../../../src/protocols/sparkleshare/zeromq/greeting.ts'
import { folder } from '../../access/keyed.ts'

it('writes bytes as RFC 32 does', () => {
  const bytes = Buffer.from('864fd26fb559f75b', 'hex')
  expect(z85(bytes)).toBe('HelloWorld')
  expect(fromZ85('HelloWorld')).toEqual(bytes)
  for (let n = 0; n < 1000; n++) {
    const any = randomBytes(32)
    expect(isCurveKey(z85(any))).toBe(true)
    expect(fromZ85(z85(any))).toEqual(any)
  }
})

it('finds the public half that libzmq finds', () => {
  const path = join(folder(), 'key')
  const pair = curveKeyPair()
  writeFileSync(path, pair.secretKey, { mode: 0o600 })
  expect(curveKeyOf(path)).toEqual({ secret: pair.secretKey, public: pair.publicKey })
})

it('makes a key once, for nobody but its owner', () => {
  const path = join(folder(), 'deep', 'key')
  const key = curveKeyOf(path)
  expect(isCurveKey(key.public)).toBe(true)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(curveKeyOf(path)).toEqual(key)
  expect(readdirSync(join(path, '..'))).toEqual(['key'])
})

it('does not use one that others can read, or what is none, and leaves it as it is', () => {
  const path = join(folder(), 'key')
  curveKeyOf(path)
  chmodSync(path, 0o640)
  expect(() => curveKeyOf(path)).toThrow(/chmod 600/)
  const other = join(folder(), 'other')
  writeFileSync(other, 'not a key', { mode: 0o600 })
  expect(() => curveKeyOf(other)).toThrow(/40 characters of Z85/)
  expect(() => curveKeyOf(join(other, 'x'))).toThrow(/cannot be/)
  expect(existsSync(other)).toBe(true)
})

it('tells a greeting from its first byte on', () => {
  const greeting = greetingOf('CURVE')
  for (let length = 0; length <= greeting.length; length++) {
    expect(mayGreet(greeting.subarray(0, length), 'CURVE')).toBe(true)
  }
  expect(mayGreet(greeting, 'PLAIN')).toBe(false)
  const old = Buffer.from(greeting)
  old[10] = 1
  expect(mayGreet(old, 'CURVE')).toBe(false)
  expect(mayGreet(Buffer.from('GET /'), 'CURVE')).toBe(false)
  // Its name goes on.
  const longer = Buffer.from(greeting)
  longer[17] = 0x58
  expect(mayGreet(longer, 'CURVE')).toBe(false)
})
