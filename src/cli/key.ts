import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { accessKey } from '../access/config.ts'
import {
  changeKeys,
  digestOf,
  isCurveKey,
  type KeyRecord,
  KeysError,
  newSecret,
  readKeys,
} from '../access/keys.ts'
import { ConfigError, formatProblems, loadConfig } from '../config/index.ts'
import { doorOf, type ResolvedConfig } from '../config/types.ts'
import { parseDuration } from '../config/units.ts'
import { configSchema } from '../server/schema.ts'
import { colors } from './config.ts'
import type { Format, KeyCreateFlags, KeyFlags } from './flags.ts'
import { printable } from './printable.ts'
import { UsageError } from './target.ts'

const LONGEST_NAME = 100

/** Makes a key, and shows it. @returns the exit code */
export function createKey(name: string, flags: KeyCreateFlags): number {
  return told(() => {
    if (name === '' || name.length > LONGEST_NAME) {
      throw new UsageError(`a name has 1 to ${LONGEST_NAME} characters`)
    }
    const { publish, subscribe, presence, manage = false } = flags
    if (publish.length + subscribe.length + presence.length === 0 && !manage) {
      throw new UsageError('say what it may do: --publish, --subscribe, --presence, --manage')
    }
    const { curve } = flags
    if (curve !== undefined && !isCurveKey(curve)) {
      throw new UsageError('--curve takes a public key of CURVE: 40 characters of Z85')
    }
    const path = pathOf(flags)
    const secret = newSecret()
    const record: KeyRecord = {
      id: randomBytes(6).toString('hex'),
      name,
      sha256: digestOf(secret),
      curve,
      user: flags.user,
      created: Date.now(),
      expires: flags.expires === undefined ? undefined : timeOf(flags.expires),
      publish,
      subscribe,
      history: flags.history ?? subscribe,
      presence,
      manage,
    }
    changeKeys(path, (records) => {
      if (records.some((one) => one.name === name && one.revoked === undefined)) {
        throw new UsageError(`there is a key named ${name}: revoke it, or take another name`)
      }
      const same = records.find((one) => one.curve === curve && one.revoked === undefined)
      if (curve !== undefined && same) {
        throw new UsageError(`that public key is ${same.name}'s: revoke it, or take another`)
      }
      return [...records, record]
    })
    if (flags.json) console.log(JSON.stringify({ key: secret, ...shown(record) }))
    else {
      // The key by itself, for whoever puts it into a file.
      console.log(secret)
      console.error(`${line(record)}\nIt is not shown again: ${path} has only its digest.`)
    }
  })
}

/** @returns the exit code */
export function listKeys(flags: KeyFlags): number {
  return told(() => {
    const { records } = readKeys(pathOf(flags))
    if (flags.json) console.log(JSON.stringify(records.map(shown)))
    else if (records.length === 0) console.error('There are no keys.')
    else for (const record of records) console.log(line(record))
  })
}

/** @returns the exit code */
export function showKey(which: string, flags: KeyFlags): number {
  return told(() => {
    const record = find(readKeys(pathOf(flags)).records, which)
    if (flags.json) console.log(JSON.stringify(shown(record)))
    else {
      console.log(line(record))
      for (const action of ['publish', 'subscribe', 'history', 'presence'] as const) {
        const rules = record[action].join(' ')
        console.log(printable(`  ${action.padEnd(10)} ${rules === '' ? 'nothing' : rules}`))
      }
      console.log(`  ${'manage'.padEnd(10)} ${record.manage ? 'yes' : 'no'}`)
      if (record.curve !== undefined) console.log(`  ${'curve'.padEnd(10)} ${record.curve}`)
    }
  })
}

/** @returns the exit code */
export function revokeKey(which: string, flags: KeyFlags): number {
  return told(() => {
    let revoked: KeyRecord | undefined
    changeKeys(pathOf(flags), (records) => {
      const found = find(records, which)
      revoked = { ...found, revoked: found.revoked ?? Date.now() }
      return records.map((one) => (one === found && revoked ? revoked : one))
    })
    if (!revoked) return
    if (flags.json) console.log(JSON.stringify(shown(revoked)))
    else console.log(line(revoked))
  })
}

/** Those that hold go before those that were revoked: a name may be taken again. */
function find(records: readonly KeyRecord[], which: string): KeyRecord {
  const named = records.filter(({ id, name }) => id === which || name === which)
  const found = named.find(({ revoked }) => revoked === undefined) ?? named.at(-1)
  if (!found) throw new UsageError(`there is no key ${which}; \`fanfare key list\` has all`)
  return found
}

/** Everything but what tells the key. */
function shown(record: KeyRecord): Omit<KeyRecord, 'sha256'> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== 'sha256')) as KeyRecord
}

function line({ id, name, expires, revoked, manage, ...record }: KeyRecord): string {
  const can = (['publish', 'subscribe'] as const).flatMap((action) =>
    record[action].length > 0 ? [`${action} ${record[action].join(' ')}`] : [],
  )
  const words = [...can, ...(manage ? ['manage'] : [])].join(', ')
  const until =
    revoked !== undefined
      ? `revoked ${dateOf(revoked)}`
      : expires === undefined
        ? 'never expires'
        : `${expires <= Date.now() ? 'expired' : 'expires'} ${dateOf(expires)}`
  return printable(`${id}  ${name}  ${words}  ${until}`)
}

function dateOf(time: number): string {
  return new Date(time).toISOString().replace(/:\d\d\.\d+Z$/, 'Z')
}

/** @returns ms since 1970 */
function timeOf(text: string): number {
  const duration = /^\d/.test(text) && !/^\d{4}-/.test(text) ? parseDuration(text) : undefined
  const time = duration === undefined ? Date.parse(text) : Date.now() + duration
  if (Number.isNaN(time))
    throw new UsageError(`--expires takes 12h, 90d or 2030-01-31, not ${text}`)
  if (time <= Date.now()) throw new UsageError('--expires is over already')
  return time
}

function pathOf(flags: KeyFlags): string {
  if (flags.file !== undefined) return resolve(flags.file)
  const { keys } = doorOf(configFrom(flags), 'access', accessKey)
  return resolve(keys)
}

/** The configuration as `fanfare serve` would have it. @throws ConfigError */
export function configFrom({
  config: file,
  format,
}: {
  readonly config?: string
  readonly format?: Format
}): ResolvedConfig {
  return loadConfig(configSchema(), { file, format, env: process.env }).config
}

/** Does something, and says in words what went wrong. @returns the exit code */
export function told(work: () => void): number {
  try {
    work()
    return 0
  } catch (error) {
    return tell(error)
  }
}

/** @returns the exit code */
export function tell(error: unknown): number {
  if (error instanceof ConfigError) {
    console.error(formatProblems(error.problems, { color: colors() }))
    return 1
  }
  if (!(error instanceof UsageError) && !(error instanceof KeysError)) throw error
  console.error(`fanfare: ${printable(error.message)}`)
  return 1
}
