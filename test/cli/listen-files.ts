import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A user's folder, and what a program needs to see it as its own. */
export interface Home {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
  /** Writes a file there. @returns its path */
  readonly write: (name: string, value: unknown) => string
}

export function makeHome(): Home {
  const path = mkdtempSync(join(tmpdir(), 'fanfare-home-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    env: { HOME: path, XDG_CONFIG_HOME: '', XDG_STATE_HOME: '' },
    write(name, value) {
      const file = join(path, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, JSON.stringify(value))
      return file
    },
  }
}

/** Where the listener's configuration is in a home. */
export const CONFIG = '.config/fanfare/listen.json'
