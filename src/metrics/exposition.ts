/**
 * Prometheus's text format, version 0.0.4, and OpenMetrics 1.0: the same numbers, of which the latter names
 * counters and facts a little differently, and has an end.
 * https://prometheus.io/docs/instrumenting/exposition_formats/, https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
import type { Histogram } from '../model/histogram.ts'

export type Format = 'text' | 'openmetrics'

/** What a client is told that it gets. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** @param accept the header as it came */
export function formatFor(accept: string | undefined): Format {
  const wanted = accept?.match(/application\/openmetrics-text(?<params>[^,]*)/i)
  const refused = /;\s*q=0(?:\.0*)?\s*(?:;|$)/i.test(wanted?.groups?.['params'] ?? '')
  return wanted && !refused ? 'openmetrics' : 'text'
}

export type Labels = Readonly<Record<string, string>>
/** A number and what it is of. */
export type Sample = readonly [labels: Labels, value: number]

/** Collects families of metrics; those without a sample are left out. */
export class Exposition {
  readonly #format: Format
  #text = ''

  constructor(format: Format) {
    this.#format = format
  }

  /** @param name with `_total` at its end */
  counter(name: string, help: string, samples: Iterable<Sample>): void {
    const family = this.#format === 'text' ? name : name.replace(/_total$/, '')
    this.#family(family, 'counter', help, [...samples].map(lineOf(name)))
  }

  gauge(name: string, help: string, samples: Iterable<Sample>): void {
    this.#family(name, 'gauge', help, [...samples].map(lineOf(name)))
  }

  /** What is 1, and says something by its labels. @param name with `_info` at its end */
  info(name: string, help: string, labels: Labels): void {
    const text = this.#format === 'text'
    const family = text ? name : name.replace(/_info$/, '')
    this.#family(family, text ? 'gauge' : 'info', help, [lineOf(name)([labels, 1])])
  }

  histogram(name: string, help: string, rows: Iterable<readonly [Labels, Histogram]>): void {
    const lines: string[] = []
    for (const [labels, { bounds, counts, sum }] of rows) {
      let below = 0
      for (const [at, count] of counts.entries()) {
        below += count
        const le = at < bounds.length ? String(bounds[at]) : '+Inf'
        lines.push(lineOf(`${name}_bucket`)([{ ...labels, le: this.#bound(le) }, below]))
      }
      lines.push(lineOf(`${name}_sum`)([labels, sum]), lineOf(`${name}_count`)([labels, below]))
    }
    this.#family(name, 'histogram', help, lines)
  }

  /** @param quantiles values by the share of all that lies below, such as 0.99 */
  summary(
    name: string,
    help: string,
    quantiles: Readonly<Record<string, number>>,
    all: { readonly sum: number; readonly count: number },
  ): void {
    const samples = Object.entries(quantiles).map(
      ([quantile, value]): Sample => [{ quantile }, value],
    )
    this.#family(name, 'summary', help, [
      ...samples.map(lineOf(name)),
      lineOf(`${name}_sum`)([{}, all.sum]),
      lineOf(`${name}_count`)([{}, all.count]),
    ])
  }

  toString(): string {
    return this.#format === 'text' ? this.#text : `${this.#text}# EOF\n`
  }

  /** OpenMetrics writes bounds as numbers with a fraction, so that all write the same. */
  #bound(le: string): string {
    return this.#format === 'openmetrics' && /^\d+$/.test(le) ? `${le}.0` : le
  }

  #family(name: string, type: string, help: string, lines: readonly string[]): void {
    if (lines.length === 0) return
    const words = help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
    this.#text += `# HELP ${name} ${words}\n# TYPE ${name} ${type}\n${lines.join('')}`
  }
}

function lineOf(name: string): (sample: Sample) => string {
  return ([labels, value]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
  }
}

function escaped(text: string): string {
  return text.replace(/["\\\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}
