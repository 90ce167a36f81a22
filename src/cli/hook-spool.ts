import { randomUUID } from 'node:crypto'
import { appendFile, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { locked } from './hook-lock.ts'

/** The largest spool, in bytes; the oldest events go first. */
export const MAX_SPOOL = 16 * 2 ** 20
/** The largest file of refused events, in bytes. */
const MAX_REJECTED = 2 ** 20
/** What a run has taken and not given back so long after its time is what a killed one left, in ms. */
const MARGIN = 10_000

/** What one run has taken out of the spool, to send it. */
export interface Taken {
  readonly lines: readonly string[]
  readonly files: readonly string[]
}

const NOTHING: Taken = { lines: [], files: [] }

/**
 * Events that could not be sent, in a file beside the repository: one a line, oldest first. Several
 * pushes may use it at once. What is to be sent is renamed to `FILE.UNTIL-….sending` first; when
 * its time is over and it is still there, the next run takes it.
 */
export class Spool {
  readonly path: string
  readonly #lock: string
  readonly #maxBytes: number

  constructor(path: string, maxBytes = MAX_SPOOL) {
    this.path = path
    this.#lock = `${path}.lock`
    this.#maxBytes = maxBytes
  }

  /**
   * Takes all events, unless another run is just sending them. They come back by `settle`.
   * @param time how long they will be held at most, in ms
   */
  async take(time: number): Promise<Taken> {
    // Mostly there is none, and then nothing is to be locked.
    if ((await this.#waiting()).length === 0) return NOTHING
    return locked(this.#lock, async () => {
      const waiting = await this.#waiting()
      if (waiting.some((path) => this.#expiry(path) > Date.now())) return NOTHING
      const lines: string[] = []
      const files: string[] = []
      const until = Date.now() + time + MARGIN
      for (const [n, path] of waiting.entries()) {
        const ours = `${this.path}.${until}-${String(n).padStart(4, '0')}-${randomUUID()}.sending`
        await rename(path, ours)
        files.push(ours)
        lines.push(...linesOf(await readFile(ours, 'utf8')))
      }
      return { lines, files }
    })
  }

  /**
   * Gives back what was taken.
   * @param unsent what is left of it
   * @param more events of this run that were not sent either
   * @returns how many of the oldest were dropped, to stay within the bound
   */
  async settle(
    taken: Taken,
    unsent: readonly string[],
    more: readonly string[] = [],
  ): Promise<number> {
    if (taken.files.length === 0 && more.length === 0) return 0
    return locked(this.#lock, async () => {
      let dropped = 0
      if (unsent.length > 0) {
        const meanwhile = linesOf(await readFile(this.path, 'utf8').catch(() => ''))
        dropped = await this.#write([...unsent, ...meanwhile, ...more])
      } else if (more.length > 0) dropped = await this.#append(more)
      for (const path of taken.files) await rm(path, { force: true })
      return dropped
    })
  }

  /** Keeps what the server will never take, for people to look at. @returns where */
  async reject(lines: readonly string[]): Promise<string> {
    const path = join(dirname(this.path), `${basename(this.path, '.jsonl')}.rejected`)
    const { size } = await stat(path).catch(() => ({ size: 0 }))
    const text = lines.map((line) => `${line}\n`).join('')
    if (size + text.length > MAX_REJECTED) await writeFile(path, text.slice(-MAX_REJECTED))
    else await appendFile(path, text)
    return path
  }

  async #append(lines: readonly string[]): Promise<number> {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
    const { size } = await stat(this.path).catch(() => ({ size: 0 }))
    if (size + bytes.length > this.#maxBytes) {
      const before = size === 0 ? [] : linesOf(await readFile(this.path, 'utf8'))
      return this.#write([...before, ...lines])
    }
    const file = await open(this.path, 'a')
    try {
      await file.appendFile(bytes)
    } finally {
      await file.close()
    }
    return 0
  }

  /** All at once, by renaming: a crash leaves the old or the new, never half. */
  async #write(lines: readonly string[]): Promise<number> {
    let first = lines.length
    for (let bytes = 0; first > 0; first--) {
      bytes += Buffer.byteLength(lines[first - 1] as string) + 1
      if (bytes > this.#maxBytes) break
    }
    const temporary = `${this.path}.${randomUUID()}.new`
    const kept = lines.slice(first).map((line) => `${line}\n`)
    try {
      await writeFile(temporary, kept.join(''))
      await rename(temporary, this.path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    return first
  }

  /** The files that hold events, oldest first: those being sent, then the spool itself. */
  async #waiting(): Promise<string[]> {
    const folder = dirname(this.path)
    const own = basename(this.path)
    const names = await readdir(folder).catch((): string[] => [])
    const sending = names.filter((name) => name.startsWith(`${own}.`) && name.endsWith('.sending'))
    const all = [...sending.sort(), ...(names.includes(own) ? [own] : [])]
    return all.map((name) => join(folder, name))
  }

  /** Until when a file is another run's, in ms since 1970; 0: nobody's. */
  #expiry(path: string): number {
    return path === this.path ? 0 : Number.parseInt(path.slice(this.path.length + 1), 10) || 0
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
