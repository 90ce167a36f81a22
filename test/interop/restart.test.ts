/** The real server, killed and stopped under load, and everybody who comes back to it. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { expect, it, onTestFinished } from 'vitest'
import { fanfare, run, type Running } from '../cli/cli-program.ts'
import { CONFIG, makeHome } from '../cli/listen-files.ts'
import { Follower } from '../client/follower.ts'
import { redisCli } from '../client/redis-server.ts'
import { until } from '../support/wait.ts'
import { xread } from '../support/xread.ts'
import { freePort } from './redis-server.ts'

const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const
const PUBLISHERS = 3
/** Messages that are published between two ends of the server. */
const BETWEEN = 60
const USERS = ['1', '2', '3']

interface Ports {
  readonly main: number
  readonly redis: number
  readonly feed: number
  readonly management: number
}

/** A folder, the ports of a server on it, and the server, as often as it is started. */
class Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'fanfare-restart-'))
  readonly ports: Ports
  #running: Running | undefined

  private constructor(ports: Ports) {
    this.ports = ports
    onTestFinished(async () => {
      await this.end('SIGKILL')
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  static async start(): Promise<Server> {
    const [main, redis, feed, management] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ]
    const server = new Server({ main, redis, feed, management })
    await server.begin()
    return server
  }

  get pid(): number | undefined {
    return this.#running?.process.pid
  }

  async begin(): Promise<void> {
    const { main, redis, feed, management } = this.ports
    // By itself it is a file store that runs; here it is elsewhere.
    const env = {
      FANFARE_STORE__PATH: this.folder,
      FANFARE_PORT: String(main),
      FANFARE_REDIS__PORT: String(redis),
      FANFARE_FEED: `{ port: ${feed}, stillalive: 50ms }`,
      FANFARE_MANAGEMENT__PORT: String(management),
      FANFARE_SPARKLESHARE: 'false',
      FANFARE_FANOUT: 'false',
    }
    const running = fanfare(['serve'], { env })
    this.#running = running
    await until(
      () => running.stdout.includes('Stop with') || running.process.exitCode !== null,
      `it listens: ${running.stderr}`,
      30_000,
    )
    expect(running.process.exitCode, running.stderr).toBeNull()
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const { process } = this.#running as Running
    if (process.exitCode !== null || process.signalCode !== null) return
    const gone = once(process, 'exit')
    process.kill(signal)
    await gone
  }

  /** Asks until there is an answer. */
  async ask(port: number, path: string, request: RequestInit = {}): Promise<Response> {
    for (;;) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, request)
        await response.text()
        if (response.status < 500) return response
      } catch {
        // It is away.
      }
      await delay(10)
    }
  }
}

/** A user's client, which goes on after the last message that it had. */
function connect(url: string, session: string): { readonly bodies: string[]; connected: boolean } {
  const seen = { bodies: [] as string[], connected: false }
  let since: string | undefined
  const auth = (tell: (auth: object) => void): void => {
    tell({ session, envelope: true, ...(since === undefined ? {} : { since }) })
  }
  const socket = io(url, { auth, reconnectionDelay: 10, reconnectionDelayMax: 50, forceNew: true })
  onTestFinished(() => void socket.disconnect())
  socket.on('message', ({ id, body }: { id: string; body: string }) => {
    since = id
    seen.bodies.push(body)
  })
  socket.on('connect', () => (seen.connected = true))
  socket.on('disconnect', () => (seen.connected = false))
  socket.once('connect', () => socket.emit('subscribe', 'a', () => seen.bodies.push('subscribed')))
  return seen
}

function isOwn(body: string): boolean {
  return body.includes('for you')
}

