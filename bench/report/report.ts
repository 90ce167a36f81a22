import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { judge, type Verdict } from '../bars.ts'
import type { Options } from '../options.ts'
import { OURS } from '../peers/index.ts'
import type { Cores } from '../run/cores.ts'
import type { Run } from '../run/measure.ts'
import { machineLine, thisMachine, type Machine } from './machine.ts'
import { remarks } from './remarks.ts'
import { medians, summarize, type Section } from './summary.ts'
import { aligned, sectionCells, verdictCells } from './table.ts'

/** Everything that one invocation found out. */
export interface Report {
  /** ISO 8601. */
  readonly date: string
  readonly machine: Machine
  /** How the two sides were pinned, in words. */
  readonly cores: string
  readonly rounds: number
  readonly seconds: number
  readonly quick: boolean
  readonly restMs: number
  readonly runs: readonly Run[]
  readonly sections: readonly Section[]
  readonly verdicts: readonly Verdict[]
}

export function makeReport(runs: readonly Run[], options: Options, cores: Cores): Report {
  const labelOf = (door: string): string =>
    options.peers.map((peer) => peer.doors[door]?.label).find((one) => one !== undefined) ?? door
  const failedAt = (shape: string, door: string): boolean =>
    runs.some(
      (run) =>
        run.peer === OURS && run.shape === shape && run.door === door && run.problems.length > 0,
    )
  const sections = summarize(runs, options.shapes, labelOf)
  return {
    date: new Date().toISOString(),
    machine: thisMachine(),
    cores: cores.note,
    rounds: options.rounds,
    seconds: options.seconds,
    quick: options.quick,
    restMs: options.restMs,
    runs,
    sections,
    verdicts: judge(medians(sections), failedAt),
  }
}

/** The tables for a terminal: one for each shape and door, then the bars, then what went wrong. */
export function reportText(report: Report): string {
  const parts = [
    `${machineLine(report.machine)}; ${report.cores}`,
    `${report.rounds} rounds of ${report.seconds} s, medians (min–max); compare figures only within a run`,
  ]
  for (const section of report.sections) {
    parts.push(
      `\n${section.shape.title} · ${section.doorLabel}\n${aligned(sectionCells(section))}`,
      ...remarks(section),
    )
  }
  parts.push(`\nWhat must be reached\n${aligned(verdictCells(report.verdicts))}`)
  if (report.restMs > 0) parts.push(`(saturated readers rested for ${report.restMs} ms)`)
  if (report.quick) parts.push('(a quick run is a smoke test: it proves no bar)')
  const failed = report.runs.filter((run) => run.problems.length > 0)
  for (const run of failed) {
    const name = `${run.shape} ${run.door} ${run.peer} round ${run.round}`
    parts.push(`\nFAILED: ${name}`, ...run.problems.map((problem) => `  ${problem}`))
  }
  return parts.join('\n')
}

/** Runs and verdicts as JSON; returns the file's path. */
export function writeJson(report: Report, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'latest.json')
  const { sections, ...rest } = report
  const tables = sections.map((section) => ({
    shape: section.shape.name,
    door: section.door,
    metrics: section.shape.metrics.map((metric) => metric.key),
    rows: section.rows,
  }))
  writeFileSync(path, `${JSON.stringify({ ...rest, tables }, undefined, 2)}\n`)
  return path
}
