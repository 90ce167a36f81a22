/** Which commits are announced with which change of a ref. */
import type { Git } from './git.ts'
import type { GitObject } from './objects.ts'
import { hasCommits, type Range, readRange } from './ranges.ts'
import { isNone, isTag, readRefs, type RefChange, typeOf } from './refs.ts'

/** Ranges that are read at once. */
const AT_ONCE = 4

export interface Plan {
  readonly change: RefChange
  /** Undefined: no commits go with it, or they could not be read (`failed`). */
  readonly range?: Range | undefined
  readonly failed?: boolean
}

export interface PlanOptions {
  /** Commits of one change. */
  readonly maxCommits: number
  /** How long all of git may take, in ms, and when that is over, as `performance.now()` counts. */
  readonly timeout: number
  readonly until: number
  /** Hears of what could not be read. */
  readonly onProblem: (error: unknown) => void
}

/** Finds out which commits belong to which change. */
export class Planner {
  readonly #git: Git
  readonly #changes: readonly RefChange[]
  readonly #objects: ReadonlyMap<string, GitObject> | undefined
  readonly #limits: PlanOptions
  /** Counting stops here, so that there is time left to read the newest. */
  readonly #half: number

  constructor(
    git: Git,
    changes: readonly RefChange[],
    objects: ReadonlyMap<string, GitObject> | undefined,
    limits: PlanOptions,
  ) {
    this.#git = git
    this.#changes = changes
    this.#objects = objects
    this.#limits = limits
    this.#half = limits.until - limits.timeout / 2
  }

  async plans(): Promise<Plan[]> {
    if (!this.#objects) return this.#changes.map((change) => ({ change, failed: hasNew(change) }))
    const outside = await this.#outside().catch((error: unknown) => {
      this.#limits.onProblem(error)
      return undefined
    })
    const plans: Plan[] = this.#changes.map((change) => ({ change }))
    const open = plans.entries()
    const work = async (): Promise<void> => {
      for (const [n, { change }] of open) {
        plans[n] = await this.#plan(change, outside).catch((error: unknown) => {
          this.#limits.onProblem(error)
          return { change, failed: true }
        })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return plans
  }

  async #plan(change: RefChange, outside: Outside | undefined): Promise<Plan> {
    const { old, new: target, ref } = change
    if (!this.#isCommit(target)) return { change }
    const { maxCommits } = this.#limits
    const options = { maxCommits, until: this.#half }
    if (!this.#isNew(change)) {
      const range = await readRange(this.#git, [target], [old], { ...options, from: old })
      return { change, range }
    }
    if (!outside) return { change, failed: true }
    const { exclude, anything } = isTag(ref) ? outside.tags : outside.others
    if (!anything) return { change }
    return { change, range: await readRange(this.#git, [target], exclude, options) }
  }

  /**
   * Created, a tag, or moved from something that is no longer there: its commits are those that
   * nothing else had.
   */
  #isNew({ old, ref }: RefChange): boolean {
    return isNone(old) || isTag(ref) || !this.#isCommit(old)
  }

  #isCommit(hash: string): boolean {
    const object = this.#objects?.get(hash)
    // What an annotated tag points to is mostly a commit; git says so if not, and it has no commits.
    return object?.type === 'commit' || object?.target !== undefined
  }

  /**
   * What was there without this push: refs that it did not touch, and the former values of those it
   * did. For tags also the branches that came with them.
   */
  async #outside(): Promise<Outside | undefined> {
    const created = this.#changes.filter(
      (change) => this.#isNew(change) && this.#isCommit(change.new),
    )
    if (created.length === 0) return undefined
    const touched = new Set(this.#changes.map(({ ref }) => ref))
    const refs = await readRefs(this.#git, [], { until: this.#half })
    const exclude = this.#changes.map(({ old }) => old)
    for (const [ref, hash] of refs) if (!touched.has(ref)) exclude.push(hash)
    const branches = this.#changes.filter(({ ref }) => !isTag(ref))
    const tagExclude = [...exclude, ...branches.map((change) => change.new)]
    const [tags, others] = [created.filter(({ ref }) => isTag(ref)), created.filter(notTag)]
    return {
      tags: { exclude: tagExclude, anything: await this.#anything(tags, tagExclude) },
      others: { exclude, anything: await this.#anything(others, exclude) },
    }
  }

  /** For many new refs at once: mostly none of them brings a commit, and one question tells. */
  async #anything(changes: readonly RefChange[], exclude: readonly string[]): Promise<boolean> {
    if (changes.length < 4) return changes.length > 0
    const include = changes.map((change) => change.new)
    return hasCommits(this.#git, include, exclude, { until: this.#half })
  }
}

interface Outside {
  readonly tags: { readonly exclude: readonly string[]; readonly anything: boolean }
  readonly others: { readonly exclude: readonly string[]; readonly anything: boolean }
}

function hasNew(change: RefChange): boolean {
  return !isNone(change.new) && typeOf(change.ref) !== 'tag'
}

function notTag({ ref }: RefChange): boolean {
  return !isTag(ref)
}
