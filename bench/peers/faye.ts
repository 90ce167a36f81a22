import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fayeDoor } from '../doors/faye.ts'
import { postForm } from '../doors/http.ts'
import { freePort } from '../run/launch.ts'
import { BENCH, ROOT, scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { nodeCommand, startServer } from './server.ts'
import { versionOf } from './socketio.ts'

const publish = postForm((channel) => `/publisher/${channel}`, false)

/** faye, Bayeux over WebSocket, beside our WebSocket door. */
export const faye: Peer = {
  name: 'faye',
  about: 'stock faye, Bayeux over WebSocket',
  doors: { websocket: fayeDoor(publish) },
  missing: () =>
    existsSync(join(ROOT, 'node_modules/faye')) ? undefined : 'install it: npm install faye',
  async start(core) {
    const port = await freePort()
    return startServer({
      command: nodeCommand(join(BENCH, 'peers/faye-server.js'), String(port)),
      node: true,
      core,
      cwd: scratch('faye'),
      port,
      version: () => `faye ${versionOf('faye')}`,
    })
  },
}
