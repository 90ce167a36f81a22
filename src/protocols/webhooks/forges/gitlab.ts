import { createHash } from 'node:crypto'
import type { HttpRequest } from '../../../http/exchange.ts'
import { firstText, onLine, subjectOf, textAt } from '../members.ts'
import {
  anyLine,
  type Forge,
  kindOf,
  noRepository,
  numbered,
  pathOfUrl,
  plainEvent,
  type Told,
  withTitle,
} from './forge.ts'
import { readHubPush } from './hub-push.ts'
import { isZero, type Push, pushEvent } from './push.ts'

/**
 * GitLab's webhooks. https://docs.gitlab.com/user/project/integrations/webhook_events/
 */
export const gitlab: Forge = {
  name: 'gitlab',
  read(request, payload) {
    const { value } = payload
    const kind = kindIn(request, value)
    const channel = channelOf(value)
    if (kind === 'push' || kind === 'tag_push') {
      return [pushEvent('gitlab', readPush(value, channel))]
    }
    return [plainEvent('gitlab', kind, channel, tell(kind, value, channel), payload)]
  },
  deliveryOf(request) {
    const id = request.header('webhook-id') ?? request.header('idempotency-key')
    if (id !== undefined) return id
    // Events that a webhook's own work causes have its id too: the body tells them apart.
    const event = request.header('x-gitlab-event-uuid')
    if (event === undefined) return undefined
    return `${event} ${createHash('sha256').update(request.body).digest('hex')}`
  },
}

/** `Merge Request Hook` is `merge_request` in the payload; system hooks have `event_name` alone. */
function kindIn(request: HttpRequest, value: unknown): string {
  const named = request
    .header('x-gitlab-event')
    ?.replace(/ Hook$/, '')
    .toLowerCase()
  const kind = firstText(value, 'object_kind', 'event_name') ?? named?.replaceAll(' ', '_')
  return kindOf(kind)
}

function channelOf(value: unknown): string {
  const channel =
    firstText(value, 'project.path_with_namespace', 'path_with_namespace') ??
    pathOfUrl(value, 'project.web_url', 'repository.homepage', 'repository.git_http_url') ??
    firstText(value, 'group.full_path', 'group.group_path', 'full_path', 'group_path')
  if (channel === undefined) throw noRepository('project or group')
  return channel
}

function readPush(value: unknown, channel: string): Push {
  const push = readHubPush(value, channel)
  const page = firstText(value, 'project.web_url', 'repository.homepage')
  const { before, after } = push
  const both = !isZero(before) && !isZero(after)
  const compare = both && page !== undefined ? `${page}/-/compare/${before}...${after}` : undefined
  return { ...push, compare }
}

const VERBS: ReadonlyMap<string | undefined, string> = new Map([
  [undefined, 'changed'],
  ['open', 'opened'],
  ['close', 'closed'],
  ['reopen', 'reopened'],
  ['update', 'updated'],
  ['merge', 'merged'],
  ['create', 'created'],
  ['delete', 'deleted'],
  ['approval', 'approved'],
  ['unapproval', 'took back an approval of'],
  ['unapproved', 'took back an approval of'],
])

const STATES: ReadonlyMap<string | undefined, string> = new Map([
  [undefined, 'changed'],
  ['success', 'succeeded'],
  ['failed', 'failed'],
  ['canceled', 'was cancelled'],
  ['skipped', 'was skipped'],
  ['running', 'runs'],
  ['pending', 'is pending'],
  ['created', 'is created'],
  ['manual', 'waits for somebody'],
])

function wordOf(words: ReadonlyMap<string | undefined, string>, found: string | undefined): string {
  return words.get(found) ?? onLine((found ?? '').replaceAll('_', ' '))
}

