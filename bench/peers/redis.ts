import { spawnSync } from 'node:child_process'
import { redisDoor, xreadDoor } from '../doors/redis.ts'
import { freePort } from '../run/launch.ts'
import { scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

/** redis-server, with nothing written to disk and room for many clients. */
export const redis: Peer = {
  name: 'redis',
  about: 'redis-server, nothing written to disk; PUBLISH keeps nothing',
  doors: { redis: redisDoor('main'), xread: xreadDoor('main') },
  missing: () =>
    spawnSync('redis-server', ['--version']).status === 0
      ? undefined
      : 'install it: apt-get install -y --no-install-recommends redis-server',
  async start(core) {
    const port = await freePort()
    const bound = ['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'no']
    const memory = ['--save', '', '--appendonly', 'no']
    // A slow reader is not to be ended in the middle of a run; 15,000 clients are not to be too many.
    const limits = ['--maxclients', '19000', '--client-output-buffer-limit', 'pubsub 0 0 0']
    const backlog = ['--tcp-backlog', '4096']
    return startServer({
      command: ['redis-server', ...bound, ...memory, ...limits, ...backlog],
      core,
      cwd: scratch('redis'),
      port,
      version,
    })
  },
}

function version(): string {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  return /v=(\S+)/.exec(stdout)?.[1] ?? '?'
}
