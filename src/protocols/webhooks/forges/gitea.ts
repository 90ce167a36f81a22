import { firstText } from '../members.ts'
import type { HttpRequest } from '../../../http/exchange.ts'
import { type Forge, kindOf, plainEvent } from './forge.ts'
import { guess, hubChannel } from './github.ts'
import { tellHubEvent } from './hub-lines.ts'
import { readHubPush } from './hub-push.ts'
import { pushEvent } from './push.ts'

/**
 * Gitea, Forgejo and Gogs: GitHub's form of payloads with headers of their own.
 * https://docs.gitea.com/usage/webhooks
 */
export const gitea: Forge = {
  name: 'gitea',
  read(request, payload) {
    const { value } = payload
    const named = oneOf(request, 'x-forgejo-event', 'x-gitea-event', 'x-gogs-event')
    const kind = named === undefined ? guess(value) : kindOf(named)
    const fork = kind === 'fork' ? firstText(value, 'forkee.full_name') : undefined
    // The repository of a fork event is the new one there; whoever follows the old one is meant.
    const channel = fork ?? hubChannel(value)
    if (kind === 'push') return [pushEvent('gitea', readHubPush(value, channel))]
    const told = tellHubEvent(kind, value, channel)
    return [plainEvent('gitea', kind, channel, told, payload)]
  },
  deliveryOf: (request) =>
    oneOf(request, 'x-forgejo-delivery', 'x-gitea-delivery', 'x-gogs-delivery'),
}

/** The first that is there of a header's names: the younger forges send those of the older too. */
function oneOf(request: HttpRequest, ...names: readonly string[]): string | undefined {
  return names.map((name) => request.header(name)).find((value) => value !== undefined)
}
