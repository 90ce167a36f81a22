import { OURS } from '../peers/index.ts'
import { figure } from './format.ts'
import type { Section } from './summary.ts'

const WIDTH = 760
const NAME_WIDTH = 140
/** Room right of the longest bar for its label. */
const LABEL_WIDTH = 210
const BAR = 22
const GAP = 10
const PANEL_HEAD = 34
const MARGIN = 16

const STYLE = `
    text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 15px; }
    .panel { fill: #59636e; }
    .ground { fill: #ffffff; }
    .ours { fill: #0969da; }
    .theirs { fill: #8c959f; }
    .spread { stroke: #1f2328; stroke-width: 1.5; fill: none; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .panel { fill: #9198a1; }
      .ground { fill: #0d1117; }
      .ours { fill: #4493f8; }
      .theirs { fill: #656c76; }
      .spread { stroke: #f0f6fc; }
    }`

interface Panel {
  readonly title: string
  readonly bars: readonly Bar[]
}

interface Bar {
  readonly name: string
  readonly label: string
  readonly median: number
  readonly min: number
  readonly max: number
}

/** A plot of one shape: a panel for each door and plotted metric, a bar for each server. */
export function plot(sections: readonly Section[]): string {
  const panels = sections.flatMap(panelsOf)
  const title = sections[0]?.shape.title ?? ''
  let y = MARGIN + 20
  const parts = [`<text class="title" x="${MARGIN}" y="${y}">${escape(title)}</text>`]
  for (const panel of panels) {
    y += 8
    parts.push(drawPanel(panel, y))
    y += PANEL_HEAD + panel.bars.length * (BAR + GAP)
  }
  const height = y + MARGIN
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
  <style>${STYLE}
  </style>
  <rect class="ground" width="${WIDTH}" height="${height}"/>
  ${parts.join('\n  ')}
</svg>
`
}

function panelsOf(section: Section): Panel[] {
  return section.shape.metrics.flatMap((metric, i) => {
    if (!metric.plot) return []
    const way = metric.better === 'lower' ? 'less is better' : 'more is better'
    const unit = metric.unit === '/s' || metric.unit === '' ? '' : `, ${metric.unit}`
    const bars = section.rows.flatMap((row) => {
      const one = row.figures[i]
      if (one === undefined || !Number.isFinite(one.median)) return []
      return [{ name: row.peer, label: figure(one), ...one }]
    })
    return [{ title: `${section.doorLabel}: ${metric.label}${unit} (${way})`, bars }]
  })
}

function drawPanel(panel: Panel, top: number): string {
  const longest = Math.max(...panel.bars.map((bar) => bar.max), Number.MIN_VALUE)
  const room = WIDTH - 2 * MARGIN - NAME_WIDTH - LABEL_WIDTH
  const left = MARGIN + NAME_WIDTH
  const x = (value: number): number => round(left + (Math.max(0, value) / longest) * room)
  const lines = [`<text class="panel" x="${MARGIN}" y="${top + 20}">${escape(panel.title)}</text>`]
  panel.bars.forEach((bar, i) => {
    const y = top + PANEL_HEAD + i * (BAR + GAP)
    const middle = y + BAR / 2
    const kind = bar.name === OURS ? 'ours' : 'theirs'
    const base = `y="${middle + 4.5}"`
    lines.push(
      `<text x="${left - 8}" ${base} text-anchor="end">${escape(bar.name)}</text>`,
      `<rect class="${kind}" x="${left}" y="${y}" width="${round(x(bar.median) - left)}" height="${BAR}" rx="2"/>`,
      `<path class="spread" d="M${x(bar.min)} ${middle}H${x(bar.max)}M${x(bar.min)} ${middle - 5}v10M${x(bar.max)} ${middle - 5}v10"/>`,
      `<text x="${x(bar.max) + 8}" ${base}>${escape(bar.label)}</text>`,
    )
  })
  return lines.join('\n  ')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
