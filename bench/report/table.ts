import type { Verdict } from '../bars.ts'
import { figure, number, ratio } from './format.ts'
import type { Section } from './summary.ts'

/** A table's cells; the first row is its head. */
export type Cells = readonly (readonly string[])[]

/** One row a peer, one column a metric, and a column of ratios behind each that has one. */
export function sectionCells(section: Section): Cells {
  const { metrics } = section.shape
  const withRatio = metrics.map(
    (metric, i) =>
      metric.better !== 'neither' &&
      section.rows.some((row) => row.figures[i]?.ratio !== undefined),
  )
  const head = ['server', 'version']
  metrics.forEach((metric, i) => {
    const unit = metric.unit === '' || metric.unit === '/s' ? '' : ` ${metric.unit}`
    head.push(`${metric.label}${unit}`)
    if (withRatio[i] === true) head.push('ours ÷ theirs')
  })
  const rows = section.rows.map((row) => {
    const cells = [row.peer, row.version]
    row.figures.forEach((one, i) => {
      cells.push(figure(one))
      if (withRatio[i] === true) cells.push(ratio(one.ratio))
    })
    return cells
  })
  return [head, ...rows]
}

/** The bars, their limits, and what came of them. */
export function verdictCells(verdicts: readonly Verdict[]): Cells {
  const rows = verdicts.map(({ bar, value, state }) => {
    const unit = bar.against === undefined ? '' : ` × ${bar.against}`
    const limit = bar.atLeast === undefined ? `≤ ${bar.atMost}${unit}` : `≥ ${bar.atLeast}${unit}`
    return [bar.title, limit, value === undefined ? '–' : number(value), state]
  })
  return [['bar', 'must be', 'is', ''], ...rows]
}

/** Aligned columns for a terminal: words left, figures right. */
export function aligned(cells: Cells): string {
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  )
  return cells
    .map((row) =>
      row
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The same as a Markdown table. */
export function markdownTable(cells: Cells): string {
  const [head = [], ...rows] = cells
  const rule = head.map((_, i) => (i < 2 ? '---' : '---:'))
  return [markdownRow(head), markdownRow(rule), ...rows.map(markdownRow)].join('\n')
}

function markdownRow(row: readonly string[]): string {
  return `| ${row.join(' | ')} |`
}
