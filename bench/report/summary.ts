import type { MedianOf } from '../bars.ts'
import { OURS } from '../peers/index.ts'
import type { Run } from '../run/measure.ts'
import type { Metric, Shape } from '../shapes/shape.ts'

/** One metric of one peer, over all rounds. */
export interface Figure {
  readonly median: number
  readonly min: number
  readonly max: number
  /** Ours divided by theirs; undefined for ours, and where a ratio says nothing. */
  readonly ratio: number | undefined
}

export interface Row {
  readonly peer: string
  readonly version: string
  readonly rounds: number
  /** One for each of the shape's metrics, in their order. */
  readonly figures: readonly Figure[]
}

/** All peers' results of one shape at one door. */
export interface Section {
  readonly shape: Shape
  readonly door: string
  readonly doorLabel: string
  readonly rows: readonly Row[]
}

/** Groups runs by shape and door, in the order of `shapes`; failed runs have no say. */
export function summarize(
  runs: readonly Run[],
  shapes: readonly Shape[],
  labelOf: (door: string) => string,
): Section[] {
  return shapes.flatMap((shape) =>
    shape.doors.flatMap((door) => {
      const here = runs.filter(
        (run) => run.shape === shape.name && run.door === door && run.problems.length === 0,
      )
      const peers = [...new Set(here.map((run) => run.peer))].sort(oursFirst)
      const rows = peers.flatMap((peer) => rowOf(peer, here, shape.metrics))
      return rows.length === 0 ? [] : [{ shape, door, doorLabel: labelOf(door), rows }]
    }),
  )
}

/** Looks medians up by name; NaN where nothing was measured. */
export function medians(sections: readonly Section[]): MedianOf {
  return (shapeName, door, peer, metric) => {
    const section = sections.find((one) => one.shape.name === shapeName && one.door === door)
    const at = section?.shape.metrics.findIndex((one) => one.key === metric) ?? -1
    return section?.rows.find((row) => row.peer === peer)?.figures[at]?.median ?? Number.NaN
  }
}

function rowOf(peer: string, here: readonly Run[], metrics: readonly Metric[]): Row[] {
  const measured = here.filter((run) => run.peer === peer)
  const first = measured[0]
  if (first === undefined) return []
  const valuesOf = (name: string, metric: Metric): number[] =>
    here
      .filter((run) => run.peer === name)
      .map((run) => run.metrics[metric.key] ?? Number.NaN)
      .filter((value) => !Number.isNaN(value))
  const figures = metrics.map((metric) => {
    const values = valuesOf(peer, metric)
    const median = medianOf(values)
    const ratio = medianOf(valuesOf(OURS, metric)) / median
    return {
      median,
      min: values.length === 0 ? Number.NaN : Math.min(...values),
      max: values.length === 0 ? Number.NaN : Math.max(...values),
      ratio:
        peer === OURS || metric.better === 'neither' || !Number.isFinite(ratio) ? undefined : ratio,
    }
  })
  return [{ peer, version: first.version, rounds: measured.length, figures }]
}

function oursFirst(a: string, b: string): number {
  return Number(b === OURS) - Number(a === OURS)
}

/** The middle value, or the mean of the two middle ones. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length / 2
  const upper = sorted[Math.floor(half)] ?? Number.NaN
  if (!Number.isInteger(half)) return upper
  return ((sorted[half - 1] ?? Number.NaN) + upper) / 2
}
