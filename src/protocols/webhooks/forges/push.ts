import { inOneLine, onLine, subjectOf } from '../members.ts'
import { attributes, type ForgeEvent } from './forge.ts'

/** A commit of a push, under the same names whatever the forge. What it did not say is left out. */
export interface PushedCommit {
  readonly id: string | undefined
  readonly message: string | undefined
  readonly timestamp: string | undefined
  readonly url: string | undefined
  readonly author: {
    readonly name: string | undefined
    readonly email: string | undefined
    readonly username: string | undefined
  }
  readonly added: readonly string[] | undefined
  readonly removed: readonly string[] | undefined
  readonly modified: readonly string[] | undefined
}

/** One ref that moved. */
export interface Push {
  /** `owner/repo`. */
  readonly repository: string
  /** The full name, `refs/heads/main`. */
  readonly ref: string | undefined
  /** Zeros and undefined both say that there was nothing. */
  readonly before: string | undefined
  readonly after: string | undefined
  /** Oldest first; forges leave some out of large pushes. */
  readonly commits: readonly PushedCommit[]
  /** How many there were in all; undefined: more than there are, nobody said how many. */
  readonly total: number | undefined
  /** A page that shows what changed. */
  readonly compare: string | undefined
  /** Who caused the event, and in whose name it was pushed: mostly the same. */
  readonly sender: string | undefined
  readonly pusher: string | undefined
  readonly forced: boolean | undefined
  readonly created: boolean
  readonly deleted: boolean
}

/** No commit has this id: git says so of what is not there. */
export function isZero(id: string | undefined): boolean {
  return id === undefined || /^0+$/.test(id)
}

/** A push as an event: `{"push":{…}}` for programs, one line for people. */
export function pushEvent(source: string, push: Push): ForgeEvent {
  const after = isZero(push.after) ? undefined : push.after
  const before = isZero(push.before) ? undefined : push.before
  return {
    channel: push.repository,
    kind: 'push',
    line: inOneLine(lineOf({ ...push, before, after })),
    // In the order in which people look for them; what is undefined is not written.
    data: JSON.stringify({ push: { ...push, before, after } }),
    attributes: attributes({
      kind: 'push',
      source,
      // It goes into protocols of words and lines.
      revision: after !== undefined && /^[\w.-]{1,255}$/.test(after) ? after : undefined,
      ref: push.ref,
      url: push.compare,
    }),
  }
}

/** The line has one colon of ours at most: Notistream's desktop client breaks on more. */
function lineOf(push: Push): string {
  const { repository, commits, created, deleted, forced } = push
  const { noun, name } = refOf(push.ref)
  const who = onLine(push.pusher ?? push.sender ?? 'Somebody')
  const what = `${noun} ${name}`.trim()
  if (deleted) return `${who} deleted ${what} of ${repository}`
  if (noun === 'tag') return `${who} ${created ? 'created' : 'moved'} ${what} in ${repository}`
  const last = commits.at(-1)
  const subject = subjectOf(last?.message)
  const title = subject === '' ? '' : `: ${subject}`
  if (commits.length === 1 && push.total === 1 && !forced) {
    return `${authorOf(last) ?? who} committed to ${repository}${title}`
  }
  const verb = forced ? 'force-pushed' : 'pushed'
  if (commits.length === 0) {
    if (created) return `${who} created ${what} in ${repository}`
    const head = forced && push.after !== undefined ? ` to ${push.after.slice(0, 7)}` : ''
    return `${who} ${verb} ${what === '' ? '' : `${what} `}in ${repository}${head}`
  }
  const count = push.total ?? `more than ${commits.length}`
  const branch = name === '' ? '' : ` (${created ? 'new branch ' : ''}${name})`
  const many = count === 1 ? '1 commit' : `${count} commits`
  return `${who} ${verb} ${many} to ${repository}${branch}${title}`
}

function authorOf(commit: PushedCommit | undefined): string | undefined {
  const name = commit?.author.name ?? commit?.author.username
  return name === undefined ? undefined : onLine(name)
}

function refOf(ref: string | undefined): { noun: string; name: string } {
  const match = /^refs\/(?<kind>heads|tags)\/(?<name>.+)$/s.exec(ref ?? '')
  if (!match?.groups) return { noun: ref === undefined ? '' : 'ref', name: onLine(ref ?? '') }
  const noun = match.groups['kind'] === 'tags' ? 'tag' : 'branch'
  return { noun, name: onLine(match.groups['name'] ?? '') }
}
