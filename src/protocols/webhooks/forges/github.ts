import { firstText, hasMember, textAt } from '../members.ts'
import { type Forge, kindOf, noRepository, plainEvent } from './forge.ts'
import { tellHubEvent } from './hub-lines.ts'
import { readHubPush } from './hub-push.ts'
import { pushEvent } from './push.ts'

/**
 * GitHub's webhooks, and the form in which Notistream knew them: a form's field `payload`, no header
 * that names the event, and `repository.owner.name`.
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads
 */
export const github: Forge = {
  name: 'github',
  read(request, payload) {
    const { value } = payload
    const named = request.header('x-github-event')
    const kind = named === undefined ? guess(value) : kindOf(named)
    const channel = hubChannel(value)
    if (kind === 'push') return [pushEvent('github', readHubPush(value, channel))]
    const told = tellHubEvent(kind, value, channel)
    return [plainEvent('github', kind, channel, told, payload)]
  },
  deliveryOf: (request) => request.header('x-github-delivery'),
}

/** Nothing but pushes was sent when no header said what it was. */
export function guess(value: unknown): string {
  return hasMember(value, 'commits') && hasMember(value, 'ref') ? 'push' : 'unknown'
}

/** `owner/repo`; for what concerns no repository the organization, or the account. */
export function hubChannel(value: unknown): string {
  const name = repositoryOf(value, 'repository')
  const channel =
    name ?? firstText(value, 'organization.login', 'organization.username', 'sender.login')
  if (channel === undefined) throw noRepository('repository, organization or sender')
  return channel
}

export function repositoryOf(value: unknown, at: string): string | undefined {
  const full = textAt(value, `${at}.full_name`)
  if (full !== undefined) return full
  const owner = firstText(value, `${at}.owner.name`, `${at}.owner.login`, `${at}.owner.username`)
  const name = textAt(value, `${at}.name`)
  return owner === undefined || name === undefined ? undefined : `${owner}/${name}`
}
