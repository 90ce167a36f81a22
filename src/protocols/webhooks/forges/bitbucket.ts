import { firstText, flagAt, listAt, memberAt, onLine, subjectOf, textAt } from '../members.ts'
import { FanfareError } from '../../../model/errors.ts'
import {
  anyLine,
  type Forge,
  type ForgeEvent,
  kindOf,
  noRepository,
  numbered,
  plainEvent,
  type Told,
  withTitle,
} from './forge.ts'
import { isZero, type Push, type PushedCommit, pushEvent } from './push.ts'

/** Refs that one push may move; a mirror's first push has hundreds. */
const MAX_CHANGES = 1000

/**
 * Bitbucket Cloud and Bitbucket Data Center (once Server), whose payloads have nothing in common.
 * https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
 * https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
 */
export const bitbucket: Forge = {
  name: 'bitbucket',
  read(request, payload) {
    const { value } = payload
    const named = request.header('x-event-key') ?? textAt(value, 'eventKey')
    // Data Center's button 'Test connection': there is nothing in it to publish.
    if (named === 'diagnostics:ping') return []
    const kind = named === undefined ? guess(value) : kindOf(named)
    const channel = channelOf(value)
    const events = kind === 'repo:push' ? readCloud(value, channel) : []
    if (kind === 'repo:refs_changed') events.push(...readServer(value, channel))
    if (events.length > 0) return events
    return [plainEvent('bitbucket', kind, channel, tell(kind, value, channel), payload)]
  },
  deliveryOf: (request) => request.header('x-request-uuid') ?? request.header('x-request-id'),
}

function guess(value: unknown): string {
  if (listAt(value, 'push.changes').length > 0) return 'repo:push'
  return listAt(value, 'changes').length > 0 ? 'repo:refs_changed' : 'unknown'
}

function channelOf(value: unknown): string {
  const full = firstText(value, 'repository.full_name')
  if (full !== undefined) return full
  for (const at of ['repository', 'pullRequest.toRef.repository']) {
    const project = textAt(value, `${at}.project.key`)
    const slug = textAt(value, `${at}.slug`)
    if (project !== undefined && slug !== undefined) return `${project}/${slug}`
  }
  throw noRepository('repository')
}

/** @throws FanfareError `too_many` */
function changesAt(value: unknown, path: string): readonly unknown[] {
  const changes = listAt(value, path)
  if (changes.length <= MAX_CHANGES) return changes
  throw new FanfareError('too_many', `A push may move ${MAX_CHANGES} refs.`)
}

function actorOf(value: unknown): string | undefined {
  const names = ['actor.display_name', 'actor.displayName', 'actor.nickname', 'actor.name']
  return firstText(value, ...names)
}

// --- Cloud ---

function readCloud(value: unknown, repository: string): ForgeEvent[] {
  const sender = firstText(value, 'actor.nickname', 'actor.username', 'actor.display_name')
  return changesAt(value, 'push.changes').map((change) => {
    const side = memberAt(change, ['new']) ?? memberAt(change, ['old'])
    const name = textAt(side, 'name')
    // The newest comes first there, and five at most.
    const commits = listAt(change, 'commits').map(readCloudCommit).toReversed()
    const push: Push = {
      repository,
      ref: name && `refs/${textAt(side, 'type') === 'tag' ? 'tags' : 'heads'}/${name}`,
      before: textAt(change, 'old.target.hash'),
      after: textAt(change, 'new.target.hash'),
      commits,
      total: flagAt(change, 'truncated') === true ? undefined : commits.length,
      compare: firstText(change, 'links.html.href', 'new.links.html.href'),
      sender,
      pusher: actorOf(value),
      forced: flagAt(change, 'forced'),
      created: flagAt(change, 'created') ?? textAt(change, 'old.name') === undefined,
      deleted: flagAt(change, 'closed') ?? textAt(change, 'new.name') === undefined,
    }
    return pushEvent('bitbucket', push)
  })
}

function readCloudCommit(value: unknown): PushedCommit {
  // `Name <address>`, as git has it.
  const raw = textAt(value, 'author.raw') ?? ''
  const at = raw.lastIndexOf('<')
  const name = at === -1 ? raw.trim() : raw.slice(0, at).trim()
  const email = at === -1 ? '' : raw.slice(at + 1).replace(/>\s*$/, '')
  return {
    id: textAt(value, 'hash'),
    message: textAt(value, 'message'),
    timestamp: textAt(value, 'date'),
    url: textAt(value, 'links.html.href'),
    author: {
      name: name || textAt(value, 'author.user.display_name'),
      email: email || undefined,
      username: firstText(value, 'author.user.nickname', 'author.user.username'),
    },
    added: undefined,
    removed: undefined,
    modified: undefined,
  }
}

// --- Data Center ---

