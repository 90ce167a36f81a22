import { realpath } from 'node:fs/promises'
import { type EventOptions, eventsOf } from '../../repository/events.ts'
import type { Gate } from '../../repository/gate.ts'
import { Git } from '../../repository/git.ts'
import { projectOf, readSettings } from '../../repository/project.ts'
import { changesBetween, readRefs, type RefChange, type Refs } from '../../repository/refs.ts'
import { advanced, type Step } from './overheard.ts'
import { type Fingerprint, fingerprintOf } from './fingerprint.ts'

/** Refs that are announced. Others are somebody's own (stash, remotes) or a forge's inner ones. */
const ANNOUNCED = ['refs/heads', 'refs/tags', 'refs/notes']

/** How often a change is tried before it is announced with what could be read of it. */
const MOST_ATTEMPTS = 3

/** How long git may take for the events of one look at one repository, in ms. */
const TIMEOUT = 60_000

export interface WatchedOptions {
  readonly gitDir: string
  /** The refs that were announced; undefined: it is new to us. */
  readonly known: Refs | undefined
  /** What to do when it is new to us: announce all of it, or only remember it. */
  readonly announceNew: boolean
  readonly maxCommits: number
  readonly gate: Gate
  readonly signal: AbortSignal
  readonly publish: (json: string) => Promise<void>
  /** What others have announced of a project since the last time. */
  readonly overheard: (project: string) => Promise<readonly Step[]>
  readonly onError: (error: unknown) => void
}

/** One repository of the folder. */
export class WatchedRepository {
  readonly gitDir: string
  readonly #options: WatchedOptions
  readonly #git: Git
  #known: Refs | undefined
  #seen: Fingerprint | undefined
  #attempts = 0

  constructor(options: WatchedOptions) {
    this.gitDir = options.gitDir
    this.#options = options
    this.#known = options.known
    const { gitDir, gate, signal } = options
    this.#git = new Git({ gitDir, gate, signal })
  }

  /** What was announced, or remembered at first sight; undefined before that. */
  get known(): Refs | undefined {
    return this.#known
  }

  /** The folders in which a change shows, as of the last look. */
  get folders(): readonly string[] {
    return this.#seen?.folders ?? []
  }

  /**
   * Whether it is worth asking git. Files only; no process is started.
   * @throws Error of the file system
   */
  async hasChanged(): Promise<boolean> {
    if (!this.#seen || this.#seen.fresh) return true
    return (await fingerprintOf(this.gitDir)).text !== this.#seen.text
  }

  /**
   * Asks git, and announces what has changed since the last time.
   * @returns whether what is known has changed
   * @throws Error of the file system, GitError; or what publishing said. The next look tries again.
   */
  async update(): Promise<boolean> {
    const seen = await fingerprintOf(this.gitDir)
    const refs = await readRefs(this.#git, ANNOUNCED)
    let before: Refs = this.#known ?? (this.#options.announceNew ? new Map<string, string>() : refs)
    const changed = changesBetween(before, refs).length > 0
    if (changed) {
      const project = await this.#project()
      before = advanced(before, await this.#options.overheard(project))
      const changes = changesBetween(before, refs)
      if (changes.length > 0) await this.#announce(project, changes)
    }
    const isNew = this.#known === undefined || changed
    this.#known = refs
    this.#seen = seen
    return isNew
  }

  async #announce(project: string, changes: readonly RefChange[]): Promise<void> {
    this.#attempts++
    const patient = this.#attempts < MOST_ATTEMPTS
    const { publish, onError, maxCommits, signal } = this.#options
    let problem: Error | undefined
    const failed = (error: unknown): void => {
      problem ??= error instanceof Error ? error : new Error(String(error))
    }
    const options: EventOptions = { maxCommits, timeout: TIMEOUT, onProblem: failed }
    for await (const json of eventsOf({ git: this.#git, project }, changes, options)) {
      signal.throwIfAborted()
      // What comes after a problem says less than there is: rather try again.
      if (problem !== undefined && patient) break
      try {
        await publish(json)
      } catch (error) {
        failed(error)
        if (patient) break
      }
    }
    signal.throwIfAborted()
    if (problem !== undefined && patient) throw problem
    if (problem !== undefined) onError(problem)
    this.#attempts = 0
  }

  /** The same name as the hook's, so that both make the same keys. */
  async #project(): Promise<string> {
    const settings = await readSettings(this.#git)
    return settings.get('project') ?? projectOf(await realpath(this.gitDir))
  }
}
