/** The life of several processes behind the same ports: how they stop, and the sockets that they are lent. */
import { spawn, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fanfare, MAIN, type Running } from '../cli/cli-program.ts'
import { freePort } from '../interop/redis-server.ts'
import { startRedis } from '../stores/redis/rig.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { until } from '../support/wait.ts'

/** ms: a worker is a whole program, and the machine may be busy. */
const PATIENCE = 60_000

interface Env extends Readonly<Record<string, string>> {
  readonly FANFARE_PORT: string
  readonly FANFARE_MANAGEMENT__PORT: string
}

/** Two workers, and a Redis of their own. */
async function twoWorkers(): Promise<Env> {
  const redis = await startRedis()
  onTestFinished(() => redis.end())
  return {
    FANFARE_WORKERS: '2',
    FANFARE_STORE: `{ type: redis, host: 127.0.0.1, port: ${redis.port} }`,
    FANFARE_PORT: String(await freePort()),
    FANFARE_MANAGEMENT__PORT: String(await freePort()),
    FANFARE_FEED: 'false',
    FANFARE_REDIS: 'false',
    FANFARE_SPARKLESHARE: 'false',
    FANFARE_FANOUT: 'false',
  }
}

/** Process ids of the workers, once both serve. */
async function pidsOf(env: Env): Promise<Set<number>> {
  const found = new Set<number>()
  const admin = Number(env.FANFARE_MANAGEMENT__PORT)
  const end = performance.now() + PATIENCE
  while (found.size < 2) {
    if (performance.now() > end) throw new Error(`there are not two workers: ${[...found].join()}`)
    const answer = await request(admin, 'GET', '/worker/status').catch(() => undefined)
    if (answer?.status !== 200) continue
    found.add((JSON.parse(answer.body.toString()) as { pid: number }).pid)
  }
  return found
}

async function follow(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port)
  client.send(requestBytes('GET', '/events/x'))
  await client.takeUntil('\r\n\r\n')
  return client
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function gone(pids: Iterable<number>): Promise<void> {
  for (const pid of pids) await until(() => !runs(pid), `process ${pid} has ended`, PATIENCE)
}

/** Publishes, and leaves out the last byte: that is waited for. */
async function publishHalf(port: number): Promise<void> {
  const client = await RawClient.connect(port)
  client.send(requestBytes('POST', '/publisher/x', {}, 'whole'))
  await client.reply()
  client.send(requestBytes('POST', '/publisher/x', {}, 'not whole').subarray(0, -1))
}

describe('workers', { timeout: 3 * PATIENCE }, () => {
  it('all let their clients go when they are told to stop', async () => {
    const env = await twoWorkers()
    const main = fanfare(['serve'], { stdin: '', env })
    const pids = await pidsOf(env)
    // Connections go to one after the other.
    const clients: RawClient[] = []
    for (let n = 0; n < 6; n++) clients.push(await follow(Number(env.FANFARE_PORT)))
    for (const { socket } of clients) socket.on('end', () => socket.end())

    main.process.kill('SIGTERM')

    for (const client of clients)
      expect(await client.rest()).toMatch(/retry: \d+\n\n\r\n0\r\n\r\n$/)
    expect(await main.ended()).toBe(0)
    await gone(pids)
  })

  it('end all at once when they are told again', async () => {
    const env = { ...(await twoWorkers()), FANFARE_LIMITS__DRAIN_TIMEOUT: '5m' }
    const main = fanfare(['serve'], { stdin: '', env })
    const pids = await pidsOf(env)
    for (let n = 0; n < 4; n++) await publishHalf(Number(env.FANFARE_PORT))
    main.process.kill('SIGTERM')
    await refused(Number(env.FANFARE_PORT))
    expect([...pids].filter(runs)).toHaveLength(2)

    await again(main, pids)

    expect(main.process.exitCode).toBe(143)
    await gone(pids)
  })

  const hasSystemd = spawnSync('systemd-socket-activate', ['--version']).status === 0

  it.skipIf(!hasSystemd)('share the sockets that a service manager has opened', async () => {
    const own = await twoWorkers()
    const [main, admin] = [await freePort(), await freePort()]
    // Where they would listen by themselves, nobody may.
    const env = { ...own, FANFARE_PORT: '1', FANFARE_MANAGEMENT__PORT: '1' }
    const given = Object.entries(env).flatMap(([name, value]) => ['-E', `${name}=${value}`])
    const ports = ['-l', `127.0.0.1:${main}`, '-l', `127.0.0.1:${admin}`]
    const names = '--fdname=http:management'
    const child = spawn(
      'systemd-socket-activate',
      [...ports, names, ...given, process.execPath, resolve(MAIN), 'serve'],
      { stdio: 'ignore' },
    )
    onTestFinished(() => void child.kill('SIGTERM'))
    // The first connection has them started, and waits until they are.
    let first: RawClient | undefined
    for (; !first; first = await RawClient.connect(admin).catch(() => undefined));
    first.send(requestBytes('GET', '/worker/status'))
    expect((await first.reply()).status).toBe(200)

    const pids = await pidsOf({ ...env, FANFARE_MANAGEMENT__PORT: String(admin) })
    for (let n = 0; n < 4; n++) {
      expect((await request(main, 'POST', '/publisher/x', {}, 'x')).status).toBeLessThan(300)
    }

    child.kill('SIGTERM')
    await gone(pids)
  })
})

async function refused(port: number): Promise<void> {
  for (;;) {
    const client = await RawClient.connect(port).catch(() => undefined)
    if (!client) return
    client.close()
  }
}

/**
 * A signal that comes soon after another is the same one: so it is sent until it is heard. And no longer: a process that
 * ends hears it as any does.
 */
async function again({ process: main }: Running, pids: ReadonlySet<number>): Promise<void> {
  await until(
    () => {
      if ([...pids].every(runs)) main.kill('SIGTERM')
      return main.exitCode !== null
    },
    'it has ended',
    PATIENCE,
  )
}
