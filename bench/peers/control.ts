import { join } from 'node:path'
import { postForm } from '../doors/http.ts'
import { sseDoor } from '../doors/stream.ts'
import { freePort } from '../run/launch.ts'
import { BENCH, scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const publish = postForm((channel) => `/publisher/${channel}`, false)

/** The same bytes on the same runtime without our code: what Node and the kernel cost by themselves. */
export const control: Peer = {
  name: 'control',
  about: 'bench/control: the same bytes from bare node:net, nothing kept',
  doors: { sse: sseDoor((channel) => `/events/${channel}`, publish) },
  missing: () => undefined,
  async start(core) {
    const port = await freePort()
    return startServer({
      command: [process.execPath, join(BENCH, 'control/server.js'), String(port)],
      core,
      cwd: scratch('control'),
      port,
      version: () => `node:net ${process.version}`,
    })
  },
}
