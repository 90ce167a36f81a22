/**
 * The relay door: the Basic HTTP Push Relay Protocol (rev 2.23), as hbpush and nginx_http_push_module
 * speak it. Source of the wire facts: docs/protocols/relay.md.
 */
import type { Door } from '../door.ts'
import { relayConfig } from './config.ts'
import { PublisherLocation } from './publisher.ts'
import { SubscriberLocation } from './subscriber.ts'

export const relay: Door = {
  name: 'relay',
  config: relayConfig,
  location(location, context) {
    if (location.type === 'publisher') return new PublisherLocation(location, context)
    if (location.type === 'subscriber') return new SubscriberLocation(location, context)
    return undefined
  },
}
