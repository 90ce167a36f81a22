import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { postForm } from '../doors/http.ts'
import { emitForm, socketioDoor } from '../doors/socketio.ts'
import { freePort } from '../run/launch.ts'
import { BENCH, ROOT, scratch } from '../run/paths.ts'
import type { Peer, Running } from './peer.ts'
import { nodeCommand, startServer } from './server.ts'

const publish = postForm((channel) => `/publisher/${channel}`, false)
const door = socketioDoor(() => ({}), publish)

/** The server that Socket.IO comes with, as its documentation has it. */
export const socketio: Peer = {
  name: 'socketio',
  about: 'stock socket.io 4: each client in a room, `io.to(room).emit` for each POST',
  doors: {
    socketio: door,
    'socketio-publish': { ...door, publish: emitForm(() => ({})) },
  },
  missing: () => undefined,
  start: (core) => start(core, []),
}

/** The same with `connectionStateRecovery`, for clients that come back. */
export const socketioRecovery: Peer = {
  name: 'socketio-recovery',
  about: 'stock socket.io 4 with connectionStateRecovery',
  doors: { socketio: door },
  onlyIn: ['storm', 'jitter'],
  missing: () => undefined,
  start: (core) => start(core, ['recovery']),
}

async function start(core: number | undefined, more: readonly string[]): Promise<Running> {
  const port = await freePort()
  const script = join(BENCH, 'peers/socketio-server.js')
  return startServer({
    command: nodeCommand(script, String(port), ...more),
    node: true,
    core,
    cwd: scratch('socketio'),
    port,
    version: () => `socket.io ${versionOf('socket.io')}`,
  })
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const path = join(ROOT, 'node_modules', name, 'package.json')
  const packaged: unknown = JSON.parse(readFileSync(path, 'utf8'))
  return (packaged as { version: string }).version
}
