import { type Static, Type } from 'typebox'
import { Duration, LONGEST_TIMER } from '../config/kinds.ts'
import type { ConfigFragment } from '../config/schema.ts'
import { hasKeys, type JwtOptions } from './jwt.ts'

const timer = { most: LONGEST_TIMER }

const Rules = (description: string, fallback: string[]) =>
  Type.Array(Type.String({ minLength: 1 }), {
    description,
    default: fallback,
    examples: [['news/', 'chat/*']],
  })

function scopes(who: string, publish: string[]) {
  return {
    publish: Rules(
      `What ${who} may publish to: channels, subtrees (\`news/\`; \`/\` is everything), globs.`,
      publish,
    ),
    subscribe: Rules(`What ${who} may follow, written likewise.`, ['/']),
    history: Rules(
      'Of that, where also what was published before may be read: with a cursor, or the newest.',
      ['/'],
    ),
    presence: Rules('Channels of which it is told who is there.', ['/']),
  }
}

/** How tokens are verified, wherever they are taken. */
export const tokenKeys = {
  secret: Type.Optional(
    Type.String({
      description: 'Verifies HS256, HS384 and HS512.',
      minLength: 16,
      writeOnly: true,
      examples: ['at least 16 characters, known to who makes tokens'],
    }),
  ),
  publicKey: Type.Optional(
    Type.String({
      description: 'Verifies RS256, ES256, EdDSA and their kin: a public key in PEM.',
      minLength: 1,
      examples: ['-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n'],
    }),
  ),
}

/** What is looked at in them. */
export const tokenClaims = {
  issuer: Type.Optional(
    Type.String({ description: 'What `iss` must be.', examples: ['https://login.example/'] }),
  ),
  audience: Type.Optional(
    Type.String({ description: 'What `aud` must hold.', examples: ['push.example'] }),
  ),
  claim: Type.String({
    description: 'The claim that is the id of the user.',
    default: 'sub',
    minLength: 1,
  }),
}

const jwt = Type.Object(
  {
    ...tokenKeys,
    jwks: Type.Optional(
      Type.String({
        description:
          'Where the public keys are, as a JSON Web Key Set: a file, or an http: or https: URL.',
        minLength: 1,
        examples: ['https://login.example/.well-known/jwks.json'],
      }),
    ),
    ...tokenClaims,
    scopes: Type.String({
      description:
        "The claim that says what its bearer may do: lists of rules as publish, subscribe, history, presence, and manage. Mercure's claim is read, too. Without either, it may do what `users` says.",
      default: 'fanfare',
      minLength: 1,
    }),
    maxAge: Duration({
      description: 'How long keys of `jwks` are used before they are asked for again.',
      default: '10m',
      least: '1s',
      ...timer,
    }),
    refetch: Duration({
      description: 'How often they are asked for at most, whatever keys tokens name.',
      default: '30s',
      least: '1ms',
      ...timer,
    }),
    timeout: Duration({
      description: 'How long the answer may take.',
      default: '5s',
      least: '10ms',
      ...timer,
    }),
    maxCached: Type.Integer({
      description: 'Verified tokens that are remembered, for the next request with the same.',
      default: 10_000,
      minimum: 0,
    }),
  },
  {
    description:
      'Takes JSON Web Tokens at every door that takes keys. `users.jwt`, where there is one, is the same in short.',
    additionalProperties: false,
  },
)

const hook = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        description:
          'Is asked by POST, with JSON; see docs/security.md. Nothing is asked without it.',
        pattern: '^https?://',
        examples: ['http://127.0.0.1:3000/fanfare'],
      }),
    ),
    on: Type.Array(
      Type.Union([Type.Literal('connect'), Type.Literal('subscribe'), Type.Literal('publish')]),
      {
        description:
          'What it is asked of: of whoever comes without a key and a token (connect), and of what the rules allow (subscribe, publish).',
        default: ['subscribe', 'publish'],
        minItems: 1,
      },
    ),
    headers: Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }), {
      description: 'Header fields of the request that it is told with `connect`.',
      default: ['cookie'],
    }),
    key: Type.Optional(
      Type.String({
        description: 'Is sent to it as `Authorization: Bearer KEY`, so that it knows who asks.',
        minLength: 16,
        writeOnly: true,
        examples: ['at least 16 characters'],
      }),
    ),
    timeout: Duration({
      description: 'How long it may take. Who is not answered for by then, may not.',
      default: '2s',
      least: '10ms',
      ...timer,
    }),
    cache: Duration({
      description: 'How long an answer holds for the same question; 0 = it is asked each time.',
      default: '10s',
      ...timer,
    }),
    maxCached: Type.Integer({
      description: 'Answers that are remembered.',
      default: 10_000,
      minimum: 0,
    }),
    maxWaiting: Type.Integer({
      description: 'Questions that may wait for an answer at once; beyond that, nobody may.',
      default: 1_000,
      minimum: 1,
    }),
  },
  {
    description:
      "Asks the operator's own program who somebody is, and whether it may do what the rules allow. Without an answer, nobody may.",
    additionalProperties: false,
  },
)

export const accessKey = Type.Object(
  {
    keys: Type.String({
      description:
        'The file of keys, which `fanfare key` writes, and which is read again when it changes. It need not be there.',
      default: 'fanfare-data/keys.json',
      minLength: 1,
      examples: ['/etc/fanfare/keys.json'],
    }),
    jwt: Type.Optional(jwt),
    anonymous: Type.Object(scopes('whoever shows no key', []), {
      description: 'Who has shown nothing, and is no trusted peer.',
      additionalProperties: false,
      default: {},
    }),
    trusted: Type.Object(scopes('a trusted peer', ['/']), {
      description: 'What `trustedPeers` may do when they show no key.',
      additionalProperties: false,
      default: {},
    }),
    hook: Type.Optional(hook),
  },
  {
    description: 'Who may do what on which channels. See docs/security.md.',
    additionalProperties: false,
    default: {},
  },
)

export type AccessConfig = Static<typeof accessKey>
export type HookConfig = NonNullable<AccessConfig['hook']>

export const accessConfig: ConfigFragment = {
  keys: { access: accessKey },
  mistakes: ({ doors }) => {
    const { jwt: own } = doors['access'] as AccessConfig
    const { jwt: users } = doors['users'] as { jwt?: JwtOptions }
    if (!hasKeys(own) || !hasKeys(users)) return []
    const message = 'is there beside `users.jwt`; they are the same: keep one'
    return [{ key: 'access', path: 'access.jwt', message }]
  },
}
