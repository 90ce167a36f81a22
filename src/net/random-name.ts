import { randomFillSync } from 'node:crypto'

/** Fetched at once: asking for a few bytes costs as much as asking for many. */
const pool = Buffer.allocUnsafeSlow(4096)
let at = pool.length

/**
 * A name that nobody can guess, in base64url.
 * @param bytes of randomness, at most 64
 */
export function randomName(bytes: number): string {
  if (at + bytes > pool.length) {
    randomFillSync(pool)
    at = 0
  }
  const name = pool.toString('base64url', at, at + bytes)
  // What was given away is nobody else's to find here.
  pool.fill(0, at, at + bytes)
  at += bytes
  return name
}
