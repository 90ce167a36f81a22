import { hidden, isSecretKey } from './redact.ts'

/** Lines that a difference is told in; what is more is counted. */
const MOST_LINES = 200
/** Characters of one value. */
const MOST_TEXT = 120

/**
 * What differs between two configurations as they are written, a line for each key: `+` for one that came, `-`
 * for one that went, `~` for one that changed. Secrets are `***`.
 */
export function configDiff(before: unknown, after: unknown): string[] {
  const lines = [...compare('', before, after, false)]
  if (lines.length <= MOST_LINES) return lines
  return [...lines.slice(0, MOST_LINES), `… and ${lines.length - MOST_LINES} more`]
}

function* compare(path: string, was: unknown, is: unknown, secret: boolean): Generator<string> {
  if (isMap(was) && isMap(is)) {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const inner = path === '' ? key : `${path}.${key}`
      yield* compare(inner, was[key], is[key], secret || isSecretKey(key))
    }
    return
  }
  if (JSON.stringify(was) === JSON.stringify(is)) return
  if (was === undefined) yield* leaves('+', path, is, secret)
  else if (is === undefined) yield* leaves('-', path, was, secret)
  else yield `~ ${path}: ${shown(was, secret)} → ${shown(is, secret)}`
}

function* leaves(sign: string, path: string, value: unknown, secret: boolean): Generator<string> {
  if (!isMap(value) || Object.keys(value).length === 0) {
    yield `${sign} ${path}: ${shown(value, secret)}`
    return
  }
  for (const [key, inner] of Object.entries(value)) {
    yield* leaves(sign, path === '' ? key : `${path}.${key}`, inner, secret || isSecretKey(key))
  }
}

function shown(value: unknown, secret: boolean): string {
  if (secret) return '***'
  const text = JSON.stringify(hidden(value)) ?? 'nothing'
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
