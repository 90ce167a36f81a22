import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from './report.ts'
import { machineLine } from './machine.ts'
import { remarks } from './remarks.ts'
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
    const path = join(plots, `${name}.svg`)
    writeFileSync(path, plot(sections))
    written.push(path)
  }
  return written
}

function measured(report: Report): string {
  const parts = [
    `Measured on ${report.date.slice(0, 10)}: ${machineLine(report.machine)}; ${report.cores}. ` +
      `${report.rounds} rounds of ${report.seconds} s; medians, with the least and the most in brackets. ` +
      'A ratio is our figure divided by theirs.',
    ...(report.restMs > 0 ? [`Saturated readers rested for ${report.restMs} ms.`] : []),
    ...(report.quick ? ['**This was a quick run: a smoke test, not a measurement.**'] : []),
    '## What must be reached',
    markdownTable(verdictCells(report.verdicts)),
  ]
  for (const [name, sections] of byShape(report.sections)) {
    const shape = sections[0]?.shape
    parts.push(`## ${shape?.title}`, shape?.about ?? '', `![${shape?.title}](bench/${name}.svg)`)
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

function byShape(sections: readonly Section[]): Map<string, Section[]> {
  const shapes = new Map<string, Section[]>()
  for (const section of sections) {
    const name = section.shape.name
    shapes.set(name, [...(shapes.get(name) ?? []), section])
  }
  return shapes
}
