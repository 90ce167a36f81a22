import { number } from '../report/format.ts'
import { measure, type MeasureOptions, type Run } from './measure.ts'
import type { Planned } from './plan.ts'

/** What a run takes beside its interval: starting, connecting, warming up, ending. In seconds. */
const USUAL_SECONDS = 3.5

/**
 * Makes all runs, in order, and says how far it is. Runs of a shape that says so are under way several
 * at once.
 * @param onRun is told after each run of all that were made so far
 */
export async function runAll(
  planned: readonly Planned[],
  options: MeasureOptions,
  onRun: (runs: readonly Run[]) => void,
): Promise<Run[]> {
  const runs: Run[] = []
  const left = new TimeLeft(planned, options)
  for (let at = 0; at < planned.length; ) {
    const together = batchAt(planned, at)
    const begin = performance.now()
    await Promise.all(
      together.map(async (one, i) => {
        const run = await measure(one, options)
        runs.push(run)
        const place = `[${at + i + 1}/${planned.length}]`
        const name = `${one.shape.name} ${one.door} ${one.peer.name}, round ${one.round}`
        console.error(`${place} ${name}: ${figures(one, run)}`)
        onRun(runs)
      }),
    )
    left.took(together, (performance.now() - begin) / 1000)
    at += together.length
    if (at < planned.length) console.error(`    about ${left.text(planned.slice(at))} left`)
  }
  return runs
}

/** The runs to make next: several of one shape where that is allowed. */
function batchAt(planned: readonly Planned[], at: number): Planned[] {
  const shape = planned[at]?.shape
  const together: Planned[] = []
  for (const one of planned.slice(at, at + (shape?.atOnce ?? 1))) {
    if (one.shape !== shape) break
    together.push(one)
  }
  return together
}

/** Guesses how long the rest takes: by what a shape took before, or else by what it says. */
class TimeLeft {
  readonly #options: MeasureOptions
  readonly #took = new Map<string, number[]>()

  constructor(planned: readonly Planned[], options: MeasureOptions) {
    this.#options = options
    console.error(`${planned.length} runs, about ${this.text(planned)}`)
  }

  took(together: readonly Planned[], seconds: number): void {
    for (const { shape } of together) {
      const each = this.#took.get(shape.name) ?? []
      each.push(seconds / together.length)
      this.#took.set(shape.name, each)
    }
  }

  text(planned: readonly Planned[]): string {
    const seconds = planned.reduce((sum, one) => sum + this.#guess(one), 0)
    return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
  }

  #guess({ shape }: Planned): number {
    const before = this.#took.get(shape.name)
    if (before !== undefined) return before.reduce((sum, one) => sum + one, 0) / before.length
    const usual = USUAL_SECONDS + this.#options.seconds
    return (usual + (shape.usually ?? 0)) / (shape.atOnce ?? 1)
  }
}

function figures(planned: Planned, run: Run): string {
  if (run.problems.length > 0) return `FAILED: ${run.problems.join('; ')}`
  return planned.shape.metrics
    .map(({ key, label, unit }) => {
      const shown = unit === '' || unit === '/s' ? '' : ` ${unit}`
      return `${label} ${number(run.metrics[key] ?? Number.NaN)}${shown}`
    })
    .join(', ')
}
