/**
 * A commit as a message. GitPubSub's form, `{"commit":{…}}`, is what programs read; people get a line.
 */
import type { ChannelName } from '../model/channel.ts'
import type { Attributes, Draft } from '../model/message.ts'

/** What the members of a `commit` are when they are what they should be. All may be missing. */
export interface CommitEvent {
  /** `git`; `git-prop-edit` for what happens to a branch or a tag. */
  readonly repository: string | undefined
  readonly project: string | undefined
  /** The full name, `refs/heads/main`. */
  readonly ref: string | undefined
  readonly hash: string | undefined
  readonly author: string | undefined
  /** The first line of the message. */
  readonly subject: string | undefined
  /** Before and after, of a branch or a tag that was created, moved or deleted. */
  readonly old: string | undefined
  readonly new: string | undefined
  /** What happened to it: `created`, `rewritten`, `deleted`; `summary` stands for many commits. */
  readonly action: string | undefined
}

/** What a value holds as its `commit`; undefined when it is no `{"commit":{…}}`. */
export function readCommit(value: unknown): CommitEvent | undefined {
  if (!isObject(value) || !isObject(value['commit'])) return undefined
  const { commit } = value
  const text = (name: string): string | undefined => {
    const found = commit[name]
    return typeof found === 'string' && found !== '' ? found : undefined
  }
  const log = text('subject') ?? text('log')
  return {
    repository: text('repository'),
    project: text('project'),
    ref: text('ref')?.trim(),
    hash: text('hash') ?? text('revision'),
    author: text('author') ?? text('committer') ?? text('email'),
    subject: log?.trimStart().split(/[\r\n]/, 1)[0],
    old: text('old'),
    new: text('new'),
    action: text('action'),
  }
}

/**
 * The line that people read. It has one colon of its own at most: Notistream's desktop client takes
 * what stands before the first as the title and breaks on more.
 * @param json what to show when there is nothing to say
 */
export function lineOf(commit: CommitEvent, json: string): string {
  const { author, project, subject, hash } = commit
  if (commit.repository === 'git-prop-edit' && subject !== undefined) {
    const where = project === undefined ? '' : ` in ${project}`
    return `${subject}${where}${author === undefined ? '' : ` by ${author}`}`
  }
  if (subject === undefined && project === undefined) return json
  const who = author ?? 'Somebody'
  const what = subject ?? hash
  return `${who} committed to ${project ?? 'a repository'}${what === undefined ? '' : `: ${what}`}`
}

export function attributesOf(commit: CommitEvent): Attributes {
  const { hash, ref, old, new: target, repository } = commit
  const revision = hash ?? (target !== undefined && /^0+$/.test(target) ? old : target)
  return {
    kind: repository === 'git-prop-edit' ? 'ref' : 'commit',
    ...(revision === undefined ? {} : { revision: revision.slice(0, 255) }),
    ...(ref === undefined ? {} : { ref: ref.slice(0, 255) }),
  }
}

/**
 * What a commit is known by, so that a hook and a scan that both see it announce it once: project, ref
 * and hash, or the ref's old and new value and what that is about. Undefined when it does not say.
 */
export function keyOf(commit: CommitEvent): string | undefined {
  const { project, ref, hash, old, new: target, action } = commit
  if (project === undefined || ref === undefined) return undefined
  if (old !== undefined && target !== undefined) {
    return JSON.stringify([project, ref, old, target, ...(action === undefined ? [] : [action])])
  }
  return hash === undefined ? undefined : JSON.stringify([project, ref, hash])
}

/**
 * An event as a message: people read the line, programs the JSON. An event that was announced under
 * the same key before, by a hook or a scan, is not stored again.
 * @param json `{"commit":{…}}`
 * @throws SyntaxError, TypeError when it is something else
 */
export function draftOf(channel: ChannelName, json: string): Draft {
  const commit = readCommit(JSON.parse(json))
  if (!commit) throw new TypeError('not a commit')
  return { ...commitDraft(channel, commit, json), ...decidingKey(commit) }
}

/** A commit as a message: people read the line, programs the JSON that it came as. */
export function commitDraft(channel: ChannelName, commit: CommitEvent, json: string): Draft {
  return {
    channel,
    body: Buffer.from(lineOf(commit, json)),
    contentType: 'text/plain; charset=utf-8',
    data: json,
    attributes: attributesOf(commit),
  }
}

/** The key of a commit that is stored once whoever announces it; none for one that does not say. */
export function decidingKey(commit: CommitEvent): Pick<Draft, 'key' | 'keyDecides'> {
  const key = keyOf(commit)
  return key === undefined ? {} : { key, keyDecides: true }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
