import { readFileSync } from 'node:fs'

let known: string | undefined

/** The version in the package's own package.json, found from source and from dist alike. */
export function version(): string {
  known ??= read()
  return known
}

function read(): string {
  for (const up of ['../..', '../../..']) {
    try {
      const text = readFileSync(new URL(`${up}/package.json`, import.meta.url), 'utf8')
      return String((JSON.parse(text) as { version?: unknown }).version)
    } catch {
      // Not at this level.
    }
  }
  return 'unknown'
}
