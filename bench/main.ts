/** `npm run bench`: plans the runs, makes them one by one, and reports. */
import { join } from 'node:path'
import { HELP, readOptions, UsageError, type Options } from './options.ts'
import { writeDocs } from './report/docs.ts'
import { number } from './report/format.ts'
import { makeReport, reportText, writeJson } from './report/report.ts'
import { chooseCores } from './run/cores.ts'
import { measure, type Run } from './run/measure.ts'
import { ROOT } from './run/paths.ts'
import { plan, type Planned } from './run/plan.ts'

const RESULTS = join(ROOT, 'bench/results')

/** Returns the exit code: 1 for a loss or a failed run (or a missed bar, when strict), 2 for usage. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options === undefined) {
    console.log(HELP)
    return 0
  }
  const present = options.peers.filter((peer) => {
    const missing = peer.missing()
    if (missing !== undefined) console.error(`${peer.name}: skipped; ${missing}`)
    return missing === undefined
  })
  const cores = chooseCores()
  console.error(cores.note)
  const planned = plan(options.shapes, present, options.rounds).filter(
    (one) => options.doors === undefined || options.doors.includes(one.door),
  )
  const runs = await runAll(planned, options, cores)
  const report = makeReport(runs, options, cores)
  console.log(reportText(report))
  console.error(`\nwritten: ${writeJson(report, RESULTS)}`)
  const failed = runs.length === 0 || runs.some((run) => run.problems.length > 0)
  if (options.writeDocs && failed) {
    console.error('the documentation is not written, because runs failed')
  } else if (options.writeDocs) {
    const folder = options.docs ?? join(ROOT, 'docs')
    for (const path of writeDocs(report, folder)) console.error(`written: ${path}`)
  }
  const missed = report.verdicts.some((verdict) => verdict.state === 'MISSED')
  return failed || (missed && options.strict) ? 1 : 0
}

async function runAll(
  planned: readonly Planned[],
  options: Options,
  cores: ReturnType<typeof chooseCores>,
): Promise<Run[]> {
  const runs: Run[] = []
  for (const [i, one] of planned.entries()) {
    const name = `${one.shape.name} ${one.door} ${one.peer.name}`
    const round = `round ${one.round} of ${options.rounds}`
    process.stderr.write(`[${i + 1}/${planned.length}] ${name}, ${round}: `)
    const { seconds, quick, restMs } = options
    const run = await measure(one, { cores, seconds, quick, restMs })
    runs.push(run)
    console.error(progress(one, run))
    // What is known by now outlives an interruption.
    writeJson(makeReport(runs, options, cores), RESULTS)
  }
  return runs
}

function progress(planned: Planned, run: Run): string {
  if (run.problems.length > 0) return `FAILED: ${run.problems.join('; ')}`
  return planned.shape.metrics
    .map(({ key, label, unit }) => {
      const shown = unit === '' || unit === '/s' ? '' : ` ${unit}`
      return `${label} ${number(run.metrics[key] ?? Number.NaN)}${shown}`
    })
    .join(', ')
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}; see --help`)
  process.exitCode = 2
}
