import { FanfareError } from '../../model/errors.ts'
import type { user } from '../definitions/user.ts'
import type { ServiceContext } from './context.ts'
import { jsonMessage } from './message.ts'
import type { RunOf } from './values.ts'

export function userService({ users, config, counted }: ServiceContext): RunOf<typeof user> {
  return {
    remove: async (id) => users.remove(id),
    async publish(id, message) {
      await users.publish(id, jsonMessage(message, config), counted)
    },
    listAll: async () => [...(await users.connected())],
    async getFrontendServer(id) {
      const newest = (await users.connectionsOf(id)).at(-1)
      if (!newest) throw new FanfareError('not_connected')
      return newest.url
    },
    connections: async (id) => users.connectionsOf(id),
    disconnect: (connection) => users.disconnect(connection),
  }
}
