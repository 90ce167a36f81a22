import type { Options } from './options.ts'
import { OURS } from './peers/index.ts'
import type { Peer } from './peers/peer.ts'
import { number } from './report/format.ts'
import type { Cores } from './run/cores.ts'
import { measure } from './run/measure.ts'
import { shapeNamed } from './shapes/index.ts'

/** A ratio that says that something is badly broken when it is not reached. */
interface QuickBar {
  readonly door: string
  readonly against: string
  /** Half of what is usual and less, so that a busy machine does not fail it. */
  readonly atLeast: number
}

const SHAPE = 'fanout'
const METRIC = 'deliveries'

const QUICK_BARS: readonly QuickBar[] = [
  { door: 'redis', against: 'redis', atLeast: 1 },
  { door: 'sse', against: 'nchan', atLeast: 5 },
]

/** A bar that is missed is looked at once more: another process may have had the core. */
const TRIES = 2

/**
 * Percent of a core that others may use: beyond that a ratio says who got the core, and a miss is told but
 * fails nothing.
 */
const DISTURBED = 30

/** Saturated fan-out against two peers. @returns the exit code */
export async function quickCheck(
  options: Options,
  peers: readonly Peer[],
  cores: Cores,
): Promise<number> {
  let failed = false
  for (const bar of QUICK_BARS) {
    const theirs = peers.find((peer) => peer.name === bar.against)
    const ours = peers.find((peer) => peer.name === OURS)
    if (ours === undefined || theirs === undefined) {
      console.log(`${bar.door}: not checked, ${bar.against} is missing`)
      continue
    }
    let met = false
    let disturbed = false
    for (let round = 1; round <= TRIES && !met; round++) {
      const rates: number[] = []
      disturbed = false
      for (const peer of [ours, theirs]) {
        const planned = { shape: shapeNamed(SHAPE), door: bar.door, peer, round }
        const run = await measure(planned, { ...options, cores })
        for (const problem of run.problems) console.log(`${peer.name}: ${problem}`)
        disturbed ||= (run.metrics.others ?? 0) > DISTURBED
        failed ||= run.problems.length > 0
        rates.push(run.problems.length > 0 ? Number.NaN : (run.metrics[METRIC] ?? Number.NaN))
      }
      const [our = Number.NaN, their = Number.NaN] = rates
      const value = our / their
      met = value >= bar.atLeast
      const last = disturbed ? 'missed, on a machine that does other things' : 'MISSED'
      const verdict = met ? 'met' : round < TRIES ? 'missed, once more' : last
      console.log(
        `${bar.door}: ${number(our)} deliveries/s, ${bar.against} ${number(their)}: ` +
          `${number(value)} ×, must be ≥ ${bar.atLeast}: ${verdict}`,
      )
    }
    failed ||= !met && !disturbed
  }
  return failed ? 1 : 0
}
