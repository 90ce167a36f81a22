import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readdir, stat, statfs } from 'node:fs/promises'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import type { FileStoreConfig, ResolvedConfig } from '../../config/types.ts'
import { formatId, idSecond } from '../../model/id.ts'
import { holderOf } from '../../stores/file/lock.ts'
import { viewLog } from '../../stores/file/tools.ts'
import { fail, type Finding, ok, type Patient, sizeOf, warn, wordsOf } from './check.ts'

/** The oldest Node.js that it runs on. */
const OLDEST: readonly [number, number] = [20, 10]
/** Files beside connections: logs, segments, libraries. */
const BESIDE = 500
/** What listeners here ask for. */
const BACKLOG = 4096
/** How far a clock may be off, in s. */
const MOST_OFF = 1
/** A certificate that ends sooner is warned of, in ms. */
const SOON = 14 * 86_400_000

export function checkNode(version = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [least, leastMinor] = OLDEST
  if (major > least || (major === least && minor >= leastMinor)) return ok('node', `v${version}`)
  return fail('node', `v${version}`, `Install Node.js ${OLDEST.join('.')} or later.`)
}

/** @param limits the text of a process's limits, as the kernel has it */
export function checkFiles(
  { config, running }: Patient,
  limits = read(`/proc/${running ?? 'self'}/limits`) || read('/proc/self/limits'),
): Finding {
  const what = 'open files'
  const { maxConnections } = config.limits
  const [, soft = '', hard = ''] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? []
  if (soft === '') return ok(what, 'this system does not say how many there may be')
  // Node raises its own bound as far as it may.
  const most = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
  if (most >= maxConnections + BESIDE) {
    return ok(what, `${hard} at most, for limits.maxConnections ${maxConnections}`)
  }
  return warn(
    what,
    `${most} at most, and limits.maxConnections is ${maxConnections}`,
    `Raise it (\`ulimit -n ${maxConnections + BESIDE}\`; in a unit of systemd LimitNOFILE=), or lower limits.maxConnections.`,
  )
}

export function checkBacklog(text = read('/proc/sys/net/core/somaxconn')): Finding {
  const what = 'somaxconn'
  const most = Number(text.trim())
  if (!(most > 0)) return ok(what, 'this system does not say')
  if (most >= BACKLOG) return ok(what, `${most} connections may wait to be accepted`)
  return warn(
    what,
    `only ${most} connections may wait to be accepted: a crowd that comes back at once is refused`,
    `sysctl -w net.core.somaxconn=${BACKLOG}`,
  )
}

/** The folder of a file store: whether it can be written to, its room, and its newest id. */
export async function checkFolder(
  name: string,
  store: FileStoreConfig,
  { running }: Patient,
): Promise<Finding[]> {
  const folder = resolve(store.path)
  const what = `store ${name}`
  const found: Finding[] = []
  try {
    if (existsSync(folder) && !statSync(folder).isDirectory()) throw new Error('it is no folder')
    accessSync(nearest(folder), constants.W_OK | constants.X_OK)
  } catch (error) {
    const advice = 'Have it belong to the user who runs the server, or choose another `store.path`.'
    return [fail(what, `${folder} cannot be written to: ${wordsOf(error)}`, advice)]
  }
  const holder = holderOf(folder)
  const user = holder ? `, open in process ${holder.pid} on ${holder.host}` : ''
  if (holder && running === undefined) {
    const advice = 'One server at a time: stop that one, or choose another `store.path`.'
    found.push(fail(what, `${folder} is in use${user}`, advice))
  } else found.push(ok(what, `${folder} can be written to${user}`))
  found.push(await checkRoom(what, folder, store))
  const names = existsSync(folder) ? readdirSync(folder) : []
  if (names.some((file) => file !== 'lock')) found.push(checkNewest(what, folder))
  return found
}

async function checkRoom(what: string, folder: string, store: FileStoreConfig): Promise<Finding> {
  const { bavail, bsize } = await statfs(nearest(folder))
  const free = bavail * bsize
  const most = store.max_bytes + 2 * store.segment_bytes
  const more = Math.max(0, most - (await bytesIn(folder)))
  if (free >= more) return ok(what, `${sizeOf(free)} free, and it may need ${sizeOf(more)} more`)
  return warn(
    what,
    `${sizeOf(free)} free, and it may need ${sizeOf(more)} more`,
    'Make room, or lower `store.max_bytes`: when the disk is full, publishing fails.',
  )
}

function checkNewest(what: string, folder: string): Finding {
  try {
    const { head } = viewLog(folder).catalog
    const ahead = idSecond(head) - Date.now() / 1000
    if (ahead <= MOST_OFF) return ok(what, `the clock is after the newest id, ${formatId(head)}`)
    return warn(
      what,
      `the newest id, ${formatId(head)}, is ${Math.ceil(ahead)} s ahead of the clock`,
      'Set the clock (NTP). Ids go on from there meanwhile, and times of messages with them.',
    )
  } catch (error) {
    return warn(what, `cannot be read: ${wordsOf(error)}`, `fanfare log verify ${folder}`)
  }
}

/** Certificates and keys, wherever the configuration has a `tls` with files. */
export function checkTls({ doors, stores, tls }: ResolvedConfig): Finding[] {
  const all = filesIn({ tls, ...doors, store: stores }, '')
  const each = all.map(({ path, kind, file }) => {
    const what = `${path}.${kind}`
    try {
      const text = readFileSync(file, 'utf8')
      if (kind === 'key') return ok(what, `${file} can be read`)
      const { validTo, subject } = new X509Certificate(text)
      const left = Date.parse(validTo) - Date.now()
      const words = `${file}: ${subject.replaceAll('\n', ', ')}, until ${validTo}`
      if (left < 0) return fail(what, words, 'It has ended: get a new one.')
      return left < SOON ? warn(what, words, 'It ends soon: get a new one.') : ok(what, words)
    } catch (error) {
      return fail(what, `${file}: ${wordsOf(error)}`, 'Give a PEM file that this user may read.')
    }
  })
  return [...each, ...checkPairs(all)]
}

/** Whether each key belongs to its certificate, where both can be read. */
function checkPairs(all: readonly TlsFile[]): Finding[] {
  return all.flatMap(({ path, kind, file }) => {
    const key = all.find((other) => kind === 'cert' && other.path === path && other.kind === 'key')
    if (!key) return []
    try {
      const certificate = new X509Certificate(readFileSync(file))
      if (certificate.checkPrivateKey(createPrivateKey(readFileSync(key.file)))) return []
    } catch {
      // Said of the file itself, unless it is a key of a form that node:tls may know.
      return []
    }
    const advice = 'Give the key that the certificate was made with.'
    return [fail(`${path}.key`, `${key.file} is not the key of ${file}`, advice)]
  })
}

interface TlsFile {
  readonly path: string
  readonly kind: string
  readonly file: string
}

function filesIn(value: unknown, path: string): TlsFile[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const isFile = /(?:^|\.)tls(?:\.|$)/.test(path) && ['ca', 'cert', 'key'].includes(key)
    if (isFile && typeof inner === 'string') return [{ path, kind: key, file: inner }]
    return filesIn(inner, path === '' ? key : `${path}.${key}`)
  })
}

/** The folder, or the one above it in which it will be made. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder))
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
