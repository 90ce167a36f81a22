import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The compiled benchmark: dist/bench. */
export const BENCH = fileURLToPath(new URL('..', import.meta.url))
/** The project. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

const made = new Set<string>()
let guarded = false

/** A new directory for one server, removed when this process ends if not before. */
export function scratch(name: string): string {
  if (!guarded) process.once('exit', () => made.forEach(removeScratch))
  guarded = true
  const path = mkdtempSync(join(tmpdir(), `fanfare-bench-${name}-`))
  made.add(path)
  return path
}

export function removeScratch(path: string): void {
  made.delete(path)
  rmSync(path, { recursive: true, force: true })
}
