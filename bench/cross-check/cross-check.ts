import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Options } from '../options.ts'
import type { Peer, Running } from '../peers/peer.ts'
import { number } from '../report/format.ts'
import { aligned } from '../report/table.ts'
import { type Cores, onCore } from '../run/cores.ts'
import { measure } from '../run/measure.ts'
import { removeScratch, scratch } from '../run/paths.ts'
import { shapeNamed } from '../shapes/index.ts'
import { BODY_BYTES } from '../shapes/shape.ts'

const CONNECTIONS = 8
const SHAPE = `publish-${CONNECTIONS}`
const METRIC = 'published'
/** Publishes by redis-benchmark for each second that is asked for. */
const EACH_SECOND = 50_000

/** Another load generator for a shape and door. */
interface Other {
  readonly name: string
  readonly door: string
  readonly peers: readonly string[]
  /** Its publishes a second, or NaN where it did not say. */
  readonly run: (server: Running, cores: Cores, seconds: number) => number
}

function output(command: readonly string[], core: number | undefined): string {
  const [file = '', ...args] = onCore(core, command)
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' })
  return `${stdout}${stderr}`
}

const SCRIPT = `wrk.method = "POST"
wrk.body = string.rep("x", ${BODY_BYTES})
wrk.headers["Content-Type"] = "text/plain"
`

const OTHERS: readonly Other[] = [
  {
    name: 'wrk',
    door: 'relay',
    peers: ['fanfare', 'nchan'],
    run(server, cores, seconds) {
      const folder = scratch('wrk')
      const script = join(folder, 'post.lua')
      writeFileSync(script, SCRIPT)
      const url = `http://127.0.0.1:${server.ports.main}/publisher/bench`
      const size = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`]
      const said = output(['wrk', ...size, '-s', script, url], cores.driver)
      removeScratch(folder)
      if (/Non-2xx/.test(said)) return Number.NaN
      return Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1])
    },
  },
  {
    name: 'redis-benchmark',
    door: 'redis',
    peers: ['fanfare', 'redis'],
    run(server, cores, seconds) {
      const port = String(server.ports.redis ?? server.ports.main)
      const size = ['-c', String(CONNECTIONS), '-n', String(EACH_SECOND * seconds), '-P', '1']
      const command = ['PUBLISH', 'bench', 'x'.repeat(BODY_BYTES)]
      const said = output(['redis-benchmark', '-p', port, ...size, ...command], cores.driver)
      return Number(/throughput summary: ([\d.]+)|([\d.]+) requests per second/.exec(said)?.[1])
    },
  },
]

/**
 * Measures publishing one by one with load generators that are not ours, and with ours: what is true
 * shows in both. Medians of the rounds. @returns the exit code
 */
export async function crossCheck(
  options: Options,
  peers: readonly Peer[],
  cores: Cores,
): Promise<number> {
  const rows: string[][] = []
  for (const other of OTHERS) {
    if (spawnSync(other.name, ['--version']).error !== undefined) {
      console.log(
        `${other.name} is missing: apt-get install -y --no-install-recommends wrk redis-tools`,
      )
      continue
    }
    const found: { name: string; theirs: number; ours: number }[] = []
    for (const peer of peers.filter((one) => other.peers.includes(one.name))) {
      const theirs: number[] = []
      const ours: number[] = []
      for (let round = 1; round <= options.rounds; round++) {
        const server = await peer.start(cores.server, other.door)
        theirs.push(other.run(server, cores, options.seconds))
        await server.stop()
        const planned = { shape: shapeNamed(SHAPE), door: other.door, peer, round }
        const run = await measure(planned, { ...options, cores })
        for (const problem of run.problems) console.error(`${peer.name}: ${problem}`)
        ours.push(run.metrics[METRIC] ?? Number.NaN)
      }
      found.push({ name: peer.name, theirs: middle(theirs), ours: middle(ours) })
    }
    const [first] = found
    for (const { name, theirs, ours } of found) {
      rows.push([
        name,
        other.name,
        number(theirs),
        number((first?.theirs ?? Number.NaN) / theirs),
        number(ours),
        number((first?.ours ?? Number.NaN) / ours),
      ])
    }
  }
  const head = ['server', 'by', 'publishes/s', 'ours ÷ theirs', 'by our driver', 'ours ÷ theirs']
  console.log(`Publishing one by one on ${CONNECTIONS} connections, ${BODY_BYTES} bytes`)
  console.log(aligned([head, ...rows]))
  return rows.length === 0 ? 1 : 0
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
