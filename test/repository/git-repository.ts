import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { eventsOf, type EventOptions } from '../../src/repository/events.ts'
import { Git } from '../../src/repository/git.ts'
import { changesBetween, type RefChange, readRefs } from '../../src/repository/refs.ts'

/** What git is run with: nobody's configuration, always the same author, no variables of a hook. */
export const GIT_ENV: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_AUTHOR_DATE: '1795209613 +0200',
  GIT_COMMITTER_NAME: 'Grace',
  GIT_COMMITTER_EMAIL: 'grace@example.org',
  GIT_COMMITTER_DATE: '1795209700 +0000',
}

/** A folder that is removed when the test has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-git-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

export interface CommitEventJson {
  readonly [field: string]: unknown
  readonly repository: string
  readonly ref: string
  readonly log: string
}

/** A repository with a working tree. */
export class TestRepository {
  readonly path: string

  constructor(path = join(temporaryFolder(), 'repo'), ...options: string[]) {
    this.path = path
    mkdirSync(path, { recursive: true })
    execFileSync('git', ['init', '-q', '-b', 'main', ...options, path], { env: GIT_ENV })
  }

  git(
    args: readonly string[],
    env: Record<string, string> = {},
    input: string | Buffer = '',
  ): string {
    const options = { cwd: this.path, env: { ...GIT_ENV, ...env }, input, stdio: 'pipe' as const }
    return execFileSync('git', args, { ...options, maxBuffer: 2 ** 28 })
      .toString('utf8')
      .trim()
  }

  write(path: string, text = `${Math.random()}\n`): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true })
    writeFileSync(join(this.path, path), text)
  }

  /** Commits what was written, and a file named like the message if nothing was. @returns its name */
  commit(message: string, files?: Readonly<Record<string, string>>): string {
    for (const [path, text] of Object.entries(files ?? { [message]: message }))
      this.write(path, text)
    this.git(['add', '-A'])
    this.git(['commit', '-q', '--allow-empty', '-m', message])
    return this.head()
  }

  /** Many small commits on a branch, in one go. */
  import(count: number, { branch = 'main', from = '', prefix = 'c' } = {}): string {
    const commits: string[] = []
    for (let n = 1; n <= count; n++) {
      const message = `${prefix}${n}`
      const who = `committer Grace <grace@example.org> ${1_795_200_000 + n} +0000`
      const base = n === 1 && from !== '' ? `from ${from}\n` : ''
      const file = `M 100644 inline f${n % 100}\ndata ${message.length}\n${message}\n`
      const head = `commit refs/heads/${branch}\n${who}\ndata ${message.length}\n${message}\n`
      commits.push(head + base + file)
    }
    this.git(['fast-import', '--quiet', '--force'], {}, commits.join(''))
    return this.head(`refs/heads/${branch}`)
  }

  head(name = 'HEAD'): string {
    return this.git(['rev-parse', name])
  }

  refs(): Promise<ReadonlyMap<string, string>> {
    return readRefs(new Git({ gitDir: join(this.path, '.git') }))
  }

  /** The events of given changes. */
  async eventsOf(
    changes: readonly RefChange[],
    options: EventOptions = {},
  ): Promise<CommitEventJson[]> {
    const events: CommitEventJson[] = []
    const repository = { git: new Git({ gitDir: join(this.path, '.git') }), project: 'repo' }
    const strict = {
      onProblem: (error: unknown) => {
        throw error
      },
    }
    for await (const json of eventsOf(repository, changes, { ...strict, ...options })) {
      if (json.includes('\n')) throw new Error(`more than a line: ${json}`)
      events.push((JSON.parse(json) as { commit: CommitEventJson }).commit)
    }
    return events
  }

  /** The events of whatever `work` does to the refs. */
  async eventsFrom(work: () => void, options: EventOptions = {}): Promise<CommitEventJson[]> {
    const before = await this.refs()
    work()
    return this.eventsOf(changesBetween(before, await this.refs()), options)
  }
}

export const NONE = '0'.repeat(40)
