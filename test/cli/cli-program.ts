import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { until } from '../support/wait.ts'

/** As `npm test` has built it. */
export const MAIN = 'dist/src/cli/main.js'

/** What a program is given on its way. */
export interface RunOptions {
  readonly stdin?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
  /** The folder that it is started in. */
  readonly cwd?: string
}

/** A program that is running, and what it has written. */
export class Running {
  readonly process: ChildProcess
  stdout = ''
  stderr = ''
  readonly #closed: Promise<unknown>

  constructor(program: string, args: readonly string[], options: RunOptions = {}) {
    const env: NodeJS.ProcessEnv = { ...process.env, ...options.env }
    // Vitest's own, which no user has.
    delete env['FORCE_COLOR']
    delete env['NODE_OPTIONS']
    // Where tests run unattended, output is coloured although nobody sees it.
    delete env['CI']
    const { cwd } = options
    this.process = spawn(program, args, { cwd, env: { ...env, ...options.env } })
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    if (options.stdin !== undefined) this.process.stdin?.end(options.stdin)
    this.#closed = once(this.process, 'close')
    onTestFinished(() => {
      this.process.kill('SIGKILL')
    })
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1)
  }

  /** Waits for so many lines. */
  async printed(count: number): Promise<string[]> {
    await until(() => this.lines.length >= count, `${count} lines; errors: ${this.stderr}`)
    return this.lines
  }

  /** Waits for words on standard error. */
  async complained(words: string): Promise<void> {
    await until(() => this.stderr.includes(words), `"${words}"`)
  }

  /** @returns the exit code */
  async ended(): Promise<number | null> {
    await this.#closed
    // What a user must never see.
    expect(this.stderr).not.toMatch(/^ {4}at /m)
    return this.process.exitCode
  }
}

/** Starts the command line. */
export function fanfare(args: readonly string[], options: RunOptions = {}): Running {
  return new Running(process.execPath, [resolve(MAIN), ...args], options)
}

/** Runs the command line to its end. */
export async function run(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const running = fanfare(args, { stdin: '', ...options })
  const code = await running.ended()
  return { code, stdout: running.stdout, stderr: running.stderr }
}
