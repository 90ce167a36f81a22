import { demo } from './demo/index.ts'
import type { Door } from './door.ts'
import { events } from './events/index.ts'
import { fanout } from './fanout/index.ts'
import { feed } from './feed/index.ts'
import { management } from './management/index.ts'
import { redis } from './redis/index.ts'
import { relay } from './relay/index.ts'
import { scan } from './scan/index.ts'
import { socketio } from './socketio/index.ts'
import { sparkleshare } from './sparkleshare/index.ts'
import { webhooks } from './webhooks/index.ts'
import { websocket } from './websocket/index.ts'

/**
 * Every protocol. Where several serve one location, the first that takes a request has it: those
 * that ask for something special stand before the relay, which takes all the rest.
 */
export const DOORS: readonly Door[] = [
  websocket,
  events,
  relay,
  feed,
  redis,
  socketio,
  webhooks,
  scan,
  sparkleshare,
  fanout,
  management,
  demo,
]
