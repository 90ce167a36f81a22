import type { Git, RunOptions } from './git.ts'
import { linesOf } from './fields.ts'

/** A ref before and after. */
export interface RefChange {
  /** Full hex names of objects; all zeros: none, the ref is created or deleted. */
  readonly old: string
  readonly new: string
  /** The full name, `refs/heads/main`, one character a byte: it need not be UTF-8. */
  readonly ref: string
}

/** All refs of a repository: full name, one character a byte → full hex name of the object. */
export type Refs = ReadonlyMap<string, string>

const HEX = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/

/** Whether this is the name of no object: what git writes where there is none. */
export function isNone(hash: string): boolean {
  return /^0+$/.test(hash)
}

export function isTag(ref: string): boolean {
  return ref.startsWith('refs/tags/')
}

/** Refs of other kinds have no events of their own, only commits. */
export function typeOf(ref: string): 'branch' | 'tag' | undefined {
  if (isTag(ref)) return 'tag'
  return ref.startsWith('refs/heads/') ? 'branch' : undefined
}

/** A line that git gives a post-receive hook, `old new ref`; undefined when it is none. */
export function parseRefChange(line: string): RefChange | undefined {
  const [, old = '', target = '', ref = ''] = /^(\S+) (\S+) (\S+)\r?$/.exec(line) ?? []
  return refChange(old, target, ref)
}

/** Three words as a change; undefined when they are none. */
export function refChange(old: string, target: string, ref: string): RefChange | undefined {
  if (!HEX.test(old) || !HEX.test(target) || !/^refs\/[^\s]+$/.test(ref)) return undefined
  return { old, new: target, ref }
}

/**
 * What the refs are now. Symbolic ones are left out: they move with another.
 * @param under only those of these folders, such as `refs/heads`; all when there is none
 * @throws GitError
 */
export async function readRefs(
  git: Git,
  under: readonly string[] = [],
  options: RunOptions = {},
): Promise<Refs> {
  const refs = new Map<string, string>()
  const format = '--format=%(objectname) %(symref) %(refname)'
  for await (const line of linesOf(git.stream(['for-each-ref', format, ...under], options))) {
    const [hash = '', symbolic = '', ref = ''] = line.split(' ')
    if (symbolic === '' && HEX.test(hash)) refs.set(ref, hash)
  }
  return refs
}

/** What has to be told to somebody who knows the refs as they were: deletions first, then by name. */
export function changesBetween(before: Refs, after: Refs): RefChange[] {
  const changes: RefChange[] = []
  for (const [ref, old] of before) {
    if (!after.has(ref)) changes.push({ old, new: '0'.repeat(old.length), ref })
  }
  for (const [ref, target] of after) {
    const old = before.get(ref) ?? '0'.repeat(target.length)
    if (old !== target) changes.push({ old, new: target, ref })
  }
  return changes
}
