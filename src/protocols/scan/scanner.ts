import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { textToBytes } from '../../model/channel.ts'
import { Gate } from '../../repository/gate.ts'
import type { Refs } from '../../repository/refs.ts'
import type { Step } from './overheard.ts'
import type { StateFile } from './state.ts'
import { WatchedRepository } from './watched.ts'
import { Watchers } from './watchers.ts'

export interface ScannerOptions {
  readonly rootFolder: string
  /** Which entries are repositories; over one character a byte. */
  readonly criteria: RegExp
  /** Behind the entry's path: where git's folder is. */
  readonly gitFolder: string
  /** How often everything is looked at, in ms. */
  readonly interval: number
  readonly maxRepositories: number
  readonly maxCommits: number
  readonly state: StateFile
  readonly publish: (json: string) => Promise<void>
  /** What others have announced of a project since the last time. */
  readonly overheard: (project: string) => Promise<readonly Step[]>
  /** Hears of each cause once, until it is gone. */
  readonly onError: (error: unknown) => void
  /** Between a change and a look at it, in ms: a hook may be first, a push of several refs may end. */
  readonly grace?: number
  /** How long a repository that is gone is remembered, in ms: a disk may be away for a while. */
  readonly memory?: number
  /** Folders that the system is asked to watch, at most; 0: only the interval finds changes. */
  readonly maxWatchers?: number
}

const GRACE = 1_000
const MEMORY = 600_000
/** Processes of git at once. */
const MAX_GITS = 4
/** Repositories whose files are looked at at once. */
const AT_ONCE = 8
/** How long a start waits until all repositories were looked at, in ms. */
const FIRST_LOOK = 2_000

interface Entry {
  readonly name: string
  readonly repository: WatchedRepository
  /** Folders that are watched for it. */
  folders: readonly string[]
  /** When it is looked at, if that is soon. */
  timer: NodeJS.Timeout | undefined
  looking: boolean
  /** Something happened while it was looked at. */
  again: boolean
  /** Since when it is gone, as `performance.now()` counts. */
  missing: number | undefined
}

/**
 * Follows all repositories of a folder, and announces what changes in them. The interval is what finds
 * every change; what the system tells of files only makes it sooner.
 */
export class Scanner {
  readonly #options: ScannerOptions
  readonly #grace: number
  readonly #entries = new Map<string, Entry>()
  readonly #gate = new Gate(MAX_GITS)
  readonly #abort = new AbortController()
  readonly #watchers: Watchers
  readonly #running = new Set<Promise<void>>()
  /** By whom it concerns: what was told last. */
  readonly #told = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #due = 0
  /** The first listing is over: what appears from now on is new to everybody. */
  #started = false
  #dirty = false
  #saving: Promise<void> | undefined

  constructor(options: ScannerOptions) {
    this.#options = options
    this.#grace = options.grace ?? GRACE
    this.#watchers = new Watchers(options.maxWatchers)
  }

  /** How many repositories there are. */
  get count(): number {
    return [...this.#entries.values()].filter(({ missing }) => missing === undefined).length
  }

  /** @throws Error when the folder cannot be read */
  async start(): Promise<void> {
    const { rootFolder, state } = this.#options
    const names = await readdir(rootFolder, { withFileTypes: true })
    try {
      // Those that are not there now count as gone for a while, as when the disk comes a little later.
      for (const [name, refs] of (await state.load()) ?? [])
        this.#add(name, refs, performance.now())
    } catch (error) {
      this.#tell('state', error)
    }
    await this.#take(names)
    this.#started = true
    this.#watchers.set([], [rootFolder], () => this.#passIn(this.#grace))
    const first = this.#track(this.#lookAtAll((entry) => this.#look(entry)))
    await Promise.race([first, sleep(FIRST_LOOK, undefined, { ref: false })])
    void first.then(() => this.#passIn(this.#options.interval))
  }

  /** Ends it: no timer, no watcher, no git is left. */
  async stop(): Promise<void> {
    this.#abort.abort()
    clearTimeout(this.#timer)
    for (const { timer } of this.#entries.values()) clearTimeout(timer)
    this.#watchers.close()
    await Promise.all(this.#running)
    await this.#saving
  }

  get #stopped(): boolean {
    return this.#abort.signal.aborted
  }

  /** Looks at everything, soon. */
  #passIn(ms: number): void {
    const due = performance.now() + ms
    if (this.#stopped || (this.#timer && this.#due <= due)) return
    clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#track(this.#pass())
    }, ms)
  }

  async #pass(): Promise<void> {
    try {
      await this.#take(await readdir(this.#options.rootFolder, { withFileTypes: true }))
      this.#told.delete('')
    } catch (error) {
      // A folder that is away for a moment has not lost its repositories.
      this.#tell('', error)
    }
    await this.#lookAtAll(async (entry) => {
      if (entry.timer || entry.looking) return
      if (await this.#hasChanged(entry)) this.#lookIn(entry, this.#grace)
    })
    this.#passIn(this.#options.interval)
  }

