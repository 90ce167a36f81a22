import { type Static, Type } from 'typebox'
import { tokenClaims, tokenKeys } from '../access/config.ts'
import { Duration, LONGEST_TIMER, StoreName } from '../config/kinds.ts'
import type { ConfigFragment } from '../config/schema.ts'

const Channels = (description: string, fallback: string[], examples: string[][]) =>
  Type.Array(Type.String({ minLength: 1 }), { description, default: fallback, examples })

export const usersKey = Type.Object(
  {
    store: StoreName("The name of the store that keeps what users are sent, and users' channels."),
    removeUserAfterDisconnectTimeOut: Duration({
      description:
        'How long after its last connection a user keeps its subscriptions and can be published to; ' +
        '0 = not at all.',
      default: '20s',
      most: LONGEST_TIMER,
    }),
    authenticationTimeOut: Duration({
      description: 'How long a client that has connected may take to log in.',
      default: '10s',
      least: '1ms',
      most: LONGEST_TIMER,
    }),
    subscribe: Channels(
      'What a user may subscribe to from its client: channels, subtrees (`news/`; `/` is everything), ' +
        'globs; `{user}` is the id of the user.',
      ['/'],
      [['news/', 'private/{user}']],
    ),
    publish: Channels(
      'What a user may publish to from its client, written likewise. Nothing, unless this says so.',
      [],
      [['chat/*']],
    ),
    presence: Channels(
      'Channels of which it is told who is there, and who comes and goes, written likewise.',
      [],
      [['chat/']],
    ),
    jwt: Type.Optional(
      Type.Object(
        {
          ...tokenKeys,
          ...tokenClaims,
        },
        {
          description: 'Lets users log in with a JSON Web Token instead of a session.',
          additionalProperties: false,
        },
      ),
    ),
    maxUsers: Type.Integer({
      description: 'Users with a session, a subscription or a connection at most.',
      default: 100_000,
      minimum: 1,
    }),
    maxSessions: Type.Integer({
      description: 'Sessions of one user at most; the oldest goes.',
      default: 100,
      minimum: 1,
    }),
    maxConnections: Type.Integer({
      description: 'Open connections of one user at most.',
      default: 100,
      minimum: 1,
    }),
    maxSubscriptions: Type.Integer({
      description: 'Channels that one user is subscribed to at most.',
      default: 1000,
      minimum: 1,
    }),
  },
  {
    description: 'Who logs in, and what they may do. See docs/protocols/socketio.md.',
    additionalProperties: false,
    default: {},
  },
)

export type UsersConfig = Static<typeof usersKey>

export const usersConfig: ConfigFragment = { keys: { users: usersKey } }
