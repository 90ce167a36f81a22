import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { postForm } from '../doors/http.ts'
import { socketioDoor } from '../doors/socketio.ts'
import { freePort } from '../run/launch.ts'
import { BENCH, ROOT, scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const publish = postForm((channel) => `/publisher/${channel}`, false)

/** The server that Socket.IO comes with, as its documentation has it. */
export const socketio: Peer = {
  name: 'socketio',
  about: 'stock socket.io 4: each client in a room, `io.to(room).emit` for each POST',
  doors: { socketio: socketioDoor(() => ({}), publish) },
  missing: () => undefined,
  async start(core) {
    const port = await freePort()
    return startServer({
      command: [process.execPath, join(BENCH, 'peers/socketio-server.js'), String(port)],
      core,
      cwd: scratch('socketio'),
      port,
      version,
    })
  },
}

function version(): string {
  const path = join(ROOT, 'node_modules/socket.io/package.json')
  const packaged: unknown = JSON.parse(readFileSync(path, 'utf8'))
  return `socket.io ${(packaged as { version: string }).version}`
}
