import { type Static, Type } from 'typebox'
import { entranceOptions } from '../../config/entrance.ts'
import { Door, Duration, LONGEST_TIMER, StoreName } from '../../config/kinds.ts'
import type { ConfigFragment } from '../../config/schema.ts'

const options = {
  port: Type.Union([Type.Integer({ minimum: 0, maximum: 65_535 }), Type.String({ minLength: 1 })], {
    description:
      'The port to listen on, 0 = any free one; a text is the path of a UNIX socket, whose clients ' +
      'count as 127.0.0.1.',
    default: 2069,
    examples: [2069, '/run/fanfare/feed.sock'],
  }),
  address: Type.Optional(
    Type.String({
      description:
        "The address to listen on; '' = all interfaces. That of the main port unless given.",
      examples: ['127.0.0.1', '0.0.0.0', '::'],
    }),
  ),
  ...entranceOptions,
  store: StoreName(),
  stillalive: Duration({
    description: 'How often a subscriber is sent `{"stillalive": …}`; 0 = never.',
    default: '5s',
    most: '5m',
  }),
  statistics: Type.Union([Type.Literal('trusted'), Type.Literal('everyone')], {
    description: 'Who gets the statistics that HEAD answers: trusted peers, or everyone.',
    default: 'trusted',
  }),
  requestTimeout: Duration({
    description: 'How long a client may take to send a request head.',
    default: '20s',
    least: '1ms',
    most: LONGEST_TIMER,
  }),
  bodyTimeout: Duration({
    description: 'How long a publisher may pause within what it posts.',
    default: '5s',
    least: '1ms',
    most: LONGEST_TIMER,
  }),
  maxLines: Type.Integer({
    description: 'Events in one request.',
    default: 10_000,
    minimum: 1,
  }),
}

export const feedKey = Door(options, {
  description: 'The feed: GitPubSub on a port of its own. See docs/protocols/feed.md.',
})

export type FeedConfig = Exclude<Static<typeof feedKey>, false>

export const feedConfig: ConfigFragment = { keys: { feed: feedKey } }
