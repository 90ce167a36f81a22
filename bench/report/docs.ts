import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from './report.ts'
import { machineLine } from './machine.ts'
import { remarks } from './remarks.ts'
import type { Shape } from '../shapes/shape.ts'
import type { Section } from './summary.ts'
import { plot } from './svg.ts'
import { markdownTable, sectionCells, verdictCells } from './table.ts'

const BEGIN = '<!-- measured: begin (written by npm run bench -- --write-docs; do not edit) -->'
const END = '<!-- measured: end -->'

/** The page around the measured part, for when there is none yet. Prose may be added to it. */
const PAGE = `# Performance

\`npm run bench\` runs this server and every peer found on the machine side by side, in one run:
the same load generator, the same loopback, one core each for server and load. Compare figures only
within a run. What is fair about each peer's configuration is in [bench/README.md](../bench/README.md).

    npm run bench                                      # everything, then look at the tables
    npm run bench -- --shape fanout --against nchan    # one shape, one peer
    npm run bench -- --write-docs                      # everything, and write this page again

${BEGIN}
${END}
`

/** Writes docs/performance.md's measured part, and a plot for each shape. */
export function writeDocs(report: Report, folder: string): string[] {
  const plots = join(folder, 'bench')
  mkdirSync(plots, { recursive: true })
  const page = join(folder, 'performance.md')
  const before = existsSync(page) ? readFileSync(page, 'utf8') : PAGE
  const [head, rest] = before.split(BEGIN)
  const tail = rest?.split(END)[1]
  if (head === undefined || tail === undefined) {
    throw new Error(`${page} has lost its markers ${BEGIN} and ${END}`)
  }
  writeFileSync(page, `${head}${BEGIN}\n\n${measured(report)}\n${END}${tail}`)
  const written = [page]
  for (const [name, sections] of byShape(report.sections)) {
    if (!sections.some((section) => isPlotted(section.shape))) continue
    const path = join(plots, `${name}.svg`)
    writeFileSync(path, plot(sections))
    written.push(path)
  }
  return written
}

function measured(report: Report): string {
  const { cores, rounds, seconds, restMs, small, parts: inParts } = report.settings
  const parts = [
    `Measured on ${report.date.slice(0, 10)}: ${machineLine(report.machine)}; ${cores}. ` +
      `At most ${rounds} rounds of ${seconds} s; medians, with the least and the most in brackets. ` +
      'A ratio is our figure divided by theirs.',
    ...(inParts === true ? ['The shapes were measured in several parts.'] : []),
    ...(restMs > 0 ? [`Saturated readers rested for ${restMs} ms.`] : []),
    ...(small ? ['**These were small sizes: a smoke test, not a measurement.**'] : []),
    '## What must be reached',
    markdownTable(verdictCells(report.verdicts)),
    '## Where we lose',
    ...losses(report.sections),
    ...failures(report),
  ]
  for (const [name, sections] of byShape(report.sections)) {
    const shape = sections[0]?.shape
    parts.push(`## ${shape?.title}`, shape?.about ?? '')
    if (shape !== undefined && isPlotted(shape)) parts.push(`![${shape.title}](bench/${name}.svg)`)
    for (const section of sections) {
      parts.push(
        `### ${section.doorLabel}`,
        markdownTable(sectionCells(section)),
        ...remarks(section),
      )
    }
  }
  return `${parts.join('\n\n')}\n`
}

/** Runs of peers that count for nothing: something was lost, or came to no end. */
function failures({ runs }: Report): string[] {
  const failed = runs.filter(({ problems }) => problems.length > 0)
  if (failed.length === 0) return []
  const lines = failed.map(
    ({ shape, door, peer, round, problems }) =>
      `- ${shape}, ${door}, ${peer}, round ${round}: ${problems[0] ?? ''}`,
  )
  return ['## Runs that failed', `They are left out of the tables.\n\n${lines.join('\n')}`]
}

/** What only shows what is possible: no server that one could choose instead. */
const NO_PEERS = new Set(['control', 'floor'])
/** A difference smaller than that is noise on any machine. */
const NOISE = 1.03

/** Each figure in which another server is better than ours, as a list. */
function losses(sections: readonly Section[]): string[] {
  const lines = sections.flatMap((section) =>
    section.rows
      .filter((row) => !NO_PEERS.has(row.peer))
      .flatMap((row) =>
        section.shape.metrics.flatMap((metric, i) => {
          const ours = row.figures[i]?.ratio
          if (ours === undefined) return []
          const factor = metric.better === 'higher' ? 1 / ours : ours
          if (factor < NOISE) return []
          const what = `${section.shape.name}, ${section.doorLabel}: ${metric.label}`
          return [`- ${what}: ${row.peer} is ${factor.toFixed(2)} times better`]
        }),
      ),
  )
  return lines.length === 0 ? ['Nowhere, in what was measured.'] : [lines.join('\n')]
}

function isPlotted(shape: Shape): boolean {
  return shape.metrics.some((metric) => metric.plot)
}

function byShape(sections: readonly Section[]): Map<string, Section[]> {
  const shapes = new Map<string, Section[]>()
  for (const section of sections) {
    const name = section.shape.name
    shapes.set(name, [...(shapes.get(name) ?? []), section])
  }
  return shapes
}
