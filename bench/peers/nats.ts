import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { natsDoor } from '../doors/nats.ts'
import { freePort } from '../run/launch.ts'
import { scratch } from '../run/paths.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

/** Debian has it where only root's PATH looks. */
const PROGRAM = ['/usr/sbin/nats-server', '/usr/local/bin/nats-server', '/usr/bin/nats-server']

function program(): string | undefined {
  return PROGRAM.find((path) => existsSync(path))
}

/** NATS core, in its own protocol beside our redis door. */
export const nats: Peer = {
  name: 'nats',
  about: 'nats-server, core NATS in its own protocol',
  doors: { redis: natsDoor() },
  missing: () =>
    program() === undefined
      ? 'install it: apt-get install -y --no-install-recommends nats-server'
      : undefined,
  async start(core) {
    const found = program()
    if (found === undefined) throw new Error('nats-server is missing')
    const port = await freePort()
    return startServer({
      command: ['env', 'GOMAXPROCS=1', found, '-a', '127.0.0.1', '-p', String(port)],
      core,
      cwd: scratch('nats'),
      port,
      version: () => spawnSync(found, ['-v'], { encoding: 'utf8' }).stdout.trim(),
    })
  },
}
