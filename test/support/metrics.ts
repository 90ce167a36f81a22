import { expect } from 'vitest'

export interface MetricSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: MetricSample[]
}

const SAMPLE =
  /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>.*)\})? (?<value>[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf|NaN))$/
const LABEL = /(?<label>[a-zA-Z_]\w*)="(?<text>(?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy
const SUFFIXES = ['_bucket', '_sum', '_count', '_total', '_info']

/**
 * Reads Prometheus's text format as its specification has it, and fails on anything else: families in one
 * piece, HELP and TYPE once and first, no sample twice, and histograms that add up.
 */
export function parseMetrics(text: string): Map<string, MetricFamily> {
  expect(text.endsWith('\n'), 'a line break at the end').toBe(true)
  const families = new Map<string, MetricFamily>()
  const seen = new Set<string>()
  let current: MetricFamily | undefined
  let help: { readonly name: string; readonly words: string } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const told = /^# (?<what>HELP|TYPE) (?<name>\S+) (?<rest>.+)$/.exec(line)?.groups
    if (line === '# EOF') current = undefined
    else if (told?.['what'] === 'HELP') {
      help = { name: told['name'] ?? '', words: told['rest'] ?? '' }
    } else if (told) {
      const name = told['name'] ?? ''
      expect(families.has(name), `${name} twice`).toBe(false)
      expect(help?.name, `HELP before TYPE of ${name}`).toBe(name)
      current = { name, type: told['rest'] ?? '', help: help?.words ?? '', samples: [] }
      families.set(name, current)
    } else {
      const match = SAMPLE.exec(line)?.groups
      if (!match || !current) throw new Error(`not a sample: ${line}`)
      const { name = '', labels = '', value = '' } = match
      const base = SUFFIXES.find((suffix) => name === `${current?.name}${suffix}`) ?? ''
      expect(name, `in the family ${current.name}`).toBe(`${current.name}${base}`)
      const key = `${name}{${labels}}`
      expect(seen.has(key), `${key} twice`).toBe(false)
      seen.add(key)
      current.samples.push({ name, labels: labelsOf(labels), value: numberOf(value) })
    }
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family)
  return families
}

/** The value of one sample. */
export function valueOf(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const { samples } of families.values()) {
    for (const sample of samples) {
      const same = Object.entries(labels).every(([label, text]) => sample.labels[label] === text)
      if (sample.name === name && same) return sample.value
    }
  }
  return undefined
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let end = 0
  for (const match of text.matchAll(LABEL)) {
    labels[match.groups?.['label'] ?? ''] = match.groups?.['text'] ?? ''
    end = match.index + match[0].length
  }
  expect(end, `labels are whole: ${text}`).toBe(text.length)
  return labels
}

function numberOf(text: string): number {
  return text.endsWith('Inf') ? Number(text.replace('Inf', 'Infinity')) : Number(text)
}

function checkHistogram({ name, samples }: MetricFamily): void {
  const rows = new Map<string, { readonly buckets: [number, number][]; count?: number }>()
  for (const { name: sample, labels, value } of samples) {
    const { le, ...rest } = labels
    const key = JSON.stringify(rest)
    const row = rows.get(key) ?? { buckets: [] }
    rows.set(key, row)
    if (sample === `${name}_bucket`) row.buckets.push([numberOf(le ?? ''), value])
    if (sample === `${name}_count`) row.count = value
  }
  for (const { buckets, count } of rows.values()) {
    expect(buckets.at(-1), `${name}: the last bucket has all`).toEqual([
      Number.POSITIVE_INFINITY,
      count,
    ])
    for (const [at, [bound, value]] of buckets.slice(1).entries()) {
      const [former = 0, below = 0] = buckets[at] ?? []
      expect(bound, `${name}: bounds rise`).toBeGreaterThan(former)
      expect(value, `${name}: buckets have those below`).toBeGreaterThanOrEqual(below)
    }
  }
}
