import pc from 'picocolors'

/** A line of the log as it is written as JSON. */
interface Line {
  readonly level: string
  readonly time: string
  readonly event: string
  readonly msg: string
  readonly stack?: string
  readonly [field: string]: unknown
}

/** Not shown beside the words: they say it already, or it is shown in its own place. */
const OWN_PLACE = new Set(['level', 'time', 'event', 'msg', 'stack', 'node', 'worker'])

/** One event for people: time, how bad it is, what, and what is known beside. */
export function prettyLine(json: string, color: boolean): string {
  const colors = pc.createColors(color)
  const line = JSON.parse(json) as Line
  const paint = { error: colors.red, warn: colors.yellow, debug: colors.dim }[line.level] ?? same
  const rest = Object.entries(line)
    .filter(([field]) => !OWN_PLACE.has(field))
    .map(
      ([field, value]) => `${field}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
  const time = new Date(line.time).toTimeString().slice(0, 8)
  const head = `${colors.dim(time)} ${paint(line.level.padEnd(5))} ${visible(line.msg)}`
  const fields = rest.length === 0 ? '' : `  ${colors.dim(visible(rest.join(' ')))}`
  const stack = line.stack === undefined ? '' : `\n${colors.dim(visible(line.stack))}`
  return `${head}${fields}${stack}\n`
}

function same(text: string): string {
  return text
}

/** Control characters never reach the terminal; lines stay lines. */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this removes
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]/g, '·')
}
