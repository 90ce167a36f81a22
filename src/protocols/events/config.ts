import type { ConfigFragment } from '../../config/schema.ts'
import { Duration } from '../../config/kinds.ts'
import { corsOptions } from '../../http/cors.ts'

/** Options that server-sent events add, to `events` locations and to `subscriber` ones. */
export const eventsOptions = {
  retry: Duration({
    default: '3s',
    description: 'How long an EventSource waits before it connects again.',
  }),
}

export const eventsConfig: ConfigFragment = {
  locationTypes: { events: { ...eventsOptions, ...corsOptions }, subscriber: eventsOptions },
  defaultLocations: [{ type: 'events', prefix: '/events/' }],
}