it('nobody misses anything or gets it twice, whether the server is killed or stopped', {
  timeout: 120_000,
}, async () => {
  const server = await Server.start()
  const { main, redis, feed, management } = server.ports
  const url = `http://127.0.0.1:${main}`
  const followers = {
    sse: new Follower(new URL(`${url}/events/a`)),
    websocket: new Follower(new URL(`ws://127.0.0.1:${main}/ws/a`)),
    feed: new Follower(new URL(`feed://127.0.0.1:${feed}/a`)),
  }
  const stream = xread(redis, 'a')
  const home = makeHome()
  home.write(CONFIG, { host: '127.0.0.1', port: redis, channels: ['a'], auth: '' })
  const listener = fanfare(['listen', '--print'], { env: home.env })
  await listener.complained('listening to')
  for (const user of USERS) await server.ask(management, `/auth/set/${user}/session-${user}`)
  const users = USERS.map((user) => connect(url, `session-${user}`))
  await until(() => users.every(({ bodies }) => bodies.length === 1), 'all have subscribed')
  await until(
    () => Object.values(followers).every((follower) => follower.count('connected') > 0),
    'all are connected',
  )
  // Those of the feed have a time to come back with once they have had a stillalive.
  await until(() => followers.feed.cursor.id !== undefined, 'the feed has a time')

  const published: string[] = []
  let stopped = false
  const publishing = Array.from({ length: PUBLISHERS }, async (_, publisher) => {
    for (let count = 0; !stopped; count++) {
      const body = `message ${publisher}.${count}`
      const headers = { 'Idempotency-Key': randomUUID(), 'Content-Type': 'text/plain' }
      const { status } = await server.ask(main, '/publisher/a', { method: 'POST', headers, body })
      expect([200, 201, 202]).toContain(status)
      published.push(body)
    }
  })
  const told: string[] = []
  for (const [round, signal] of SIGNALS.entries()) {
    const before = published.length
    await until(() => published.length > before + BETWEEN, 'some are published', 60_000)
    await until(
      () => [...users, ...Object.values(followers)].every(({ bodies }) => bodies.length > 1),
      'everybody has had some',
      60_000,
    )
    await server.end(signal)
    await server.begin()
    for (const user of USERS) {
      // They count as there, whether they are back already or not.
      const message = encodeURIComponent(JSON.stringify(`for you ${round}`))
      const { status } = await server.ask(management, `/user/publish/${user}/${message}`)
      expect(status).toBe(200)
    }
    told.push(`for you ${round}`)
  }
  stopped = true
  await Promise.all(publishing)

  const log = (await redisCli(redis, 'XRANGE', 'a', '-', '+'))
    .split('\n')
    .filter((line) => line.startsWith('message '))
  expect(log.toSorted()).toEqual(published.toSorted())
  const all = {
    ...Object.fromEntries(
      Object.entries(followers).map(([which, follower]) => [which, () => follower.bodies]),
    ),
    xread: () => stream.bodies,
    listen: () => listener.lines.map((line) => line.slice(11)),
  }
  for (const [which, bodies] of Object.entries(all)) {
    await until(() => bodies().length >= log.length, `${which} has all`, 30_000)
    expect(bodies(), which).toEqual(log)
  }
  for (const [index, { bodies }] of users.entries()) {
    const count = 1 + log.length + told.length
    await until(() => bodies.length >= count, `user ${USERS[index]} has all`, 30_000)
    const others = bodies.filter((body) => !isOwn(body) && body !== 'subscribed')
    expect(others, `user ${USERS[index]}`).toEqual(log)
    expect(bodies.filter(isOwn)).toEqual(told.map((text) => JSON.stringify(text)))
  }
  for (const [which, follower] of Object.entries(followers)) {
    expect(follower.count('gap'), which).toBe(0)
  }
})

it('a second server on the same folder does not start, and says who has it', async () => {
  const server = await Server.start()
  const env = { FANFARE_STORE__PATH: server.folder, FANFARE_PORT: '0' }

  const { code, stderr } = await run(['serve'], { env })

  expect(code).toBe(1)
  expect(stderr).toMatch(/^fanfare: .*is in use by process \d+ on \S+ since \S+; stop that one/)
  expect(stderr).toContain(server.folder)
  expect(stderr).toContain(`process ${server.pid} on`)
})

it('without a word about a store, messages and sessions are in a folder beside it', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'fanfare-cwd-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  const config = join(cwd, 'fanfare.yaml')
  writeFileSync(config, 'port: 0\n')
  const off = ['FEED', 'REDIS', 'SPARKLESHARE', 'FANOUT', 'MANAGEMENT']
  const env = Object.fromEntries(off.map((door) => [`FANFARE_${door}`, 'false']))
  for (const args of [
    ['--config', config],
    ['--port', '0'],
  ]) {
    const running = fanfare(['serve', ...args], { env, cwd })
    await until(() => running.stdout.includes('Stop with'), 'it listens', 30_000)
    expect(running.stdout).toMatch(/stores +default \(file, in .*\/fanfare-data\)/)
    expect(readdirSync(join(cwd, 'fanfare-data')).toSorted()).toEqual([
      '00000001.log',
      'facts',
      'lock',
    ])
    running.process.kill('SIGTERM')
    expect(await running.ended()).toBe(0)
    expect(existsSync(join(cwd, 'fanfare-data', 'lock'))).toBe(false)
  }
})
