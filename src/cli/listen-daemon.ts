import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseJson } from '../client/source.ts'
import { printable } from './printable.ts'
import { UsageError } from './target.ts'

/** Bytes of a log, of which there are two at most. */
const MAX_LOG = 2 ** 20
/** How long a listener may take to go, in ms. */
const PATIENCE = 5_000

/** The listener that a pid file names, while it runs. */
export interface Daemon {
  readonly pid: number
}

/** @returns undefined when none runs: what a killed one left does not count, nor a pid that is another's now */
export function findDaemon(file: string): Daemon | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const { pid, started } = (parseJson(text) ?? {}) as Record<string, unknown>
  if (typeof pid !== 'number' || typeof started !== 'string') return undefined
  return startOf(pid) === started ? { pid } : undefined
}

/** Makes this process the listener of a pid file. @throws UsageError while another one is */
export function claim(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const running = findDaemon(file)
  if (running) throw new UsageError(`a listener runs already, as process ${running.pid}`)
  rmSync(file, { force: true })
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid) })
  try {
    writeFileSync(file, own, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new UsageError('another listener starts just now')
  }
}

export function release(file: string): void {
  if (findDaemon(file)?.pid === process.pid) rmSync(file, { force: true })
}

/** What a process is known by besides its number: when it began. Undefined when there is none. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The 22nd field; the second may have spaces and brackets in it.
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    }
    if (process.platform === 'win32') return 'running'
    const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return line.trim()
  } catch {
    return undefined
  }
}

/**
 * Starts a listener of its own, which stays when this process goes.
 * @throws UsageError with its words when it cannot start
 */
export async function startDaemon(config: string): Promise<number> {
  const program = process.argv[1] as string
  const args = [program, 'listen', '--config', config, '--child']
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const ended = once(child, 'exit')
  const [answer] = await Promise.race([once(child, 'message'), ended])
  if (answer === 'ready') {
    child.disconnect()
    child.unref()
    return child.pid as number
  }
  throw new UsageError(typeof answer === 'string' ? answer : 'the listener could not start')
}

/** @returns whether one ran */
export async function stopDaemon(file: string): Promise<boolean> {
  const running = findDaemon(file)
  if (!running) return false
  const end = performance.now() + PATIENCE
  for (let signal: NodeJS.Signals | 0 = 'SIGTERM'; findDaemon(file); signal = 0) {
    try {
      process.kill(running.pid, performance.now() > end ? 'SIGKILL' : signal)
    } catch {
      // It has just gone.
    }
    await sleep(20)
  }
  rmSync(file, { force: true })
  return true
}

/** A log of lines that does not grow for ever: what is old goes to a second file, and then away. */
export class Log {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  }

  line(text: string): void {
    const time = new Date().toISOString()
    const line = `${time} ${printable(text).replace(/\s+/g, ' ')}\n`
    try {
      const size = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0
      if (size > 0 && size + line.length > MAX_LOG) renameSync(this.#file, `${this.#file}.1`)
      appendFileSync(this.#file, line, { mode: 0o600 })
    } catch {
      // A full disk must not end the listener.
    }
  }

  /** The last lines. */
  tail(count: number): readonly string[] {
    const lines = [`${this.#file}.1`, this.#file].flatMap((file) => {
      try {
        return readFileSync(file, 'utf8').split('\n').slice(0, -1)
      } catch {
        return []
      }
    })
    return lines.slice(-count)
  }
}
