import pc from 'picocolors'
import { placeOf, type Problem, wordsOf } from './problems.ts'

export interface FormatOptions {
  /** Colours for a terminal. */
  color: boolean
}

/** More than anybody reads at once; the rest is counted. */
const MAX_SHOWN = 100
/** Longer lines are cut around the place that is meant. */
const MAX_EXCERPT = 120

/**
 * Problems for people: place, path and message, and the line with the piece that is meant
 * underlined. Control characters of the file never reach the terminal.
 */
export function formatProblems(problems: readonly Problem[], options: FormatOptions): string {
  const colors = pc.createColors(options.color)
  const blocks = problems.slice(0, MAX_SHOWN).map((problem) => {
    const warning = problem.severity === 'warning'
    const paint = warning ? colors.yellow : colors.red
    const label = warning ? `${paint('warning:')} ` : ''
    const head = `${colors.bold(visible(placeOf(problem)))}: ${label}${visible(wordsOf(problem))}`
    if (problem.excerpt === undefined) return head
    const { text, from } = cut(problem.excerpt, problem.column - 1)
    const number = problem.origin === 'file' ? String(problem.line) : ''
    const marks = '^'.repeat(Math.max(1, Math.min(problem.length, text.length - from)))
    return [
      head,
      `${colors.dim(`${number.padStart(5)} |`)} ${visible(text)}`,
      `${colors.dim('      |')} ${' '.repeat(from)}${paint(marks)}`,
    ].join('\n')
  })
  const rest = problems.length - blocks.length
  if (rest > 0) blocks.push(`… and ${rest} more`)
  return blocks.join('\n')
}

/** The part of a long line around `at`, and where `at` is in it. */
function cut(line: string, at: number): { text: string; from: number } {
  if (line.length <= MAX_EXCERPT) return { text: line, from: at }
  const start = Math.max(0, Math.min(at - 40, line.length - MAX_EXCERPT))
  return { text: line.slice(start, start + MAX_EXCERPT), from: at - start }
}

/** One visible character for each control character, so that columns still fit. */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this removes
  return text.replace(/\t/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/g, '·')
}
