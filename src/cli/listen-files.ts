import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { UsageError } from './target.ts'

/** What the listener is told once. */
export interface ListenConfig {
  readonly host: string
  readonly port: number
  readonly channels: readonly string[]
  /** Empty: none. */
  readonly auth: string
  readonly tls?: boolean
  /** Notifications in so many seconds; with more, one stands for the rest. */
  readonly limit?: { readonly count: number; readonly seconds: number }
}

export interface ListenFiles {
  readonly config: string
  readonly state: string
  readonly pid: string
  readonly log: string
}

/** Where the listener's files are. @param config another configuration; it has a state of its own */
export function listenFiles(config?: string): ListenFiles {
  const { env } = process
  const home = homedir()
  const usual = join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'fanfare', 'listen.json')
  const folder = join(env['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'fanfare')
  const path = config === undefined ? usual : resolve(config)
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 8)
  const name = path === usual ? 'listen' : `listen-${hash}`
  return {
    config: path,
    state: join(folder, `${name}-state.json`),
    pid: join(folder, `${name}.pid`),
    log: join(folder, `${name}.log`),
  }
}

/** Configurations of Notistream, newest first, which has had two names. */
export function foreignConfigs(): readonly string[] {
  const paths = ['.lerner', '.notistream'].map((name) => join(homedir(), name, 'config.json'))
  return paths.filter((path) => existsSync(path))
}

/**
 * @param port where the file has none: Notistream's is Redis's own
 * @throws UsageError naming the file and what is wrong
 */
export function readConfig(path: string, port: number): ListenConfig {
  const wrong = (what: string): UsageError => new UsageError(`${path}: ${what}`)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw wrong((error as Error).message)
  }
  if (typeof value !== 'object' || value === null) throw wrong('is a JSON object')
  const config = { port, auth: '', ...value } as Record<string, unknown>
  const { host, channels, auth, tls, limit } = config
  if (typeof host !== 'string' || !isHost(host)) throw wrong('`host` is a name or an address')
  if (!isPort(config['port'])) throw wrong('`port` is a number from 1 to 65535')
  if (!Array.isArray(channels) || channels.length === 0 || !channels.every(isChannel)) {
    throw wrong('`channels` is a list of names, each of 1 to 512 bytes')
  }
  if (typeof auth !== 'string') throw wrong('`auth` is a text; empty: none')
  if (tls !== undefined && typeof tls !== 'boolean') throw wrong('`tls` is true or false')
  const { count, seconds } = (limit ?? { count: 1, seconds: 1 }) as Record<string, unknown>
  if (!isCount(count) || !isCount(seconds)) {
    throw wrong('`limit` is {"count": …, "seconds": …}, whole numbers from 1')
  }
  return config as unknown as ListenConfig
}

export function isHost(text: string): boolean {
  return text !== '' && URL.canParse(`redis://${text.includes(':') ? `[${text}]` : text}:1/`)
}

export function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535
}

export function isChannel(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 512
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 1_000_000
}

/** Writes JSON that only the user can read; at no moment is there half of it. */
export async function writePrivate(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomUUID()}.new`
  try {
    await writeFile(temporary, `${JSON.stringify(value, null, 4)}\n`, { mode: 0o600 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
