import type { Section } from './summary.ts'

/** Percent of a core above which the load generator may be what limits a figure. */
const BUSY = 95
/** Percent of a core used by others above which a figure is not worth much. */
const DISTURBED = 10

/** What to think of a section's figures, from who used the cores meanwhile. */
export function remarks(section: Section): string[] {
  const column = (key: string): number =>
    section.shape.metrics.findIndex((metric) => metric.key === key)
  const [server, driver, others] = [column('server'), column('driver'), column('others')]
  const bound = section.rows.filter((row) => {
    const own = row.figures[driver]?.median ?? 0
    return own > BUSY && own > (row.figures[server]?.median ?? 100)
  })
  const disturbance = Math.max(...section.rows.map((row) => row.figures[others]?.max ?? 0))
  const said: string[] = []
  if (bound.length > 0) {
    const names = bound.map((row) => row.peer).join(', ')
    said.push(`(${names}: the driver was busier than the server, so this is a lower bound)`)
  }
  if (disturbance > DISTURBED) {
    const percent = disturbance.toFixed(0)
    said.push(`(something else used up to ${percent} % of a core meanwhile: do not trust these)`)
  }
  return said
}
