/** What is announced of a push, or of what a scan has found: one JSON text for each event. */
import { bytesToText } from '../model/channel.ts'
import { type Asked, type Commit, readCommits } from './commits.ts'
import type { Git } from './git.ts'
import { type GitObject, readObjects } from './objects.ts'
import { type Plan, Planner } from './plans.ts'
import type { Range } from './ranges.ts'
import { isNone, isTag, type RefChange, typeOf } from './refs.ts'

export interface Repository {
  readonly git: Git
  /** What it is called in events. */
  readonly project: string
}

export interface EventOptions {
  /** Commits of one change of a ref; of more, the newest are told, after a summary. */
  readonly maxCommits?: number
  /** Files of one commit that are named; `omittedFiles` says how many are not. */
  readonly maxFiles?: number
  /** Bytes of a message; a longer one is cut, and marked with `truncated`. */
  readonly maxMessageBytes?: number
  /** How long all of git may take, in ms. What is not read by then is told as a summary. */
  readonly timeout?: number
  /** Hears of what could not be read. */
  readonly onProblem?: (error: unknown) => void
}

export const EVENT_DEFAULTS = {
  maxCommits: 100,
  maxFiles: 300,
  maxMessageBytes: 64 * 2 ** 10,
  timeout: 60_000,
  onProblem: (): void => {},
} as const satisfies Required<EventOptions>

/**
 * The events of changes in the order of the changes, each one line of JSON. Of each: what happened to
 * the ref, then its new commits, oldest first. Never throws for what git says: whatever cannot be
 * read is told to `onProblem`, and the event says less.
 */
export async function* eventsOf(
  repository: Repository,
  changes: readonly RefChange[],
  options: EventOptions = {},
): AsyncGenerator<string, void> {
  const limits = { ...EVENT_DEFAULTS, ...options }
  const until = performance.now() + limits.timeout
  const { git, project } = repository
  const objects = await readObjects(
    git,
    changes.flatMap((change) => [change.new, change.old]),
    { until },
  ).catch((error: unknown) => {
    limits.onProblem(error)
    return undefined
  })
  const plans = await new Planner(git, changes, objects, { ...limits, until }).plans()
  const asked = plans.flatMap(({ range }) => range?.commits ?? [])
  let commits: AsyncGenerator<Commit, void> | undefined = readCommits(git, asked, limits, { until })
  try {
    for (const plan of plans) {
      const writer = new Writer(project, plan, objects)
      yield* writer.before(limits.maxCommits)
      const count = plan.range?.commits.length ?? 0
      for (let n = 0; n < count && commits; n++) {
        const next = await commits.next().catch((error: unknown) => {
          limits.onProblem(error)
        })
        if (next?.value) yield writer.commit(next.value, plan.range?.commits[n] as Asked)
        else commits = undefined
      }
      // Of this one some may have been told; the summary says that there were more.
      if (!commits && count > 0) yield writer.summary({ log: writer.unread, unread: true })
    }
  } finally {
    await commits?.return()
  }
}

/** Writes the events of one change. */
class Writer {
  readonly #project: string
  readonly #change: RefChange
  readonly #range: Range | undefined
  readonly #failed: boolean
  readonly #tip: GitObject | undefined
  readonly #ref: string
  /** For people: `main`, not `refs/heads/main`. */
  readonly #name: string
  readonly #forced: boolean

  constructor(project: string, plan: Plan, objects: ReadonlyMap<string, GitObject> | undefined) {
    this.#project = project
    this.#change = plan.change
    this.#range = plan.range
    this.#failed = plan.failed ?? false
    this.#tip = objects?.get(plan.change.new)
    this.#ref = bytesToText(plan.change.ref)
    this.#name = this.#ref.replace(/^refs\/(?:heads|tags)\//, '')
    const moved = !isNone(plan.change.old) && !isNone(plan.change.new)
    this.#forced = moved && !isTag(plan.change.ref) && plan.range?.continues === false
  }

  get unread(): string {
    return `Commits pushed to ${this.#name}; they could not be read`
  }

  /** What comes before the commits. */
  *before(maxCommits: number): Generator<string, void> {
    const type = typeOf(this.#change.ref)
    if (type !== undefined) {
      const happened = this.#happened(type)
      if (happened) yield this.#refEvent({ type, ...happened, ...this.#tagFields() })
    }
    if (this.#failed) yield this.summary({ log: this.unread, unread: true })
    const { count = 0, more = false, commits = [] } = this.#range ?? {}
    if (count <= commits.length && !more) return
    const commitsWord = count === 1 ? 'commit' : 'commits'
    const subject = `${more ? 'More than ' : ''}${count} ${commitsWord} pushed to ${this.#name}`
    const log = maxCommits > 0 ? `${subject}; the last ${commits.length} follow` : subject
    const omitted = count - commits.length
    yield this.summary({ subject, log, commits: count, omitted, ...(more ? { more } : {}) })
  }

  summary(fields: Readonly<Record<string, unknown>>): string {
    const type = typeOf(this.#change.ref)
    return this.#refEvent({ ...(type === undefined ? {} : { type }), action: 'summary', ...fields })
  }

  commit(commit: Commit, { parents }: Asked): string {
    const { files, fileCount, truncated, hash, log, subject, timestamp, ...people } = commit
    const [only] = files
    return JSON.stringify({
      commit: {
        repository: 'git',
        project: this.#project,
        ref: this.#ref,
        hash,
        shortHash: hash.slice(0, 7),
        parents,
        ...people,
        timestamp,
        subject,
        log,
        ...(truncated ? { truncated } : {}),
        changes: fileCount === 1 && only ? only.path : `${fileCount} files`,
        files: files.map(({ path }) => path),
        ...(fileCount > files.length ? { omittedFiles: fileCount - files.length } : {}),
        status: files,
        ...(this.#forced ? { forced: true } : {}),
      },
    })
  }

  #happened(type: 'branch' | 'tag'): { action: string; log: string } | undefined {
    const { old, new: target } = this.#change
    const name = this.#name
    if (isNone(old)) return { action: 'created', log: `New ${type}: ${name}` }
    if (isNone(target)) return { action: 'deleted', log: `Deleted ${type}: ${name}` }
    if (type === 'branch' && !this.#forced) return undefined
    const what = type === 'branch' ? 'Branch' : 'Tag'
    const how = `${old.slice(0, 7)} → ${target.slice(0, 7)}`
    return { action: 'rewritten', log: `${what} ${name} was rewritten: ${how}` }
  }

  #tagFields(): object {
    const { target, message } = this.#tip ?? {}
    return {
      ...(target === undefined ? {} : { target }),
      ...(message === undefined ? {} : { message }),
    }
  }

  #refEvent(fields: Readonly<Record<string, unknown>>): string {
    const { author, email } = this.#tip ?? {}
    return JSON.stringify({
      commit: {
        repository: 'git-prop-edit',
        project: this.#project,
        ref: this.#ref,
        ...fields,
        ...(author === undefined ? {} : { author }),
        ...(email === undefined ? {} : { email }),
        files: '(prop-edit)',
        revision: '',
        old: this.#change.old,
        new: this.#change.new,
        ...(this.#forced ? { forced: true } : {}),
      },
    })
  }
}
