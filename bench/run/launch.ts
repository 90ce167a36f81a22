import { spawn, type ChildProcess } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { sessionMembers } from '../driver/processes.ts'
import { onCore } from './cores.ts'

/** A server that does not accept connections by then will not be waited for. In milliseconds. */
const START_MS = 15_000
/** Between a polite request to end and a kill, in milliseconds. */
const STOP_MS = 4000
/** How much of what a child says is kept, to show when it fails, in characters. */
const TAIL = 4000

export interface LaunchOptions {
  readonly command: readonly string[]
  readonly core: number | undefined
  readonly cwd: string
  /** Set for it, beside what this process has. */
  readonly env?: Readonly<Record<string, string>>
  /** Also opens a channel for messages, with values as structured clones. */
  readonly ipc?: boolean
}

const running = new Set<Launched>()
let guarded = false

/** A child process, in a session of its own that ends when the child or this process does. */
export class Launched {
  readonly child: ChildProcess
  /** What it said last, standard output and error together. */
  output = ''
  /** How it ended, such as `exit code 1` or `SIGKILL`; undefined while it runs. */
  ending: string | undefined
  readonly #name: string
  readonly #ended: Promise<void>

  private constructor(options: LaunchOptions) {
    const [file = '', ...args] = onCore(options.core, options.command)
    this.#name = options.command.slice(0, 2).join(' ')
    this.child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      detached: true,
      serialization: 'advanced',
      stdio: options.ipc === true ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    })
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-TAIL)
    }
    this.child.stdout?.on('data', keep)
    this.child.stderr?.on('data', keep)
    this.#ended = new Promise((done) => {
      this.child.once('error', (error) => {
        this.output += error.message
        running.delete(this)
        done()
      })
      // Its own children may be in other groups (Pushpin's are) and outlive a kill. They would keep our
      // ends of their output open, so that it never closes.
      this.child.once('exit', () => this.kill())
      this.child.once('close', (code, killer) => {
        this.ending = killer ?? `exit code ${code}`
        running.delete(this)
        done()
      })
    })
  }

  static start(options: LaunchOptions): Launched {
    guard()
    const launched = new Launched(options)
    running.add(launched)
    return launched
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  get hasEnded(): boolean {
    return !running.has(this)
  }

  /** Waits until 127.0.0.1:port accepts a connection; throws with its last words if it never does. */
  async accepting(port: number): Promise<void> {
    const deadline = performance.now() + START_MS
    while (!(await accepts(port))) {
      if (this.hasEnded || performance.now() > deadline) {
        throw new Error(`${this.#name} did not start:\n${this.output}`)
      }
      await pause(30)
    }
  }

  /** Asks it to end, then makes it. */
  async stop(): Promise<void> {
    signal(this, 'SIGTERM')
    const timer = setTimeout(() => this.kill(), STOP_MS)
    await this.#ended
    clearTimeout(timer)
  }

  /** Ends it and everything that it started now. */
  kill(): void {
    if (this.hasEnded) return
    signal(this, 'SIGKILL')
    for (const pid of sessionMembers(this.pid)) send(pid, 'SIGKILL')
  }
}

/**
 * Below the ports that the kernel gives to connections: while a server is started again, a client that
 * knocks at its port could otherwise be given that very port, and be connected to itself.
 */
const FIRST_PORT = 20_000
const PORTS = 12_000
const given = new Set<number>()

/** A port that was free a moment ago; never the same twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, ms)
  })
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const settle = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

function signal(launched: Launched, name: 'SIGTERM' | 'SIGKILL'): void {
  const pid = launched.child.pid
  if (pid !== undefined && !launched.hasEnded) send(-pid, name)
}

/** @param pid a process, or a group when negative */
function send(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended since.
  }
}

/** However this process ends, its children end with it. */
function guard(): void {
  if (guarded) return
  guarded = true
  process.once('exit', () => {
    for (const launched of running) launched.kill()
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => process.exit(name === 'SIGINT' ? 130 : 143))
  }
}
