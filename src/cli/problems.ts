import { formatProblems } from '../config/index.ts'
import { placeOf, type Problem, wordsOf } from '../config/problems.ts'
import type { Log } from '../log/log.ts'
import { colors } from './config.ts'

/** Tells what is wrong, or may be, with a configuration: with the lines meant for people, an event each else. */
export function tellProblems(log: Log, problems: readonly Problem[]): void {
  if (log.pretty) {
    console.error(formatProblems(problems, { color: colors() }))
    return
  }
  for (const problem of problems) {
    const event = problem.severity === 'warning' ? 'config.warning' : 'config.problem'
    const { line, column, path } = problem
    log.tell(event, `${placeOf(problem)}: ${wordsOf(problem)}`, { line, column, path })
  }
}