function readServer(value: unknown, repository: string): ForgeEvent[] {
  const changes = changesAt(value, 'changes')
  // They are told of the push as a whole, the newest first.
  const told = changes.length === 1 ? listAt(value, 'commits').map(readServerCommit) : []
  return changes.map((change) => {
    const before = textAt(change, 'fromHash')
    const after = textAt(change, 'toHash')
    const type = textAt(change, 'type')
    const known = Array.isArray(memberAt(value, ['commits'])) && changes.length === 1
    const created = type === undefined ? isZero(before) : type === 'ADD'
    const deleted = type === undefined ? isZero(after) : type === 'DELETE'
    const push: Push = {
      repository,
      ref: firstText(change, 'ref.id', 'refId'),
      before,
      after,
      commits: told.toReversed(),
      total: known ? told.length : undefined,
      compare: undefined,
      sender: textAt(value, 'actor.name'),
      pusher: actorOf(value),
      forced: undefined,
      created,
      deleted,
    }
    return pushEvent('bitbucket', push)
  })
}

function readServerCommit(value: unknown): PushedCommit {
  const time = memberAt(value, ['authorTimestamp'])
  const inRange = typeof time === 'number' && Math.abs(time) <= 8.64e15
  return {
    id: textAt(value, 'id'),
    message: textAt(value, 'message'),
    timestamp: inRange ? new Date(time).toISOString() : undefined,
    url: undefined,
    author: {
      name: firstText(value, 'author.displayName', 'author.name'),
      email: textAt(value, 'author.emailAddress'),
      username: textAt(value, 'author.name'),
    },
    added: undefined,
    removed: undefined,
    modified: undefined,
  }
}

// --- lines ---

const PULL_VERBS: ReadonlyMap<string, string> = new Map([
  ['created', 'opened'],
  ['opened', 'opened'],
  ['updated', 'updated'],
  ['modified', 'updated'],
  ['from_ref_updated', 'pushed to'],
  ['approved', 'approved'],
  ['unapproved', 'took back an approval of'],
  ['reviewer:approved', 'approved'],
  ['reviewer:unapproved', 'took back an approval of'],
  ['reviewer:needs_work', 'requested changes to'],
  ['changes_request_created', 'requested changes to'],
  ['fulfilled', 'merged'],
  ['merged', 'merged'],
  ['rejected', 'declined'],
  ['declined', 'declined'],
  ['deleted', 'deleted'],
  ['comment_created', 'commented on'],
  ['comment:added', 'commented on'],
])

function tell(kind: string, value: unknown, channel: string): Told {
  const who = onLine(actorOf(value) ?? 'Somebody')
  const where = onLine(channel)
  const pull = /^(?:pullrequest|pr):(?<action>.+)$/.exec(kind)?.groups?.['action']
  const verb = pull === undefined ? undefined : PULL_VERBS.get(pull)
  const comment = subjectOf(firstText(value, 'comment.content.raw', 'comment.text'))
  const url = pageOf(value)
  if (verb !== undefined) {
    const what = numbered('pull request', firstText(value, 'pullrequest.id', 'pullRequest.id'))
    const title = subjectOf(firstText(value, 'pullrequest.title', 'pullRequest.title'))
    return { line: withTitle(`${who} ${verb} ${what} in ${where}`, comment || title), url }
  }
  const issue = numbered('issue', textAt(value, 'issue.id'))
  const title = subjectOf(textAt(value, 'issue.title'))
  switch (kind) {
    case 'issue:created':
      return { line: withTitle(`${who} opened ${issue} in ${where}`, title), url }
    case 'issue:updated':
      return { line: withTitle(`${who} updated ${issue} in ${where}`, title), url }
    case 'issue:comment_created':
      return { line: withTitle(`${who} commented on ${issue} in ${where}`, comment), url }
    case 'repo:fork': {
      const fork = firstText(value, 'fork.full_name')
      return {
        line: `${who} forked ${where}${fork === undefined ? '' : ` to ${onLine(fork)}`}`,
        url,
      }
    }
    case 'repo:commit_comment_created': {
      const commit = numbered('commit', textAt(value, 'commit.hash')?.slice(0, 7), '')
      return { line: withTitle(`${who} commented on ${commit} in ${where}`, comment), url }
    }
    case 'repo:commit_status_created':
    case 'repo:commit_status_updated':
      return tellStatus(value, where)
    default:
      return { line: anyLine(who, kind, undefined, where), url }
  }
}

const STATES: ReadonlyMap<string | undefined, string> = new Map([
  ['SUCCESSFUL', 'succeeded'],
  ['FAILED', 'failed'],
  ['INPROGRESS', 'runs'],
  ['STOPPED', 'was stopped'],
])

function tellStatus(value: unknown, where: string): Told {
  const name = onLine(firstText(value, 'commit_status.name', 'commit_status.key') ?? '')
  const state = STATES.get(textAt(value, 'commit_status.state')) ?? 'changed'
  const ref = textAt(value, 'commit_status.refname')
  const words = `${`Build ${name}`.trim()} ${state} in ${where}${ref ? ` (${onLine(ref)})` : ''}`
  return {
    line: withTitle(words, subjectOf(textAt(value, 'commit_status.description'))),
    url: textAt(value, 'commit_status.url'),
  }
}

function pageOf(value: unknown): string | undefined {
  const [link] = listAt(value, 'pullRequest.links.self')
  return (
    firstText(
      value,
      'comment.links.html.href',
      'pullrequest.links.html.href',
      'issue.links.html.href',
      'fork.links.html.href',
    ) ?? textAt(link, 'href')
  )
}
