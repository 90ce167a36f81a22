/** Reading what others sent: any member may be missing, or be something else than it should. */

/**
 * A member by its path; undefined where there is none. Own members only: a payload has no
 * `constructor` unless somebody sent one. Of lists, items by their number, and `length`.
 */
export function memberAt(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Record<string, unknown>)[name]
  }
  return found
}

/** A text that is not empty; a number as text. @param path names with dots between them */
export function textAt(value: unknown, path: string): string | undefined {
  const found = memberAt(value, path.split('.'))
  if (typeof found === 'number') return String(found)
  return typeof found === 'string' && found !== '' ? found : undefined
}

/** The first of several paths that holds a text. */
export function firstText(value: unknown, ...paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const found = textAt(value, path)
    if (found !== undefined) return found
  }
  return undefined
}

export function listAt(value: unknown, path: string): readonly unknown[] {
  const found = memberAt(value, path.split('.'))
  return Array.isArray(found) ? found : []
}

export function flagAt(value: unknown, path: string): boolean | undefined {
  const found = memberAt(value, path.split('.'))
  return typeof found === 'boolean' ? found : undefined
}

export function numberAt(value: unknown, path: string): number | undefined {
  const found = memberAt(value, path.split('.'))
  return typeof found === 'number' ? found : undefined
}

export function hasMember(value: unknown, path: string): boolean {
  const found = memberAt(value, path.split('.'))
  return found !== undefined && found !== null
}

/** Long enough for every title that somebody wrote for people. */
const MAX_SUBJECT = 1000

/** The first line that says something, for people; '' when there is none. */
export function subjectOf(text: string | undefined): string {
  const [first = ''] = (text ?? '').trimStart().split(/[\r\n]/, 1)
  return onLine(first)
}

/** Text as part of a line: without control characters, and not longer than anybody reads. */
export function onLine(text: string): string {
  const short = text.length > MAX_SUBJECT ? `${text.slice(0, MAX_SUBJECT).trimEnd()}…` : text
  return inOneLine(short).trim()
}

/** Without control characters: whatever a forge sends as a word may have them. */
export function inOneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}
