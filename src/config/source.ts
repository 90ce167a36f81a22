/**
 * Where a piece of configuration was written: the file, an environment variable or a command-line
 * flag. Every value keeps its place, so that a mistake found late can still be pointed at.
 */
export interface Source {
  /** The file's name as given, the variable's name, or the flag (`--port`). */
  readonly name: string
  /** `default`: written by nobody, it comes from the schema. */
  readonly kind: 'file' | 'env' | 'flag' | 'default'
  readonly text: string
}

/** A piece of a source: offsets in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly source: Source
  readonly start: number
  readonly end: number
}

/** A place as people count: line and column from 1, columns in UTF-16 units. */
export interface Position {
  readonly line: number
  readonly column: number
  /** The whole line. */
  readonly excerpt: string
  /** How much of that line the span covers; at least 1. */
  readonly length: number
}

export const DEFAULT_SOURCE: Source = { name: 'the defaults', kind: 'default', text: '' }

/** The span of a source as a whole. */
export function wholeOf(source: Source): Span {
  return { source, start: 0, end: source.text.length }
}

// Kept per source: a file with ten thousand mistakes is still read through only once.
const lineStarts = new WeakMap<Source, number[]>()

function startsOf(source: Source): number[] {
  let starts = lineStarts.get(source)
  if (!starts) {
    starts = [0]
    for (const match of source.text.matchAll(/\r\n|\n|\r/g)) {
      starts.push(match.index + match[0].length)
    }
    lineStarts.set(source, starts)
  }
  return starts
}

/** Line, column and excerpt of a span; offsets beyond the text count as its end. */
export function positionOf(span: Span): Position {
  const { text } = span.source
  const starts = startsOf(span.source)
  const offset = Math.min(Math.max(span.start, 0), text.length)
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  const start = starts[low] ?? 0
  const rest = text.slice(start, starts[low + 1] ?? text.length)
  const excerpt = rest.replace(/[\r\n]+$/, '')
  const end = Math.min(span.end, start + excerpt.length)
  return { line: low + 1, column: offset - start + 1, excerpt, length: Math.max(1, end - offset) }
}
