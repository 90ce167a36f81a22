import { type Static, Type } from 'typebox'
import { Door, Duration, StoreName } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'

/** One piece of a template: text, a doubled brace, or `{path.to.member}`. */
const PIECE = '(?:[^{}]|\\{\\{|\\}\\}|\\{[^{}.]+(?:\\.[^{}.]+)*\\})'
const TEMPLATE = `^${PIECE}*$`
/** A built-in hook's channel is made of two members only. */
const CHANNEL_TEMPLATE = '^(?:[^{}]|\\{\\{|\\}\\}|\\{(?:channel|kind)\\})+$'
const DATA = '^(?:none|payload|\\{[^{}.]+(?:\\.[^{}.]+)*\\})$'

/** What a secret may be: a text, or several while it is being changed. */
const secretSchema = Type.Union(
  [
    Type.String({ minLength: 1, writeOnly: true }),
    Type.Array(Type.String({ minLength: 1, writeOnly: true }), { minItems: 1, writeOnly: true }),
  ],
  { writeOnly: true, examples: ['a long secret', ['the new one', 'the former one']] },
)

const SEVERAL = 'Several while it is being changed: each holds.'

const channel = Type.String({
  pattern: CHANNEL_TEMPLATE,
  default: '{channel}',
  description:
    'The channel: a template in which `{channel}` is `owner/repo` and `{kind}` the kind of event.',
  examples: ['{channel}', 'forge/{channel}'],
})

const forgeOptions = {
  secret: Type.Optional({
    ...secretSchema,
    description: `The secret that requests are signed with. Without it, only trusted peers may post. ${SEVERAL}`,
  }),
  channel,
}

const gitlabOptions = {
  token: Type.Optional({
    ...secretSchema,
    description: `The secret token (X-Gitlab-Token). Without it and \`signing_token\`, only trusted peers may post. ${SEVERAL}`,
  }),
  signing_token: Type.Optional({
    ...secretSchema,
    examples: ['whsec_YW4gZXhhbXBsZSwgYW5kIG5vIHNlY3JldA=='],
    description: `The signing token (\`whsec_…\`), with which newer GitLabs sign requests. ${SEVERAL}`,
  }),
  channel,
}

const hookSchema = Type.Object(
  {
    channel: Type.String({
      minLength: 1,
      pattern: TEMPLATE,
      description: 'The channel: a template.',
      examples: ['deploys/{environment.name}'],
    }),
    message: Type.String({
      pattern: TEMPLATE,
      default: '{payload}',
      description: 'What people read: a template.',
    }),
    data: Type.String({
      pattern: DATA,
      default: 'payload',
      description:
        'What programs read: `payload` (all of it), one member as `{path.to.member}`, or `none`.',
    }),
    attributes: Type.Record(
      Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,63}$' }),
      Type.String({ pattern: TEMPLATE, maxLength: 1024 }),
      {
        default: {},
        additionalProperties: false,
        description: 'Templates by name; those that come out empty are left out.',
        examples: [{ url: '{links.html}', urgency: 'low' }],
      },
    ),
    secret: Type.Optional({
      ...secretSchema,
      description: `The secret that requests are signed with. Without it, only trusted peers may post. ${SEVERAL}`,
    }),
    signature: Type.Optional(
      Type.Union(
        [
          Type.Literal('standard'),
          Type.Literal('github'),
          Type.Literal('gitlab'),
          Type.Literal('gitea'),
          Type.Literal('bitbucket'),
        ],
        { description: 'How they are signed; `standard` (Standard Webhooks) unless it says.' },
      ),
    ),
  },
  { additionalProperties: false },
)

export const webhooksSchema = Door(
  {
    store: StoreName(),
    deliveries: Type.Integer({
      description:
        'How many ids of deliveries are remembered at most, for limits.idempotencyWindow; 0 = none.',
      default: 10_000,
      minimum: 0,
    }),
    tolerance: Duration({
      description: 'How far the time in a signed request may be off, before or after.',
      default: '5m',
      least: '1s',
    }),
    github: Door(forgeOptions, { description: "GitHub's webhooks, at `/github`." }),
    gitlab: Door(gitlabOptions, { description: "GitLab's webhooks, at `/gitlab`." }),
    gitea: Door(forgeOptions, {
      description: 'Webhooks of Gitea, Forgejo and Gogs, at `/gitea`.',
    }),
    bitbucket: Door(forgeOptions, {
      description: "Webhooks of Bitbucket's Cloud and Data Center, at `/bitbucket`.",
    }),
    hooks: Type.Record(Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }), hookSchema, {
      default: {},
      additionalProperties: false,
      examples: [{ deploys: { channel: 'deploys/{environment.name}', secret: 'a long secret' } }],
      description:
        'Hooks of your own by name, at `/hooks/NAME`; a name is 1 to 64 letters, digits, `_` or `-`.',
    }),
  },
  { description: 'Webhooks of git forges and of everybody else, and the form at `/`.' },
)

export type WebhooksOptions = Exclude<Static<typeof webhooksSchema>, false>
export type HookOptions = Static<typeof hookSchema>
export type Secret = Static<typeof secretSchema>

export const FORGES = ['github', 'gitlab', 'gitea', 'bitbucket'] as const
export type ForgeName = (typeof FORGES)[number]

/** The paths that are served. */
function pathsOf(options: WebhooksOptions | false): string[] {
  if (options === false) return []
  const forges = FORGES.filter((name) => options[name] !== false).map((name) => `/${name}`)
  return ['/', ...forges, ...Object.keys(options.hooks).map(hookPath)]
}

export function hookPath(name: string): string {
  return `/hooks/${name}`
}

export const webhooksConfig: ConfigFragment = {
  keys: { webhooks: webhooksSchema },
  fixedPaths: (doors) => pathsOf(doors['webhooks'] as WebhooksOptions | false),
}
