import { closeSync, openSync } from 'node:fs'
import { ConfigError } from '../config/index.ts'
import type { Log } from '../log/log.ts'
import { FanfareError } from '../model/errors.ts'
import type { Applied } from '../services/control.ts'
import { ConfigWatch } from './config-watch.ts'
import { tellProblems } from './problems.ts'

export interface ReloadOptions {
  /** Reads the configuration again, and applies it. @throws ConfigError, FanfareError */
  readonly reload: () => Promise<Applied>
  /** Hears before each attempt. */
  readonly begin?: () => void
  /** Hears after each attempt, whatever came of it. */
  readonly done?: () => void
  readonly log: Log
}

/**
 * Reloads at each SIGHUP, one after the other, and says what came of it: several that come while one is under
 * way are one.
 */
export function reloadAtHangup({ reload, begin, done, log }: ReloadOptions): void {
  let running = false
  let again = false
  const run = async (): Promise<void> => {
    running = true
    try {
      do {
        again = false
        begin?.()
        await tell(reload, log)
        done?.()
      } while (again)
    } finally {
      running = false
    }
  }
  process.on('SIGHUP', () => {
    if (isTerminalGone()) process.emit('SIGTERM')
    else if (running) again = true
    else run().catch((error: unknown) => complain(error, log))
  })
}

/** Has a changed file reloaded, as if by SIGHUP. */
export async function reloadAtChange(file: string, log: Log): Promise<void> {
  const watch = new ConfigWatch(
    file,
    () => process.emit('SIGHUP'),
    (error) => {
      const reason = error instanceof Error ? error.message : String(error)
      log.tell(
        'config.unwatched',
        `${file} is not watched for changes: ${reason}. \`kill -HUP ${process.pid}\` has it read again.`,
      )
    },
  )
  await watch.start()
}

async function tell(reload: () => Promise<Applied>, log: Log): Promise<void> {
  try {
    const applied = await reload()
    console.log(describeApplied(applied))
    log.tellPrograms('config.applied', 'The configuration was read again.', { ...applied })
  } catch (error) {
    complain(error, log)
  }
}

/** What has changed, a line each. */
export function describeApplied({ changed, restarted, later }: Applied): string {
  const lines = [
    ...changed.map((key) => `  changed        ${key}`),
    ...restarted.map((what) => `  begun anew     ${what}`),
    ...later.map((key) => `  at next start  ${key}`),
  ]
  if (lines.length === 0) return 'Configuration read again: nothing has changed.'
  return ['Configuration read again:', ...lines].join('\n')
}

function complain(error: unknown, log: Log): void {
  if (error instanceof ConfigError) {
    tellProblems(log, error.problems)
    log.tell('config.refused', 'The configuration cannot be used; the former one holds on.')
  } else if (error instanceof FanfareError) {
    log.tell('config.refused', `The configuration was not applied: ${error.message}`)
  } else log.failed(error)
}

/** A terminal that was closed says so by the same signal: then there is nobody to run for. */
function isTerminalGone(): boolean {
  if (!process.stdin.isTTY) return false
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return false
  } catch {
    return true
  }
}
