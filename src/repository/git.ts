/** Running the `git` program: never through a shell, bounded in time, output and number. */
import { spawn } from 'node:child_process'
import type { Gate } from './gate.ts'

/** Why git gave no answer. The message is one line. */
export class GitError extends Error {
  override readonly name = 'GitError'
}

export interface GitOptions {
  /**
   * The repository's own folder (`x.git`, `x/.git`). Given: whatever git variables this process has
   * are not passed on. Not given: git finds the repository as it does in a hook, by GIT_DIR or by
   * the working directory.
   */
  readonly gitDir?: string
  readonly cwd?: string
  /** Ends every git that is running. */
  readonly signal?: AbortSignal
  /** How many may run at once; shared between repositories. */
  readonly gate?: Gate
}

export interface RunOptions {
  readonly input?: string | Buffer
  /** When the run is killed, in ms as `performance.now()` counts; never unless given. */
  readonly until?: number
  /** Exit codes that are an answer too. */
  readonly codes?: readonly number[]
  /** The largest output that `read` takes, in bytes. */
  readonly maxBytes?: number
}

const MAX_OUTPUT = 64 * 2 ** 20
/** Bytes of git's complaints that are kept. */
const MAX_STDERR = 8192

/**
 * What is passed to every git. Objects are shown as they are stored, without replacements; nothing
 * is fetched from anywhere, whatever the repository's configuration says (it may be somebody
 * else's), and nobody is asked for a password.
 */
const ENVIRONMENT = {
  LC_ALL: 'C',
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_LAZY_FETCH: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
}

/** The git program for one repository. */
export class Git {
  readonly #options: GitOptions
  readonly #env: NodeJS.ProcessEnv

  constructor(options: GitOptions = {}) {
    this.#options = options
    const env = Object.entries(process.env)
    const kept =
      options.gitDir === undefined ? env : env.filter(([name]) => !name.startsWith('GIT_'))
    this.#env = { ...Object.fromEntries(kept), ...ENVIRONMENT }
  }

  /**
   * The output, as it comes. Whoever stops reading ends git.
   * @throws GitError when git cannot be run, fails, or is out of time
   */
  async *stream(args: readonly string[], options: RunOptions = {}): AsyncGenerator<Buffer, void> {
    const { gate } = this.#options
    await gate?.enter()
    try {
      yield* this.#run(args, options)
    } finally {
      gate?.leave()
    }
  }

  /** @throws GitError also when the output is over `maxBytes` */
  async read(args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
    const { maxBytes = MAX_OUTPUT } = options
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of this.stream(args, options)) {
      length += piece.length
      if (length > maxBytes) throw new GitError(`git ${args[0]} said more than ${maxBytes} bytes`)
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  async *#run(args: readonly string[], options: RunOptions): AsyncGenerator<Buffer, void> {
    const { gitDir, cwd, signal } = this.#options
    const { until = Number.POSITIVE_INFINITY, input = '', codes = [0] } = options
    const left = until - performance.now()
    if (left <= 0) throw new GitError(`there was no time left for git ${args[0]}`)
    if (signal?.aborted) throw new GitError('stopped')
    const child = spawn('git', gitDir === undefined ? args : [`--git-dir=${gitDir}`, ...args], {
      env: this.#env,
      ...(cwd === undefined ? {} : { cwd }),
    })
    let complaint = ''
    let late = false
    const kill = (): void => void child.kill('SIGKILL')
    const timer =
      left === Number.POSITIVE_INFINITY
        ? undefined
        : setTimeout(() => {
            late = true
            kill()
          }, left)
    signal?.addEventListener('abort', kill)
    const ended = new Promise<number | null | NodeJS.ErrnoException>((resolve) => {
      child.on('error', resolve)
      child.on('close', (code) => resolve(code))
    })
    child.stderr.on('data', (bytes: Buffer) => {
      if (complaint.length < MAX_STDERR) complaint += bytes.toString('utf8')
    })
    // A git that ends before it has read everything tells so by its exit code.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    try {
      try {
        for await (const piece of child.stdout) yield piece as Buffer
      } catch {
        // The end tells.
      }
      const end = await ended
      if (late) throw new GitError(`git ${args[0]} took too long`)
      if (signal?.aborted) throw new GitError('stopped')
      if (end instanceof Error) {
        const missing = end.code === 'ENOENT'
        throw new GitError(missing ? 'git is not installed, or not in PATH' : end.message)
      }
      if (end === null || !codes.includes(end)) {
        const [said = ''] = complaint.trim().split('\n')
        const why = said === '' ? `ended with ${end ?? 'a signal'}` : said.slice(0, 500)
        throw new GitError(`git ${args[0]}: ${why}`)
      }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', kill)
      kill()
      await ended
    }
  }
}
