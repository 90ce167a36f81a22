import { join } from 'node:path'
import { postForm } from '../doors/http.ts'
import { redisDoor } from '../doors/redis.ts'
import { socketioDoor } from '../doors/socketio.ts'
import { ENVELOPES, sseDoor, websocketDoor } from '../doors/stream.ts'
import { freePort } from '../run/launch.ts'
import { BENCH, scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { nodeCommand, startServer } from './server.ts'

const publish = postForm((channel) => `/publisher/${channel}`, false)

/** The doors that the control and the floor imitate, by the framing they are started with. */
export const IMITATED = {
  sse: sseDoor((channel) => `/events/${channel}`, publish),
  websocket: websocketDoor((channel) => `/ws/${channel}`, publish, ENVELOPES),
  redis: redisDoor('main'),
  socketio: socketioDoor(() => ({}), publish),
}

/** The same bytes on the same runtime without our code: what Node and the kernel cost by themselves. */
export const control: Peer = {
  name: 'control',
  about: 'bench/control: the same bytes from bare node:net, nothing kept',
  doors: IMITATED,
  onlyIn: ['fanout', 'paced'],
  missing: () => undefined,
  async start(core, door) {
    const port = await freePort()
    return startServer({
      command: nodeCommand(join(BENCH, 'control/server.js'), String(port), door),
      node: true,
      core,
      cwd: scratch('control'),
      port,
      version: () => `node:net ${process.version}`,
    })
  },
}
