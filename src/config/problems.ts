import { positionOf, type Span } from './source.ts'

/** One mistake, or one thing to think about, with the place where it was written. */
export interface Problem {
  /** An error keeps the server from starting; a warning does not. */
  readonly severity: 'error' | 'warning'
  /** File name, environment variable or flag. */
  readonly file: string
  /** What `file` is. */
  readonly origin: 'file' | 'env' | 'flag' | 'default'
  /** From 1; 0 where it is about the file as a whole (it cannot be read). */
  readonly line: number
  /** From 1, in UTF-16 units; 0 with line 0. */
  readonly column: number
  /** How many characters of the line are meant. */
  readonly length: number
  /** The key's path, such as `locations[1].polling`; '' where there is none. */
  readonly path: string
  /** What is wrong and what to do, without place and path. */
  readonly message: string
  /** What would have been right. */
  readonly expected?: string
  /** What was there instead. */
  readonly found?: string
  /** The nearest valid key, value or name. */
  readonly suggestion?: string
  /** The line as it was written; not there for secrets and for files that cannot be read. */
  readonly excerpt?: string
}

export interface ProblemDetails {
  severity?: 'error' | 'warning' | undefined
  expected?: string | undefined
  found?: string | undefined
  suggestion?: string | undefined
  /** Keeps the line out of what is printed: it holds a secret. */
  secret?: boolean | undefined
}

/** A line that may hold a secret beside the mistake, or instead of it: none of it is printed. */
const SECRETS = /(?:secret|token|passw)\w*["']?\s*[:=]/i

/** A problem at a place. */
export function problemAt(
  span: Span,
  path: string,
  message: string,
  details: ProblemDetails = {},
): Problem {
  const { line, column, length, excerpt } = positionOf(span)
  const { severity = 'error', expected, found, suggestion } = details
  const secret = details.secret || SECRETS.test(excerpt) || SECRETS.test(`${suggestion}:`)
  return {
    severity,
    file: span.source.name,
    origin: span.source.kind,
    line,
    column,
    length,
    path,
    message,
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(secret || span.source.kind === 'default' ? {} : { excerpt }),
  }
}

/** A problem of a file as a whole: it is not there, not text, too large. */
export function problemOf(file: string, message: string): Problem {
  return {
    severity: 'error',
    file,
    origin: 'file',
    line: 0,
    column: 0,
    length: 0,
    path: '',
    message,
  }
}

/** Thrown for a configuration that cannot be used. Its message names every problem. */
export class ConfigError extends Error {
  /** All that is wrong, and the warnings that were found on the way, in reading order. */
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const errors = problems.filter(({ severity }) => severity === 'error')
    super(errors.map((problem) => `${placeOf(problem)}: ${wordsOf(problem)}`).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Files first, each from top to bottom, then environment and flags. */
export function inReadingOrder(problems: readonly Problem[]): Problem[] {
  const rank = { file: 0, env: 1, flag: 2, default: 3 }
  return [...problems].sort(
    (a, b) =>
      rank[a.origin] - rank[b.origin] ||
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      a.line - b.line ||
      a.column - b.column,
  )
}

/** `fanfare.yaml:7:5`; just the name where there is no line to speak of. */
export function placeOf(problem: Problem): string {
  if (problem.origin !== 'file' || problem.line === 0) return problem.file
  return `${problem.file}:${problem.line}:${problem.column}`
}

/** The message with the key's path in front. */
export function wordsOf(problem: Problem): string {
  return problem.path === '' ? problem.message : `${problem.path}: ${problem.message}`
}
