import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { freePort } from '../run/launch.ts'
import { ROOT, scratch } from '../run/paths.ts'
import { IMITATED } from './control.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const SOURCE = join(ROOT, 'bench/floor/floor.c')
const COMPILER = process.env.CC ?? 'cc'

/** What the kernel alone costs: a C program that sends the same bytes and does nothing else. */
export const floor: Peer = {
  name: 'floor',
  about: 'bench/floor: the same bytes, one send() for each subscriber and loop turn, in C',
  doors: IMITATED,
  onlyIn: ['fanout', 'paced', 'growth-subscribers', 'growth-subscribers-paced'],
  missing: () =>
    spawnSync(COMPILER, ['--version']).status === 0
      ? undefined
      : 'install a C compiler: apt-get install -y --no-install-recommends gcc libc6-dev',
  async start(core, door) {
    const folder = scratch('floor')
    const program = join(folder, 'floor')
    const built = spawnSync(COMPILER, ['-O2', '-o', program, SOURCE], { encoding: 'utf8' })
    if (built.status !== 0) throw new Error(`${SOURCE} does not compile: ${built.stderr}`)
    const port = await freePort()
    return startServer({
      command: [program, String(port), door],
      core,
      cwd: folder,
      port,
      version: () => 'C',
    })
  },
}
