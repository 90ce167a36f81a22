import {
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'

/** How often the holder shows that it is there, in ms: for machines that cannot see its process. */
const BEAT = 5_000
/** A lock of another machine that nobody touched for so long is nobody's, in ms. */
const STALE = 30_000

/** Who has a log open. */
export interface Holder {
  readonly pid: number
  readonly host: string
  /** ISO 8601. */
  readonly since: string
  /** When the process began, as the kernel counts; '' where it does not say. */
  readonly started: string
  /** This run of the machine; '' where it does not say. */
  readonly boot: string
}

/** What another process left when it ended without closing the log. */
export type LeftBehind = Holder | 'unknown' | undefined

/** Logs that this process has open: its own id in a lock may also be that of one before it. */
const held = new Set<string>()

/** One process at a time: a file that names it. */
export class FolderLock {
  /** The former holder, if it did not close the log. */
  readonly left: LeftBehind
  readonly #path: string
  readonly #beat: NodeJS.Timeout

  /**
   * Makes the folder if it is not there, for this user alone: it has what users were sent.
   * @throws Error that names the holder when another process has the log open
   */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#path = resolve(join(folder, 'lock'))
    if (held.has(this.#path)) throw new Error(`${folder} is open in this very process already`)
    this.left = take(this.#path, folder)
    held.add(this.#path)
    this.#beat = setInterval(() => touch(this.#path), BEAT).unref()
  }

  release(): void {
    clearInterval(this.#beat)
    held.delete(this.#path)
    const holder = read(this.#path)
    // Not one that another process took over from us.
    if (holder && holder !== 'unknown' && isSelf(holder)) unlinkSync(this.#path)
  }
}

/** Who has the log of this folder open, if anybody has. */
export function holderOf(folder: string): Holder | undefined {
  const path = join(folder, 'lock')
  const holder = read(path)
  return holder && holder !== 'unknown' && isThere(path, holder) ? holder : undefined
}

/** Whether the machine itself went down since: then what was not synced may be gone. */
export function machineWentDown(left: LeftBehind): boolean {
  if (left === undefined) return false
  return left === 'unknown' || left.boot === '' || left.boot !== bootId()
}

function take(path: string, folder: string): LeftBehind {
  const guard = `${path}.takeover`
  if (create(path)) return undefined
  enter(guard)
  try {
    const holder = read(path)
    if (holder === undefined) {
      if (create(path)) return undefined
      throw new Error(`${folder}: another process is opening it right now`)
    }
    if (holder !== 'unknown' && isThere(path, holder)) {
      throw new Error(
        `${folder} is in use by process ${holder.pid} on ${holder.host} since ${holder.since}; ` +
          `stop that one, or choose another path. If it is gone for certain, delete ${path}`,
      )
    }
    unlinkSync(path)
    if (!create(path)) throw new Error(`${folder}: another process is opening it right now`)
    return holder
  } finally {
    rmdirSync(guard)
  }
}

/** Of several that find a lock stale, one takes it over. */
function enter(guard: string): void {
  try {
    mkdirSync(guard)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    if (Date.now() - statSync(guard).mtimeMs < STALE) {
      throw new Error(`${guard}: another process is taking over the log`, { cause: error })
    }
    // Whoever made it is gone: being in it takes a moment only.
  }
}

/** False when there is one already. */
function create(path: string): boolean {
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    started: startOf(process.pid),
    boot: bootId(),
  }
  try {
    writeFileSync(path, `${JSON.stringify(holder)}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function read(path: string): LeftBehind {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const value = JSON.parse(text) as Partial<Holder>
    if (typeof value.pid !== 'number' || typeof value.host !== 'string') return 'unknown'
    const { pid, host, since = '', started = '', boot = '' } = value
    return { pid, host, since, started, boot }
  } catch {
    // Torn when the machine went down.
    return 'unknown'
  }
}

function isThere(path: string, holder: Holder): boolean {
  if (holder.host !== hostname()) return Date.now() - statSync(path).mtimeMs < STALE
  if (holder.boot !== '' && holder.boot !== bootId()) return false
  if (holder.pid === process.pid) return held.has(resolve(path))
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // It is there, and not ours to signal.
    if (codeOf(error) !== 'EPERM') return false
  }
  // The id may belong to another process by now.
  const started = startOf(holder.pid)
  return holder.started === '' || started === '' || holder.started === started
}

function isSelf(holder: Holder): boolean {
  return holder.pid === process.pid && holder.host === hostname()
}

function touch(path: string): void {
  const now = new Date()
  try {
    utimesSync(path, now, now)
  } catch {
    // A disk that is full or gone shows elsewhere; the lock holds all the same on this machine.
  }
}

/** When a process began, in ticks since the machine did; '' where /proc does not say. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // Field 22; the second, a name in parentheses, may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return ''
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
