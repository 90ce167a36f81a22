/** Keys of CURVE (ZeroMQ RFC 26): 32 bytes of Curve25519, written in Z85 (RFC 32). */
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isCurveKey } from '../../../access/keys.ts'

const DIGITS =
  '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#'

/** What is wrong with the file of the server's key, with what to do about it. */
export class CurveKeyError extends Error {}

export interface CurveKey {
  /** In Z85. */
  readonly secret: string
  readonly public: string
}

/**
 * The server's key; one that is not there is made.
 * @throws CurveKeyError when the file cannot be used
 */
export function curveKeyOf(path: string): CurveKey {
  const secret = read(path) ?? make(path)
  return { secret, public: publicOf(secret) }
}

/** Bytes in Z85: five digits for four bytes. @param bytes a multiple of four */
export function z85(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    const value = bytes.readUInt32BE(at)
    for (let place = 85 ** 4; place >= 1; place /= 85) {
      text += DIGITS.charAt(Math.floor(value / place) % 85)
    }
  }
  return text
}

/** @param text five digits for four bytes each; what is beyond 32 bits is cut off */
export function fromZ85(text: string): Buffer {
  const bytes = Buffer.alloc((text.length / 5) * 4)
  for (let at = 0; at < text.length; at += 5) {
    let value = 0
    for (const digit of text.slice(at, at + 5)) value = value * 85 + DIGITS.indexOf(digit)
    bytes.writeUInt32BE(value % 2 ** 32, (at / 5) * 4)
  }
  return bytes
}

/** What stands in front of 32 bytes to make them a private key of X25519 in DER (RFC 8410). */
const DER = Buffer.from('302e020100300506032b656e04220420', 'hex')

function publicOf(secret: string): string {
  const key = Buffer.concat([DER, fromZ85(secret)])
  const made = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  return z85(made.export({ format: 'der', type: 'spki' }).subarray(-32))
}

/** @returns undefined when it is not there */
function read(path: string): string | undefined {
  let text: string
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new CurveKeyError(
        `${path} can be read by others than its owner, who could pass for this server: chmod 600 ${path}`,
      )
    }
    text = readFileSync(path, 'latin1').trim()
  } catch (error) {
    if (error instanceof CurveKeyError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new CurveKeyError(`${path} cannot be read: ${message}`)
  }
  if (isCurveKey(text)) return text
  throw new CurveKeyError(
    `${path} is no secret key of CURVE, which has 40 characters of Z85. Put back a copy, or remove it.`,
  )
}

/** Whole or not at all, and never in place of one that somebody else has made meanwhile. */
function make(path: string): string {
  const secret = z85(randomBytes(32))
  const fresh = `${path}.${process.pid}.new`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(fresh, `${secret}\n`, { flag: 'wx', mode: 0o600, flush: true })
    linkSync(fresh, path)
    return secret
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const others = code === 'EEXIST' ? read(path) : undefined
    if (others !== undefined) return others
    throw new CurveKeyError(`${path} cannot be written: ${message}`)
  } finally {
    rmSync(fresh, { force: true })
  }
}
