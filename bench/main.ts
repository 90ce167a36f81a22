/** `npm run bench`: plans the runs, makes them one by one, and reports. */
import { join } from 'node:path'
import { crossCheck } from './cross-check/cross-check.ts'
import { HELP, readOptions, UsageError, type Options } from './options.ts'
import { OURS } from './peers/index.ts'
import type { Peer } from './peers/peer.ts'
import { quickCheck } from './quick.ts'
import { writeDocs } from './report/docs.ts'
import { makeReport, type Report, reportText } from './report/report.ts'
import { readRuns, type Results, writeResults } from './report/results.ts'
import { chooseCores } from './run/cores.ts'
import { ROOT } from './run/paths.ts'
import { plan } from './run/plan.ts'
import type { Shape } from './shapes/shape.ts'
import { runAll } from './run/run-all.ts'

const RESULTS = join(ROOT, 'bench/results')

/** Returns the exit code: 1 for a loss or a failed run (or a missed bar, when strict), 2 for usage. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options === undefined) {
    console.log(HELP)
    return 0
  }
  if (options.reportOnly) return tell(makeReport(readRuns(RESULTS), options), options)
  const cores = chooseCores()
  console.error(cores.note)
  const present = options.peers.filter(isPresent)
  if (options.quick) return quickCheck(options, present, cores)
  if (options.crossCheck) return crossCheck(options, present, cores)
  const roundsOf = (shape: Shape): number =>
    options.roundsGiven ? options.rounds : Math.min(options.rounds, shape.rounds ?? options.rounds)
  const planned = plan(options.shapes, present, roundsOf).filter(
    (one) => options.doors === undefined || options.doors.includes(one.door),
  )
  const now = { cores: cores.note, ...options }
  const before: Results = options.add ? readRuns(RESULTS) : { runs: [], settings: now }
  const isMeasuredNow = (shape: string, door: string): boolean =>
    planned.some((one) => one.shape.name === shape && one.door === door)
  const kept = before.runs.filter((run) => !isMeasuredNow(run.shape, run.door))
  const settings = { ...now, parts: kept.length > 0 }
  let path = ''
  const runs = await runAll(planned, { ...options, cores }, (sofar) => {
    // What is known by now outlives an interruption.
    const report = makeReport({ runs: [...kept, ...sofar], settings }, options)
    path = writeResults(report, RESULTS)
  })
  const code = tell(makeReport({ runs: [...kept, ...runs], settings }, options), options)
  console.error(`\nwritten: ${path}`)
  return runs.length === 0 ? 1 : code
}

function isPresent(peer: Peer): boolean {
  const missing = peer.missing()
  if (missing !== undefined) console.error(`${peer.name}: skipped; ${missing}`)
  return missing === undefined
}

/** Shows the report, and writes the documentation where that is asked for. */
function tell(report: Report, options: Options): number {
  console.log(reportText(report))
  const failed = report.runs.some((run) => run.problems.length > 0)
  const own = report.runs.some(({ peer, problems }) => peer === OURS && problems.length > 0)
  if (options.writeDocs && own) {
    console.error('the documentation is not written, because runs of ours failed')
  } else if (options.writeDocs) {
    const folder = options.docs ?? join(ROOT, 'docs')
    for (const path of writeDocs(report, folder)) console.error(`written: ${path}`)
  }
  const missed = report.verdicts.some((verdict) => verdict.state === 'MISSED')
  return failed || (missed && options.strict) ? 1 : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}; see --help`)
  process.exitCode = 2
}
