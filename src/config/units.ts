const DURATION_UNITS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const DURATION_PART = /(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*/gy

/** What a duration may look like, for JSON Schema. */
export const DURATION_PATTERN =
  '^\\s*(?:\\d+(?:\\.\\d+)?|(?:\\d+(?:\\.\\d+)?\\s*(?:ms|[smhdw])\\s*)+)$'

/**
 * A duration in milliseconds, from seconds as a number or from text: `90s`, `15m`, `1h30m`, `500ms`;
 * text without a unit is seconds too. Undefined when it is neither, or negative.
 */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === 'number') return whole(value * 1000)
  const text = value.trim()
  if (/^\d+(\.\d+)?$/.test(text)) return whole(Number(text) * 1000)
  let total = 0
  let end = 0
  for (const [part, count, unit] of text.matchAll(DURATION_PART)) {
    total += Number(count) * (DURATION_UNITS[unit ?? ''] ?? Number.NaN)
    end += part.length
  }
  return end > 0 && end === text.length ? whole(total) : undefined
}

const BYTE_POWERS: Record<string, number> = { '': 0, k: 1, m: 2, g: 3, t: 4 }
const BYTES = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i

/** What a size may look like, for JSON Schema. */
export const BYTES_PATTERN = '^\\s*\\d+(?:\\.\\d+)?\\s*[kKmMgGtT]?(?:[iI]?[bB])?\\s*$'

/**
 * A size in bytes, from a number or from text: `64k`, `64KiB`, `8MB`, `1 GiB`. Every prefix is a power
 * of 1024, with or without the `i`. Undefined when it is neither, or negative.
 */
export function parseBytes(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? whole(value) : undefined
  const match = BYTES.exec(value.trim())
  if (!match) return undefined
  const power = BYTE_POWERS[(match[2] ?? '').toLowerCase()] ?? 0
  return whole(Number(match[1]) * 1024 ** power)
}

function whole(value: number): number | undefined {
  const rounded = Math.round(value)
  return value >= 0 && Number.isSafeInteger(rounded) ? rounded : undefined
}

/** A duration for people: the largest units that say it exactly. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = DURATION_UNITS[unit] ?? 1
    if (milliseconds % size === 0) return `${milliseconds / size}${unit}`
  }
  return `${milliseconds}ms`
}

/** A size for people: `64 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let power = 0
  let count = bytes
  while (count >= 1024 && count % 1024 === 0 && power < units.length - 1) {
    count /= 1024
    power++
  }
  return `${count} ${units[power] ?? 'bytes'}`
}
