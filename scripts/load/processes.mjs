// Real servers, and cables between them and their clients that can be cut and held.
import { spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { root } from '../lib.mjs'
import { sleep } from './random.mjs'

/** How long a process may take to say that it runs, in ms: machines do much else. */
const START = 60_000

/** A port that nobody has at this moment. */
export async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A program that is killed, held and begun again. */
class Program {
  #process
  /** Ends of the process that nobody asked for. */
  crashes = []
  #meant = false
  said = ''

  get pid() {
    return this.#process?.pid
  }

  get runs() {
    return (
      this.#process !== undefined &&
      this.#process.exitCode === null &&
      this.#process.signalCode === null
    )
  }

  launch(command, args, options) {
    this.#meant = false
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    this.#process = child
    for (const stream of [child.stdout, child.stderr]) {
      stream
        .setEncoding('utf8')
        .on('data', (text) => (this.said = (this.said + text).slice(-20_000)))
    }
    child.once('exit', (code, signal) => {
      if (!this.#meant)
        this.crashes.push(`ended by itself (${code ?? signal}): ${this.said.slice(-2_000)}`)
    })
  }

  signal(name) {
    if (this.runs) this.#process.kill(name)
  }

  /** Resolves when it has ended. */
  async end(name) {
    this.#meant = true
    if (!this.runs) return
    const gone = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill(name)
    await gone
  }
}

/** `fanfare serve` with a configuration, always on the same ports. */
export class Server extends Program {
  constructor(name, config, nodeArgs = []) {
    super()
    this.name = name
    this.config = config
    this.nodeArgs = nodeArgs
  }

  /** @throws Error with what it said when it does not run in time */
  async start() {
    this.said = ''
    const program = join(root, 'dist/src/cli/main.js')
    this.launch(process.execPath, [...this.nodeArgs, program, 'serve', '--config', this.config])
    const end = performance.now() + START
    while (!this.said.includes('listens on')) {
      if (!this.runs || performance.now() > end)
        throw new Error(`${this.name} does not start: ${this.said}`)
      await sleep(20)
    }
  }
}

/** A redis-server with files of its own, which has on disk what it has answered. */
export class Redis extends Program {
  constructor(port, folder) {
    super()
    this.name = 'redis'
    this.port = port
    this.folder = folder
  }

  async start() {
    const safe = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
    const where = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder]
    this.launch('redis-server', [...where, ...safe])
    const end = performance.now() + START
    while (!(await this.#answers())) {
      if (performance.now() > end) throw new Error(`redis-server does not start: ${this.said}`)
      await sleep(20)
    }
  }

  #answers() {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'))
      socket.once('data', (data) => {
        socket.destroy()
        resolve(data.toString().startsWith('+PONG'))
      })
      socket.once('error', () => resolve(false))
      socket.once('close', () => resolve(false))
    })
  }
}

/** A way to a port that can be cut, closed, and held so that nothing comes through. */
export class Cable {
  #pairs = new Set()
  #held = false
  #closed = false

  constructor(to) {
    this.to = to
  }

  async listen() {
    this.server = createServer({ allowHalfOpen: true }, (near) => this.#join(near))
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.port = this.server.address().port
    return this
  }

  #join(near) {
    if (this.#closed) {
      near.destroy()
      return
    }
    const far = connect({ port: this.to, host: '127.0.0.1', allowHalfOpen: true })
    const pair = { near, far }
    this.#pairs.add(pair)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      one.on('error', () => {})
      one.on('data', (bytes) => {
        if (!other.write(bytes)) one.pause()
      })
      other.on('drain', () => {
        if (!this.#held) one.resume()
      })
      one.on('end', () => other.end())
      one.on('close', () => {
        this.#pairs.delete(pair)
        other.destroy()
      })
      if (this.#held) one.pause()
    }
  }

  /** Breaks what is open, with whatever is under way in it. */
  cut() {
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
  }

  /** Nothing comes through for a while, and nobody is told. */
  async hold(ms) {
    this.#held = true
    for (const { near, far } of this.#pairs) for (const socket of [near, far]) socket.pause()
    await sleep(ms)
    this.#held = false
    for (const { near, far } of this.#pairs) for (const socket of [near, far]) socket.resume()
  }

  /** What is open breaks, and nobody comes in for a while. */
  async close(ms) {
    this.#closed = true
    this.cut()
    await sleep(ms)
    this.#closed = false
  }

  end() {
    this.server.close()
    this.cut()
  }
}
