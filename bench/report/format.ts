import type { Figure } from './summary.ts'

/** Three significant digits, with k and M; a dash for what was not measured. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 1e6) return `${digits(value / 1e6)} M`
  if (size >= 1e4) return `${digits(value / 1e3)} k`
  return digits(value)
}

/** Ours divided by theirs, such as 20.8×. */
export function ratio(value: number | undefined): string {
  return value === undefined ? '' : `${digits(value)}×`
}

/** Median and spread, such as 5.61 M (5.48–5.70). Without a spread when there was one round. */
export function figure(one: Figure): string {
  const middle = number(one.median)
  if (one.min === one.max || Number.isNaN(one.median)) return middle
  return `${middle} (${number(one.min)}–${number(one.max)})`
}

function digits(value: number): string {
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(2)
}
