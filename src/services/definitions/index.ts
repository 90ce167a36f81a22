/** All services, in the order in which socket-push lists them; each is defined here and nowhere else. */
import type { ServiceDefinition } from '../definition.ts'
import { auth } from './auth.ts'
import { channel } from './channel.ts'
import { manager } from './manager.ts'
import { user } from './user.ts'
import { worker } from './worker.ts'

export const SERVICES = { auth, user, channel, worker, manager } as const satisfies Record<
  string,
  ServiceDefinition
>

export type Services = typeof SERVICES
export type ServiceName = keyof Services
