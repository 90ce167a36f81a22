/** What a hook needs to know, from its options, git's configuration and the environment. */
import { join, resolve } from 'node:path'
import { parseDuration } from '../config/units.ts'
import type { Git } from '../repository/git.ts'
import { projectOf, readSettings } from '../repository/project.ts'
import { UsageError } from './target.ts'

export interface HookFlags {
  readonly url?: string
  readonly project?: string
  readonly timeout?: string
  readonly spool?: string
  readonly maxCommits?: string
  readonly accessKey?: string
  /** File of an authority. */
  readonly ca?: string
}

export interface HookSettings {
  /** As it was written: whether it is a URL is for who uses it to say. */
  readonly url: string
  readonly project: string
  /** As it was given on the command line. */
  readonly accessKey: string | undefined
  /** The file of events that could not be sent. */
  readonly spool: string
  /** For everything together, in ms. */
  readonly timeout: number
  /** Of each ref; undefined: as many as usual. */
  readonly maxCommits: number | undefined
  /** What was written but cannot be used, for people; the defaults are used instead. */
  readonly mistakes: readonly string[]
}

export interface SettingsOptions {
  /** In ms. */
  readonly defaultTimeout: number
  /** When git is given up, as `performance.now()` counts. */
  readonly until?: number
  /** Where git runs: its answers are relative to that. */
  readonly cwd?: string
}

const DEFAULT_URL = 'http://localhost:2069/json'

/**
 * Of the repository that the hook runs in. Options go before git's configuration (`fanfare.…`), that
 * before the environment.
 * @throws GitError outside of a repository
 */
export async function hookSettings(
  git: Git,
  flags: HookFlags,
  { defaultTimeout, until, cwd = '.' }: SettingsOptions,
): Promise<HookSettings> {
  const limit = until === undefined ? {} : { until }
  const [said, configured] = await Promise.all([
    git.read(['rev-parse', '--git-common-dir'], limit),
    readSettings(git, limit),
  ])
  const gitDir = resolve(cwd, said.toString('utf8').trimEnd())
  const environment = process.env['FANFARE_FEED_URL']
  const timeout = flags.timeout ?? configured.get('timeout')
  // Git tells its keys in lower case.
  const maxCommits = flags.maxCommits ?? configured.get('maxcommits')
  const mistakes: string[] = []
  const read = (
    text: string | undefined,
    as: (text: string) => number | undefined,
    what: string,
  ): number | undefined => {
    if (text === undefined) return undefined
    const value = as(text)
    if (value === undefined) mistakes.push(`${what}, not ${text}`)
    return value
  }
  return {
    url: flags.url ?? configured.get('url') ?? (environment || DEFAULT_URL),
    project: flags.project ?? configured.get('project') ?? projectOf(gitDir),
    accessKey: flags.accessKey,
    spool: resolve(flags.spool ?? join(gitDir, 'fanfare-spool.jsonl')),
    timeout:
      read(timeout, timeOf, 'timeout takes milliseconds, or a duration such as 2s') ??
      defaultTimeout,
    maxCommits: read(maxCommits, countOf, 'max-commits takes a number up to 100000'),
    mistakes,
  }
}

/** @throws UsageError */
export function feedUrl(text: string): URL {
  if (!URL.canParse(text)) throw new UsageError(`not a URL: ${text}`)
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol)) throw new UsageError(`not an http: or https: URL: ${text}`)
  return url
}

/** One line for people. */
export function reasonFor(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Milliseconds as a number, or text such as `2s`; an hour at most. */
function timeOf(text: string): number | undefined {
  const ms = /^\d+$/.test(text) ? Number(text) : parseDuration(text)
  return ms !== undefined && ms >= 1 && ms <= 3_600_000 ? ms : undefined
}

function countOf(text: string): number | undefined {
  return /^\d{1,6}$/.test(text) && Number(text) <= 100_000 ? Number(text) : undefined
}
