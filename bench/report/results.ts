import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Run } from '../run/measure.ts'
import type { Report } from './report.ts'

/** How runs were made. */
export interface Settings {
  /** How the two sides were pinned, in words. */
  readonly cores: string
  readonly rounds: number
  readonly seconds: number
  readonly small: boolean
  readonly restMs: number
  /** Whether some were made by an earlier invocation. */
  readonly parts?: boolean
}

/** What is kept from one invocation to the next. */
export interface Results {
  readonly runs: readonly Run[]
  readonly settings: Settings
}

const FILE = 'latest.json'
/** The one before, in case that it was worth more. */
const FORMER = 'former.json'

/** Runs, tables and verdicts as JSON; returns the file's path. */
export function writeResults(report: Report, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, FILE)
  if (existsSync(path)) renameSync(path, join(folder, FORMER))
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

/** What was measured last. @throws Error where nothing was */
export function readRuns(folder: string): Results {
  const path = join(folder, FILE)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw new Error(`there is no earlier report in ${path}: measure first`)
  }
  const { runs, settings } = JSON.parse(text) as Partial<Results>
  if (runs === undefined || settings === undefined) {
    throw new Error(`${path} was written by another version of the benchmark: measure again`)
  }
  return { runs: runs.map(whole), settings }
}

/** JSON has no NaN: what could not be measured was written as null. */
function whole(run: Run): Run {
  const metrics: Record<string, number> = {}
  for (const [key, value] of Object.entries(run.metrics)) metrics[key] = value ?? Number.NaN
  return { ...run, metrics }
}
