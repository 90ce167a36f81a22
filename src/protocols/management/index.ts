/**
 * The management door: the services over HTTP on a port of their own, as socket-push had them (GET) and
 * as programs would have them (POST), and the console. See docs/management.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door } from '../door.ts'
import { managementConfig, managementKey } from './config.ts'
import { ManagementServer } from './server.ts'

export const management: Door = {
  name: 'management',
  config: managementConfig,
  async start(context) {
    const config = doorOf(context.config, 'management', managementKey)
    if (config === false) return undefined
    const server = new ManagementServer(config, context)
    const place = await server.listen()
    return { places: [place], stop: () => server.close() }
  },
}