  /** Takes in what is new in the folder, and lets go what is gone. */
  async #take(listed: readonly Dirent[]): Promise<void> {
    const { criteria, maxRepositories, memory = MEMORY } = this.#options
    const names = listed
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map(({ name }) => name)
      .filter((name) => criteria.test(textToBytes(name)))
      .sort()
    const present = new Set<string>()
    for (const name of names) {
      if (!(await isRepository(this.#gitDirOf(name)))) continue
      if (present.size === maxRepositories) {
        const words = `there are more than ${maxRepositories} repositories (maxRepositories)`
        this.#tell('many', new Error(`${words}; those from ${name} on are not looked at`))
        break
      }
      present.add(name)
      const entry = this.#entries.get(name)
      if (entry) entry.missing = undefined
      else this.#add(name)
    }
    const now = performance.now()
    for (const [name, entry] of this.#entries) {
      if (present.has(name)) continue
      entry.missing ??= now
      if (now - entry.missing >= memory) this.#forget(entry)
    }
  }

  #gitDirOf(name: string): string {
    return join(this.#options.rootFolder, name, this.#options.gitFolder)
  }

  /** @param known what the state says of it */
  #add(name: string, known?: Refs, missing?: number): void {
    const { publish, overheard, onError, maxCommits } = this.#options
    const repository = new WatchedRepository({
      gitDir: this.#gitDirOf(name),
      known,
      announceNew: this.#started,
      maxCommits,
      gate: this.#gate,
      signal: this.#abort.signal,
      publish,
      overheard,
      onError,
    })
    const idle = { timer: undefined, looking: false, again: false }
    this.#entries.set(name, { name, repository, folders: [], missing, ...idle })
  }

  #forget(entry: Entry): void {
    clearTimeout(entry.timer)
    this.#watchers.set(entry.folders, [], () => {})
    this.#entries.delete(entry.name)
    this.#told.delete(entry.repository.gitDir)
    this.#save()
  }

  async #lookAtAll(work: (entry: Entry) => Promise<void>): Promise<void> {
    const open = this.#entries.values()
    const worker = async (): Promise<void> => {
      for (const entry of open) {
        if (!this.#stopped && entry.missing === undefined) await work(entry)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  /** Looks at one repository, soon. */
  #lookIn(entry: Entry, ms: number): void {
    if (this.#stopped || entry.timer) return
    if (entry.looking) {
      entry.again = true
      return
    }
    entry.timer = setTimeout(() => {
      entry.timer = undefined
      void this.#track(this.#lookIfChanged(entry))
    }, ms)
  }

  async #lookIfChanged(entry: Entry): Promise<void> {
    if (await this.#hasChanged(entry)) await this.#look(entry)
  }

  async #hasChanged(entry: Entry): Promise<boolean> {
    try {
      return await entry.repository.hasChanged()
    } catch (error) {
      this.#tell(entry.repository.gitDir, error)
      return false
    }
  }

  async #look(entry: Entry): Promise<void> {
    if (entry.looking || this.#stopped) return
    entry.looking = true
    const { repository } = entry
    try {
      if (await repository.update()) this.#save()
      this.#told.delete(repository.gitDir)
    } catch (error) {
      if (!this.#stopped) this.#tell(repository.gitDir, error)
    } finally {
      entry.looking = false
    }
    if (this.#stopped || this.#entries.get(entry.name) !== entry) return
    this.#watchers.set(entry.folders, repository.folders, () => this.#lookIn(entry, this.#grace))
    entry.folders = repository.folders
    if (!entry.again) return
    entry.again = false
    this.#lookIn(entry, this.#grace)
  }

  /** Writes down what is known; once more when it changes meanwhile. */
  #save(): void {
    this.#dirty = true
    this.#saving ??= this.#write().finally(() => (this.#saving = undefined))
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false
      const known = new Map<string, Refs>()
      for (const [name, { repository }] of this.#entries) {
        const refs = repository.known
        if (refs) known.set(name, refs)
      }
      try {
        await this.#options.state.save(known)
        this.#told.delete('state')
      } catch (error) {
        this.#tell('state', error)
      }
    }
  }

  /** Each cause once. */
  #tell(about: string, error: unknown): void {
    const words = error instanceof Error ? error.message : String(error)
    if (this.#told.get(about) === words) return
    this.#told.set(about, words)
    const where = about.startsWith('/') ? about : this.#options.rootFolder
    this.#options.onError(new Error(`scan of ${where}: ${words}`, { cause: error }))
  }

  /** What is running is waited for at the end. */
  #track(work: Promise<void>): Promise<void> {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#stopped) this.#tell('', error)
      })
      .finally(() => this.#running.delete(tracked))
    this.#running.add(tracked)
    return tracked
  }
}

async function isRepository(gitDir: string): Promise<boolean> {
  const [head, objects] = await Promise.all([
    stat(join(gitDir, 'HEAD')).catch(() => undefined),
    stat(join(gitDir, 'objects')).catch(() => undefined),
  ])
  return head?.isFile() === true && objects?.isDirectory() === true
}
