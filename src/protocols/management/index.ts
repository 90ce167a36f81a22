/**
 * The management door: the services over HTTP on a port of their own, as socket-push had them (GET) and
 * as programs would have them (POST), and the console. See docs/management.md.
 */
import { doorOf } from '../../config/types.ts'
import type { Door, DoorContext } from '../door.ts'
import { runningServer } from '../running.ts'
import { managementConfig, managementKey } from './config.ts'
import { ManagementServer } from './server.ts'

export const management: Door = {
  name: 'management',
  config: managementConfig,
  usesUsers: true,
  async start(context, former) {
    const config = optionsIn(context)
    if (config === false) return undefined
    const server = new ManagementServer(config, context)
    const place = await server.listen(former?.listener)
    return {
      ...runningServer(server, place, optionsIn),
      listener: server.listener,
      // A reload may bring TLS to the port, or end it.
      get places() {
        return [server.place ?? place]
      },
      staysToTheEnd: true,
    }
  },
}

const optionsIn = ({ config }: DoorContext) => doorOf(config, 'management', managementKey)
