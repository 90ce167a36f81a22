import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { channelFromText, type ChannelName } from '../../../src/model/channel.ts'
import type { Clock } from '../../../src/model/clock.ts'
import type { Draft, Message } from '../../../src/model/message.ts'
import { REDIS_DEFAULTS, type RedisOptions } from '../../../src/stores/redis/options.ts'
import { RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { freePort } from '../../interop/redis-server.ts'

/** A redis-server of a test's own, which can be paused, killed, and started again on its files. */
export class RealRedis {
  readonly port: number
  readonly folder = mkdtempSync(join(tmpdir(), 'fanfare-redis-'))
  /** Of the command line. */
  arguments: readonly string[]
  #process: ChildProcess | undefined

  constructor(port: number, options: readonly string[]) {
    this.port = port
    this.arguments = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...options]
  }

  async start(): Promise<void> {
    this.#process = spawn('redis-server', this.arguments, { cwd: this.folder, stdio: 'ignore' })
    const end = performance.now() + 10_000
    while (!(await answers(this.port))) {
      if (performance.now() > end) throw new Error('redis-server does not answer')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  goOn(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Resolves when the process is gone. */
  async kill(): Promise<void> {
    const running = this.#process
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const gone = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGKILL')
    await gone
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** @param options of the command line; without any, nothing is kept on disk */
export async function startRedis(...options: string[]): Promise<RealRedis> {
  const redis = new RealRedis(await freePort(), options)
  await redis.start()
  return redis
}

/** Whether a command is answered: also one that is still loading is not ready. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(/^(?:\+PONG|-NOAUTH)/.test(data.toString()))
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

/** Asks one server one thing. */
export async function ask<T = string>(port: number, ...command: (string | Buffer)[]): Promise<T> {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.sendCommand<T>(command)
  } finally {
    client.destroy()
  }
}

/**
 * Resolves once the replica of a master that is still empty has what the master has. It takes a write: a
 * replica that is still to load what it was sent counts, to WAIT, as one that has nothing to miss.
 */
export async function untilFollowed(port: number): Promise<void> {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.sendCommand(['FLUSHALL'])
    await client.sendCommand(['WAIT', '1', '0'])
  } finally {
    client.destroy()
  }
}

/** A connection between one node and Redis that can be cut without Redis or other nodes noticing. */
export class Cable {
  readonly port: number
  readonly #to: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  private constructor(port: number, to: number) {
    this.port = port
    this.#to = to
  }

  static async to(port: number): Promise<Cable> {
    const cable = new Cable(await freePort(), port)
    await cable.mend()
    return cable
  }

  async mend(): Promise<void> {
    const server = createServer((near) => {
      const far = connect(this.#to, '127.0.0.1')
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          near.destroy()
          far.destroy()
        })
      }
      near.pipe(far).pipe(near)
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
  }

  async cut(): Promise<void> {
    const server = this.#server
    if (!server?.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

export function name(text: string): ChannelName {
  const channel = channelFromText(text)
  if (channel === undefined) throw new Error(`no channel name: ${text}`)
  return channel
}

export function draft(channel: string, body: string, more: Partial<Draft> = {}): Draft {
  return { channel: name(channel), body: Buffer.from(body), ...more }
}

/** One server's store, and what it hears. */
export class Node {
  readonly store: RedisStore
  readonly heard: string[] = []
  readonly messages: Message[] = []
  readonly reports: string[] = []
  skipped = 0
  available = 0

  constructor(port: number, options: Partial<RedisOptions> = {}, clock?: Clock) {
    const connection = { ...REDIS_DEFAULTS.connection, host: '127.0.0.1', port }
    const report = (text: string): void => void this.reports.push(text)
    this.store = new RedisStore({ connection, report, ...options }, clock)
    this.store.watch({
      appended: (message) => {
        this.messages.push(message)
        this.heard.push(message.body.toString())
      },
      removed: (channel) => void this.heard.push(`removed ${channel}`),
      skipped: () => void this.skipped++,
      available: () => void this.available++,
    })
  }
}
