import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Scopes, scopesFrom } from './grants.ts'

/** A key as the file has it: what it may do, and not the key itself. */
export interface KeyRecord extends Scopes {
  /** Tells it from others of the same name; shown with it. */
  readonly id: string
  readonly name: string
  /** SHA-256 of the key, in hexadecimal digits. */
  readonly sha256: string
  /** The public key of who shows by CURVE (ZeroMQ) that it has the secret one, in Z85. */
  readonly curve?: string | undefined
  /** Whose id `{user}` is in its rules. */
  readonly user?: string | undefined
  /** ms since 1970. */
  readonly created: number
  readonly expires?: number | undefined
  readonly revoked?: number | undefined
}

/** What every key begins with: so that it is known for one wherever it is found. */
export const KEY_PREFIX = 'ffk_'

/** Bytes of a key that nobody can guess. */
const SECRET_BYTES = 32
const MOST_KEYS = 100_000
const MOST_BYTES = 64 * 2 ** 20

/** What is wrong with the file of keys, with what to do about it. */
export class KeysError extends Error {}

/** A new key: said once, and kept as its digest. */
export function newSecret(): string {
  return KEY_PREFIX + randomBytes(SECRET_BYTES).toString('base64url')
}

/**
 * Slow hashes protect passwords, which can be guessed. A key has 256 random bits: its digest by SHA-256 gives
 * nothing away, and costs a microsecond for each request.
 */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret, 'latin1').digest('hex')
}

/** The keys of one file, found by their digests. */
export class KeySet {
  readonly records: readonly KeyRecord[]
  readonly #byDigest: ReadonlyMap<string, KeyRecord>
  readonly #byCurve: ReadonlyMap<string, KeyRecord>
  /** Ids of those that were not revoked. */
  readonly #held: ReadonlySet<string>

  constructor(records: readonly KeyRecord[]) {
    this.records = records
    this.#byDigest = new Map(records.map((record) => [record.sha256, record]))
    // A public key may be given another record: one that was not revoked is what counts.
    const revokedFirst = records.toSorted((a, b) => Number(isHeld(a)) - Number(isHeld(b)))
    this.#byCurve = new Map(
      revokedFirst.flatMap((one) => (one.curve === undefined ? [] : [[one.curve, one]])),
    )
    this.#held = new Set(records.flatMap(({ id, revoked }) => (revoked === undefined ? [id] : [])))
  }

  /** @param secret as it was shown; found whether or not it still holds */
  find(secret: string): KeyRecord | undefined {
    const digest = digestOf(secret)
    const record = this.#byDigest.get(digest)
    // The time that a Map takes tells something of digests, which nobody can choose; the last word is timed by none.
    if (!record || !timingSafeEqual(Buffer.from(record.sha256), Buffer.from(digest)))
      return undefined
    return record
  }

  /** @param publicKey in Z85; its secret half was shown to be there; found whether or not it still holds */
  findCurve(publicKey: string): KeyRecord | undefined {
    return this.#byCurve.get(publicKey)
  }

  /** Whether a key is there and not revoked. @param id of the record */
  holds(id: string): boolean {
    return this.#held.has(id)
  }
}

function isHeld({ revoked }: KeyRecord): boolean {
  return revoked === undefined
}

/** Whether a text is 32 bytes in Z85 (ZeroMQ RFC 32), as keys of CURVE are written. */
export function isCurveKey(text: string): boolean {
  return /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/.test(text)
}

/**
 * Reads the file of keys; one that is not there has none.
 * @throws KeysError when it is damaged, or others than its owner may write to it
 */
export function readKeys(path: string): KeySet {
  let text: string
  try {
    const { mode, size } = statSync(path)
    // Whoever can write to it can make keys.
    if ((mode & 0o022) !== 0) {
      throw new KeysError(`${path} can be written to by others than its owner: chmod 600 ${path}`)
    }
    if (size > MOST_BYTES) throw new KeysError(`${path} has more than ${MOST_BYTES} bytes`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof KeysError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return new KeySet([])
    throw new KeysError(`${path} cannot be read: ${message}`)
  }
  return new KeySet(parseKeys(text, path))
}

/**
 * What a file of keys says.
 * @param path of the file, for people
 * @throws KeysError when it is none
 */
export function parseKeys(text: string, path: string): KeyRecord[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new KeysError(`${path} is no file of keys: ${why}. Put back a copy, or remove it.`)
  }
  const { version, keys } = (value ?? {}) as { version?: unknown; keys?: unknown }
  if (version !== 1 || !Array.isArray(keys)) {
    throw new KeysError(`${path} is no file of keys of this version: {"version": 1, "keys": […]}`)
  }
  if (keys.length > MOST_KEYS) throw new KeysError(`${path} has more than ${MOST_KEYS} keys`)
  return keys.map((key: unknown, index) => {
    const record = recordFrom(key)
    if (!record)
      throw new KeysError(`${path}: the key at ${index} is not as \`fanfare key\` writes it`)
    return record
  })
}

function recordFrom(value: unknown): KeyRecord | undefined {
  const scopes = scopesFrom(value)
  if (!scopes) return undefined
  const { id, name, sha256, curve, user, created, expires, revoked } = value as Record<
    string,
    unknown
  >
  if (typeof id !== 'string' || typeof name !== 'string') return undefined
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined
  if (curve !== undefined && !(typeof curve === 'string' && isCurveKey(curve))) return undefined
  if (user !== undefined && typeof user !== 'string') return undefined
  if (created === undefined || !isTime(created)) return undefined
  if (!isTime(expires) || !isTime(revoked)) return undefined
  return { id, name, sha256, curve, user, created, expires, revoked, ...scopes }
}

function isTime(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value))
}

/**
 * Changes the file of keys: whoever reads it sees all of the change or nothing.
 * @param change gives the records as they are to be
 * @throws KeysError when it cannot be read or written, or somebody else changes it at this moment
 */
export function changeKeys(
  path: string,
  change: (records: readonly KeyRecord[]) => readonly KeyRecord[],
): void {
  const fresh = `${path}.new`
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let file: number
  try {
    // Two changes at once would lose one: the new file is the lock, too.
    file = openSync(fresh, 'wx', 0o600)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw new KeysError(`${fresh} cannot be written: ${message}`)
    throw new KeysError(
      `${fresh} is there: another \`fanfare key\` is at work, or one was killed; remove it then`,
    )
  }
  try {
    const keys = change(readKeys(path).records)
    writeSync(file, `${JSON.stringify({ version: 1, keys }, undefined, 2)}\n`)
    fsyncSync(file)
    closeSync(file)
    renameSync(fresh, path)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}
