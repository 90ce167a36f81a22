import { judge, type Verdict } from '../bars.ts'
import type { Options } from '../options.ts'
import { OURS } from '../peers/index.ts'
import type { Run } from '../run/measure.ts'
import { SHAPES } from '../shapes/index.ts'
import { machineLine, thisMachine, type Machine } from './machine.ts'
import { remarks } from './remarks.ts'
import type { Results, Settings } from './results.ts'
import { medians, summarize, type Section } from './summary.ts'
import { aligned, sectionCells, verdictCells } from './table.ts'

/** Everything that is known. */
export interface Report extends Results {
  /** ISO 8601. */
  readonly date: string
  readonly machine: Machine
  readonly settings: Settings
  readonly runs: readonly Run[]
  readonly sections: readonly Section[]
  readonly verdicts: readonly Verdict[]
}

export function makeReport({ runs, settings }: Results, options: Options): Report {
  const labelOf = (door: string): string =>
    options.peers.map((peer) => peer.doors[door]?.label).find((one) => one !== undefined) ?? door
  const failedAt = (shape: string, door: string): boolean =>
    runs.some(
      (run) =>
        run.peer === OURS && run.shape === shape && run.door === door && run.problems.length > 0,
    )
  const { cores, rounds, seconds, small, restMs, parts } = settings
  const sections = summarize(runs, SHAPES, labelOf)
  return {
    date: new Date().toISOString(),
    machine: thisMachine(),
    settings: { cores, rounds, seconds, small, restMs, parts: parts === true },
    runs,
    sections,
    verdicts: judge(medians(sections), failedAt),
  }
}

/** The tables for a terminal: one for each shape and door, then the bars, then what went wrong. */
export function reportText(report: Report): string {
  const { settings } = report
  const parts = [
    `${machineLine(report.machine)}; ${settings.cores}`,
    `at most ${settings.rounds} rounds of ${settings.seconds} s, medians (min–max); compare figures only within a run`,
  ]
  for (const section of report.sections) {
    parts.push(
      `\n${section.shape.title} · ${section.doorLabel}\n${aligned(sectionCells(section))}`,
      ...remarks(section),
    )
  }
  const measured = report.verdicts.filter((verdict) => verdict.state !== 'not measured')
  if (measured.length > 0) {
    parts.push(`\nWhat must be reached\n${aligned(verdictCells(measured))}`)
  }
  const unmeasured = report.verdicts.length - measured.length
  if (unmeasured > 0) parts.push(`(${unmeasured} more bars need shapes that were not measured)`)
  if (settings.restMs > 0) parts.push(`(saturated readers rested for ${settings.restMs} ms)`)
  if (settings.small) parts.push('(small sizes are a smoke test: they prove no bar)')
  const failed = report.runs.filter((run) => run.problems.length > 0)
  for (const run of failed) {
    const name = `${run.shape} ${run.door} ${run.peer} round ${run.round}`
    parts.push(`\nFAILED: ${name}`, ...run.problems.map((problem) => `  ${problem}`))
  }
  return parts.join('\n')
}