function tell(kind: string, value: unknown, channel: string): Told {
  const who = onLine(firstText(value, 'user.name', 'user_name', 'user.username') ?? 'Somebody')
  const where = onLine(channel)
  const url = firstText(value, 'object_attributes.url', 'url')
  const action = firstText(value, 'object_attributes.action', 'action')
  const verb = wordOf(VERBS, action)
  const iid = textAt(value, 'object_attributes.iid')
  const title = subjectOf(textAt(value, 'object_attributes.title'))
  switch (kind) {
    case 'issue':
    case 'work_item':
      return { line: withTitle(`${who} ${verb} ${numbered('issue', iid)} in ${where}`, title), url }
    case 'merge_request': {
      const what = numbered('merge request', iid, '!')
      return { line: withTitle(`${who} ${verb} ${what} in ${where}`, title), url }
    }
    case 'note': {
      const note = subjectOf(textAt(value, 'object_attributes.note'))
      return { line: withTitle(`${who} commented on ${notedOn(value)} in ${where}`, note), url }
    }
    case 'wiki_page': {
      const page = title === '' ? 'a wiki page' : `wiki page ${title}`
      return { line: `${who} ${verb} ${page} in ${where}`, url }
    }
    case 'pipeline':
      return tellPipeline(value, where)
    case 'build':
      return tellJob(value, where)
    case 'release': {
      const tag = textAt(value, 'tag')
      const name = subjectOf(textAt(value, 'name'))
      const release = numbered('Release', tag && onLine(tag), '')
      const line = withTitle(`${release} ${verb} in ${where}`, name === tag ? '' : name)
      return { line, url }
    }
    case 'deployment':
      return tellDeployment(value, where)
    default:
      return { line: anyLine(who, kind, action && onLine(action), where), url }
  }
}

function notedOn(value: unknown): string {
  switch (textAt(value, 'object_attributes.noteable_type') ?? '') {
    case 'Issue':
      return numbered('issue', textAt(value, 'issue.iid'))
    case 'MergeRequest':
      return numbered('merge request', textAt(value, 'merge_request.iid'), '!')
    case 'Commit':
      return numbered('commit', textAt(value, 'commit.id')?.slice(0, 7), '')
    case 'Snippet':
      return numbered('snippet', textAt(value, 'snippet.id'), '$')
    default:
      return 'something'
  }
}

function tellPipeline(value: unknown, where: string): Told {
  const what = numbered(
    'Pipeline',
    firstText(value, 'object_attributes.iid', 'object_attributes.id'),
  )
  const state = wordOf(STATES, textAt(value, 'object_attributes.status'))
  const words = `${what} ${state} in ${where}${onRef(textAt(value, 'object_attributes.ref'))}`
  const id = textAt(value, 'object_attributes.id')
  const page = textAt(value, 'project.web_url')
  return {
    line: withTitle(words, subjectOf(firstText(value, 'commit.title', 'commit.message'))),
    url:
      textAt(value, 'object_attributes.url') ??
      (page !== undefined && id !== undefined ? `${page}/-/pipelines/${id}` : undefined),
  }
}

function tellJob(value: unknown, where: string): Told {
  const job = numbered('Job', onLine(textAt(value, 'build_name') ?? ''), '').trim()
  const state = wordOf(STATES, textAt(value, 'build_status'))
  const words = `${job} ${state} in ${where}${onRef(textAt(value, 'ref'))}`
  const id = textAt(value, 'build_id')
  const page = firstText(value, 'project.web_url', 'repository.homepage')
  const url = page !== undefined && id !== undefined ? `${page}/-/jobs/${id}` : undefined
  return { line: withTitle(words, subjectOf(textAt(value, 'commit.message'))), url }
}

function tellDeployment(value: unknown, where: string): Told {
  const environment = textAt(value, 'environment')
  const target = environment === undefined ? '' : ` to ${onLine(environment)}`
  const state = wordOf(STATES, textAt(value, 'status'))
  return {
    line: withTitle(
      `Deployment${target} ${state} in ${where}${onRef(textAt(value, 'ref'))}`,
      subjectOf(textAt(value, 'commit_title')),
    ),
    url: textAt(value, 'deployable_url'),
  }
}

function onRef(ref: string | undefined): string {
  return ref === undefined ? '' : ` (${onLine(ref)})`
}
