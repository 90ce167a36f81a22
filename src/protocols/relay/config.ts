import { Type } from 'typebox'
import type { ConfigFragment } from '../../config/schema.ts'
import { corsOptions } from '../../http/cors.ts'

/** Options of a `publisher` location, named as in hbpush. */
export const publisherOptions = {
  create_on_post: Type.Boolean({
    default: true,
    description:
      'Whether a POST to a channel that is not known creates it. If not, 404 until a PUT.',
  }),
}

/** Options of a `subscriber` location, named as in hbpush and its fork. */
export const subscriberOptions = {
  polling: Type.Union([Type.Literal('long'), Type.Literal('interval')], {
    default: 'long',
    description:
      'Whether a request for a message that is not there yet waits for it (long) or is answered 304 at once (interval).',
  }),
  create_on_get: Type.Boolean({
    default: false,
    description: 'Whether a poll of a channel that is not known creates it and waits. If not, 404.',
  }),
  concurrency: Type.Union(
    [Type.Literal('broadcast'), Type.Literal('last'), Type.Literal('first')],
    {
      default: 'broadcast',
      description:
        'Who may wait on one channel: everyone (broadcast), the newest request (last: others get 409), or the oldest (first: new ones get 409).',
    },
  ),
}

export const relayConfig: ConfigFragment = {
  locationTypes: {
    publisher: { ...publisherOptions, ...corsOptions },
    subscriber: { ...subscriberOptions, ...corsOptions },
  },
  defaultLocations: [
    { type: 'publisher', prefix: '/publisher/' },
    { type: 'subscriber', prefix: '/subscriber/' },
  ],
}
