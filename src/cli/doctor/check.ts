import type { ResolvedConfig } from '../../config/types.ts'

export type State = 'ok' | 'warn' | 'FAIL'

/** What one look at the machine or the configuration has found. */
export interface Finding {
  readonly what: string
  readonly state: State
  /** What was found, in words. */
  readonly text: string
  /** What to do about it. */
  readonly advice?: string
}

/** What the checks look at. */
export interface Patient {
  readonly config: ResolvedConfig
  /** The process that serves this configuration already, as far as can be seen. */
  readonly running: number | undefined
}

export function ok(what: string, text: string): Finding {
  return { what, state: 'ok', text }
}

export function warn(what: string, text: string, advice: string): Finding {
  return { what, state: 'warn', text, advice }
}

export function fail(what: string, text: string, advice: string): Finding {
  return { what, state: 'FAIL', text, advice }
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Bytes for people. */
export function sizeOf(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1)} GiB`
    : `${Math.round(bytes / 2 ** 20)} MiB`
}
