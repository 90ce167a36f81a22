/**
 * The webhooks door: what git forges and others post when something happens becomes a message. GitHub,
 * GitLab, Gitea and its kin, Bitbucket, hooks of one's own, and Notistream's form at `/`. See
 * docs/protocols/webhooks.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Hub } from '../../hub/contract.ts'
import type { Draft } from '../../model/message.ts'
import type { Door } from '../door.ts'
import { connectionErrors } from '../reporting.ts'
import {
  FORGES,
  type ForgeName,
  hookPath,
  webhooksConfig,
  type WebhooksOptions,
  webhooksSchema,
} from './config.ts'
import { channelOf, CustomHook } from './custom.ts'
import { Deliveries } from './deliveries.ts'
import { bitbucket } from './forges/bitbucket.ts'
import type { Forge, ForgeEvent } from './forges/forge.ts'
import { gitea } from './forges/gitea.ts'
import { github } from './forges/github.ts'
import { gitlab } from './forges/gitlab.ts'
import { Hook, type HookContext, type HookOptions } from './hook.ts'
import { readForgePayload } from './payload.ts'
import { post, TEXT } from './post.ts'
import { forgeScheme, hookScheme } from './schemes.ts'
import { Template } from './template.ts'

/** What was delivered stays known under another configuration: nothing may be replayed for it. */
const delivered = new WeakMap<Hub, Deliveries>()

export const webhooks: Door = {
  name: 'webhooks',
  config: webhooksConfig,
  /** @throws Error for secrets that cannot be what they are said to be */
  routes(context): readonly Hook[] {
    const options = doorOf(context.config, 'webhooks', webhooksSchema)
    if (options === false) return []
    const { limits } = context.config
    const hub = context.hub(options.store)
    const { idempotencyWindow } = limits
    const deliveries = new Deliveries(
      idempotencyWindow,
      options.deliveries,
      Date.now,
      delivered.get(hub),
    )
    delivered.set(hub, deliveries)
    const shared: HookContext = {
      hub,
      access: context.access,
      deliveries,
      traffic: context.traffic.of('webhooks'),
      onError: connectionErrors(context),
    }
    return [post, ...forgeHooks(options), ...customHooks(options, limits.maxBodyBytes)].map(
      (hook) => new Hook(hook, shared),
    )
  },
}

const FORGE_BY_NAME: Readonly<Record<ForgeName, Forge>> = { github, gitlab, gitea, bitbucket }

function forgeHooks(options: WebhooksOptions): HookOptions[] {
  return FORGES.flatMap((name) => {
    const own = options[name]
    if (own === false) return []
    const forge = FORGE_BY_NAME[name]
    const channel = new Template(own.channel)
    return {
      name,
      path: `/${name}`,
      scheme: forgeScheme(name, options),
      read: (exchange) => {
        const events = forge.read(exchange, readForgePayload(exchange))
        return events.map((event) => draftOf(event, channel))
      },
      deliveryOf: (exchange) => forge.deliveryOf(exchange),
    } satisfies HookOptions
  })
}

function customHooks(options: WebhooksOptions, maxBytes: number): HookOptions[] {
  return Object.entries(options.hooks).map(([name, own]) => {
    const hook = new CustomHook(own, maxBytes)
    const { scheme, deliveryOf } = hookScheme(`webhooks.hooks.${name}`, own, options)
    return {
      name: `hooks/${name}`,
      path: hookPath(name),
      scheme,
      read: (exchange) => [hook.read(exchange)],
      deliveryOf,
    } satisfies HookOptions
  })
}

function draftOf({ channel, kind, line, data, attributes }: ForgeEvent, template: Template): Draft {
  return {
    channel: channelOf(template, { value: { channel, kind }, text: '{}' }),
    body: Buffer.from(line),
    contentType: TEXT,
    data,
    attributes,
  }
}
