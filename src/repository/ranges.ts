/** Which commits a change of a ref brought. */
import { type Asked } from './commits.ts'
import { linesOf } from './fields.ts'
import { type Git, GitError, type RunOptions } from './git.ts'
import { isNone } from './refs.ts'

/** The commits of a range. */
export interface Range {
  /** The newest of them, parents before children. */
  readonly commits: readonly Asked[]
  /** How many there are. */
  readonly count: number
  /** The time was over before all were counted. */
  readonly more: boolean
  /** The commits hang off the commit that was asked about. */
  readonly continues: boolean
}

export interface RangeOptions extends RunOptions {
  readonly maxCommits: number
  /** Whether the range goes on from this commit; for `continues`. */
  readonly from?: string
}

/**
 * What `include` reaches and `exclude` does not. Objects that are not there count as not given.
 * @throws GitError
 */
export async function readRange(
  git: Git,
  include: readonly string[],
  exclude: Iterable<string>,
  { maxCommits, from, ...options }: RangeOptions,
): Promise<Range> {
  const newest: Asked[] = []
  let count = 0
  let continues = false
  let more = false
  const without = [...new Set(exclude)].filter((hash) => !isNone(hash))
  const input = [...include, ...without.map((hash) => `^${hash}`), ''].join('\n')
  const args = ['rev-list', '--parents', '--ignore-missing', '--stdin']
  try {
    for await (const line of linesOf(git.stream(args, { ...options, input }))) {
      const [hash = '', ...parents] = line.split(' ')
      if (from !== undefined && line.includes(from, hash.length)) continues = true
      if (count++ < maxCommits) newest.push({ hash, parents })
    }
  } catch (error) {
    const late = options.until !== undefined && performance.now() >= options.until
    if (!(error instanceof GitError && late && count > 0)) throw error
    more = true
  }
  const commits = parentsFirst(newest.toReversed())
  return { commits, count, more, continues: continues || more }
}

/** Whether there is any commit in the range. */
export async function hasCommits(
  git: Git,
  include: readonly string[],
  exclude: Iterable<string>,
  options: RunOptions,
): Promise<boolean> {
  const without = [...new Set(exclude)].filter((hash) => !isNone(hash))
  const input = [...include, ...without.map((hash) => `^${hash}`), ''].join('\n')
  const args = ['rev-list', '--max-count=1', '--ignore-missing', '--stdin']
  return (await git.read(args, { ...options, input })).length > 0
}

/** The same order, except that no commit stands before its parents: clocks are not always right. */
function parentsFirst(commits: readonly Asked[]): Asked[] {
  const waiting = new Map(commits.map((commit) => [commit.hash, commit]))
  const sorted: Asked[] = []
  for (const first of commits) {
    const stack = [first]
    for (let commit = stack.at(-1); commit; commit = stack.at(-1)) {
      const parent = commit.parents.map((hash) => waiting.get(hash)).find((one) => one)
      if (parent && waiting.has(commit.hash)) stack.push(parent)
      else {
        if (waiting.delete(commit.hash)) sorted.push(commit)
        stack.pop()
      }
    }
  }
  return sorted
}
