/** Real servers, started as people start them, killed and put to sleep. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { NodeStatus } from '../../src/services/control.ts'
import { MAIN, Running } from '../cli/cli-program.ts'
import { freePort } from '../interop/redis-server.ts'
import { type RealRedis, startRedis } from '../stores/redis/rig.ts'
import { RawClient } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { User } from './rig.ts'

const DEFAULT_LEASE = 3_000

interface Machine {
  readonly address: string
  readonly admin: number
  readonly redis: number
  readonly url: string
  /** Writes its file anew, with more in it. */
  write(more: string): void
  /** Starts its server, again if it ended. */
  start(...args: readonly string[]): Promise<Running>
}

interface Shown {
  readonly limits: { readonly maxSubscriptions: number }
  readonly scan: unknown
}

let machines = 1

/** A machine with an address of its own, and a configuration file. */
async function machine(
  redis: RealRedis,
  node: string,
  ...args: readonly string[]
): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-node-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const address = `127.0.0.${++machines}`
  const [port, admin, door] = [await freePort(), await freePort(), await freePort()]
  const file = join(folder, 'fanfare.yaml')
  const write = (more: string): void =>
    writeFileSync(
      file,
      [
        `store: { type: redis, host: 127.0.0.1, port: ${redis.port} }`,
        `address: ${address}`,
        `port: ${port}`,
        `management: { address: ${address}, port: ${admin} }`,
        `redis: { address: ${address}, port: ${door} }`,
        'feed: false',
        'sparkleshare: false',
        'fanout: false',
        'users: { removeUserAfterDisconnectTimeOut: 60s }',
        more,
      ].join('\n'),
    )
  write('')
  return {
    address,
    admin,
    redis: door,
    url: `http://${address}:${port}`,
    write,
    async start(...more) {
      const all = ['serve', '-c', file, '--node', node, ...args, ...more]
      const running = new Running(process.execPath, [MAIN, ...all])
      await until(
        () => running.stdout.includes('Stop with') || running.process.exitCode !== null,
        `${node} has started: ${running.stderr}`,
        15_000,
      )
      return running
    },
  }
}

async function call<T>({ address, admin }: Machine, path: string, body: unknown = {}): Promise<T> {
  const client = await RawClient.connect(admin, address)
  const text = JSON.stringify(body)
  client.send(
    `POST ${path} HTTP/1.1\r\nHost: ${address}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
  const reply = await client.reply()
  client.close()
  if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.body.toString()}`)
  return (reply.body.length === 0 ? undefined : JSON.parse(reply.body.toString())) as T
}

function status(of: Machine): Promise<Record<string, NodeStatus>> {
  return call<Record<string, NodeStatus>>(of, '/manager/status')
}

/** Asks until the answer is right. */
async function told<T>(
  ask: () => Promise<T>,
  right: (answer: T) => boolean,
  ms = 10_000,
): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined && right(answer)) return answer
    if (performance.now() > end) throw new Error(`it was not so in ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function accepts({ address, redis }: Machine): Promise<boolean> {
  return RawClient.connect(redis, address).then(
    (client) => {
      client.close()
      return true
    },
    () => false,
  )
}

async function redisServer(): Promise<RealRedis> {
  const redis = await startRedis()
  onTestFinished(() => redis.end())
  return redis
}

describe('three nodes and a Redis', { timeout: 60_000 }, () => {
  it('one is killed: its user goes on elsewhere with all it missed, and the spare takes its door', async () => {
    const redis = await redisServer()
    const [a, b, s] = [
      await machine(redis, 'a'),
      await machine(redis, 'b', '--roles', 'socketio,management,user,auth,channel,manager'),
      await machine(redis, 's', '--roles', 'management,manager', '--spare-for', 'redis'),
    ]
    const [first] = await Promise.all([a.start(), b.start(), s.start()])
    await call(b, '/auth/set', { userId: 1, sessionId: 'secret' })
    await told(
      () => status(b),
      (nodes) => Object.keys(nodes).length === 3,
    )
    let since = ''
    const user = new User(a.url, 'secret', { auth: { session: 'secret', envelope: true } })
    user.socket.on('message', ({ id }: { id: string }) => (since = id))
    await user.connected()
    await call(b, '/user/publish', { userId: 1, message: 'one' })
    await user.got(1)
    expect(await accepts(s)).toBe(false)

    const gone = new Promise((resolve) => user.socket.once('disconnect', resolve))
    first.process.kill('SIGKILL')
    const killed = performance.now()
    await gone
    user.socket.disconnect()
    await call(b, '/user/publish', { userId: 1, message: 'two' })
    await call(b, '/user/publish', { userId: 1, message: 'three' })
    const again = new User(b.url, 'secret', { auth: { session: 'secret', envelope: true, since } })
    await call(b, '/user/publish', { userId: 1, message: 'four' })
    const bodies = (await again.got(3)).map((message) => (message as { body: string }).body)
    expect(bodies).toEqual(['"two"', '"three"', '"four"'])

    await told(() => accepts(s), Boolean)
    expect(performance.now() - killed).toBeLessThan(5_000)
    const nodes = await told(
      () => status(s),
      ({ a: dead, s: spare }) =>
        dead?.state.up === false && spare?.roles.includes('redis') === true,
    )
    expect(Object.values(nodes).filter(({ isManager }) => isManager)).toHaveLength(1)
    // What the dead node held is dropped: the user has the one connection.
    await told(
      () => call<{ node: string }[]>(b, '/user/connections', { userId: 1 }),
      (known) => known.length === 1 && known[0]?.node === 'b',
    )

    const back = await a.start()
    expect(back.stdout).toMatch(/spare for +redis/)
    await told(
      () => status(b),
      ({ a: one }) => one?.spareFor[0] === 'redis',
    )
    expect(await accepts(a)).toBe(false)
  })

  it('one sleeps longer than its lease: when it wakes up, it claims nothing that others have', async () => {
    const redis = await redisServer()
    const [a, s] = [
      await machine(redis, 'a'),
      await machine(redis, 's', '--roles', 'management,manager', '--spare-for', 'redis'),
    ]
    const sleeper = await a.start()
    await s.start()
    await told(
      () => status(a),
      ({ s: spare }) => spare?.spareFor[0] === 'redis',
    )
    const client = await RawClient.connect(a.redis, a.address)
    client.send('PING\r\n')
    await client.takeUntil('\r\n')
    sleeper.process.kill('SIGSTOP')
    await told(() => accepts(s), Boolean)
    await told(
      () => status(s),
      ({ s: spare }) => spare?.isManager === true,
    )
    sleeper.process.kill('SIGCONT')
    // Its clients are sent to where the door is now.
    await client.until(() => client.ended).catch(() => {})
    const nodes = await told(
      () => status(a),
      ({ a: one }) => one?.spareFor[0] === 'redis',
    )
    expect(nodes['a']).toMatchObject({ state: { up: true }, isManager: false })
    expect(await accepts(a)).toBe(false)
    expect(await accepts(s)).toBe(true)
  })

  it('one stops: its spare need not wait for a lease', async () => {
    const redis = await redisServer()
    const [a, s] = [
      await machine(redis, 'a', '--roles', 'redis'),
      await machine(redis, 's', '--roles', 'management', '--spare-for', 'redis'),
    ]
    const first = await a.start()
    await s.start()
    first.process.kill('SIGTERM')
    const stopped = performance.now()
    await told(() => accepts(s), Boolean)
    expect(performance.now() - stopped).toBeLessThan(DEFAULT_LEASE)
    expect(await first.ended()).toBe(0)
  })
})

describe('fanfare serve', { timeout: 60_000 }, () => {
  it('says which node it is among which, and refuses a name that is taken', async () => {
    const redis = await redisServer()
    const a = await machine(redis, 'a')
    const first = await a.start()
    expect(first.stdout).toMatch(
      /node +a\n +roles +all\n +other nodes +none\n +manager +this node\n/,
    )
    const other = await machine(redis, 'a')
    const second = await other.start()
    expect(await second.ended()).toBe(1)
    expect(second.stderr).toContain(`Another node is called a: ${a.url} (process `)
  })

  it('ends itself when another process has taken its name while it slept', async () => {
    const redis = await redisServer()
    const [a, other] = [await machine(redis, 'a'), await machine(redis, 'a')]
    const sleeper = await a.start()
    sleeper.process.kill('SIGSTOP')
    const second = await other.start()
    expect(second.stdout).toMatch(/node +a\n/)
    sleeper.process.kill('SIGCONT')
    expect(await sleeper.ended()).toBe(1)
    expect(sleeper.stderr).toMatch(
      /"event":"cluster\.displaced".*Another node is called a: (?:http:\S+ \()?process \d+ on /m,
    )
  })

  it('has workers behind one port, and starts one again that is killed', async () => {
    const redis = await redisServer()
    const m = await machine(redis, 'm', '--workers', '2')
    const main = await m.start()
    const both = await told(
      () => status(m),
      (nodes) =>
        Object.values(nodes).filter(({ state, url }) => state.up && url !== '').length === 2,
    )
    expect(Object.keys(both)).toEqual(['m/1', 'm/2'])
    expect(both['m/1']?.url).toBe(m.url)
    expect(both['m/2']?.url).toBe(m.url)

    // Connections go to both, and each gets what the other is given.
    const streams = await Promise.all(Array.from({ length: 4 }, () => listener(m)))
    await call(m, '/channel/publish', { channelId: 'news', message: 'hello' })
    for (const stream of streams) await stream.takeUntil('data: "hello"')

    const pids = await told(
      async () => {
        const asked = Array.from({ length: 4 }, () => call<{ pid: number }>(m, '/worker/status'))
        return new Set((await Promise.all(asked)).map(({ pid }) => pid))
      },
      ({ size }) => size === 2,
    )
    const [victim] = pids
    process.kill(victim ?? 0, 'SIGKILL')
    await until(() => main.stderr.includes('ended by SIGKILL; it is started again'), 'it is missed')
    await told(
      async () => (await call<{ pid: number }>(m, '/worker/status')).pid,
      (pid) => !pids.has(pid),
      15_000,
    )
    await told(
      () => status(m),
      (nodes) => Object.values(nodes).filter(({ state }) => state.up).length === 2,
    )

    // They reload one after another.
    m.write('limits: { maxSubscriptions: 7 }\nscan: {}')
    main.process.kill('SIGHUP')
    for (const nodeId of ['m/1', 'm/2']) {
      const { scan } = await told(
        () => call<Shown>(m, '/manager/getConfig', { nodeId }),
        ({ limits }) => limits.maxSubscriptions === 7,
      )
      // What cannot be shared, the first one does.
      if (nodeId === 'm/1') expect(scan).toMatchObject({ channel: 'json' })
      else expect(scan).toBe(false)
    }

    main.process.kill('SIGTERM')
    expect(await main.ended()).toBe(0)
    await expect(RawClient.connect(m.admin, m.address)).rejects.toThrow('ECONNREFUSED')
  })

  it('standing alone takes a configuration for all nodes, too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fanfare-node-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const [admin, port] = [await freePort(), await freePort()]
    const yaml = `store: { type: memory }\nport: ${port}\nmanagement: { port: ${admin} }\nfeed: false\nredis: false\nsparkleshare: false\nfanout: false\n`
    writeFileSync(join(folder, 'f.yaml'), yaml)
    const running = new Running(process.execPath, [MAIN, 'serve', '-c', join(folder, 'f.yaml')])
    await until(() => running.stdout.includes('Stop with'), 'it has started')
    const alone = { address: '127.0.0.1', admin } as Machine
    const config = { limits: { maxSubscriptions: 5 } }
    const made = await call(alone, '/manager/setConfig', { config, author: 'mona' })
    expect(made).toMatchObject({ version: 1, diff: ['+ limits.maxSubscriptions: 5'] })
    const shown = await call<{ limits: object }>(alone, '/manager/getConfig', { nodeId: 'local' })
    expect(shown.limits).toMatchObject({ maxSubscriptions: 5 })
    await expect(call(alone, '/manager/setConfig', { config: { prot: 1 } })).rejects.toThrow(
      'unknown key; did you mean `port`?',
    )
    expect(await call<object[]>(alone, '/manager/versions')).toHaveLength(1)
    expect(await call(alone, '/worker/reload')).toMatchObject({
      changed: ['limits.maxSubscriptions'],
    })
  })

  it('has no workers without Redis, and says why', async () => {
    const running = new Running(process.execPath, [MAIN, 'serve', '--port', '0', '--workers', '2'])
    expect(await running.ended()).toBe(1)
    expect(running.stderr).toMatch(
      /workers: the store `default` is kept in .*, and 2 workers could not share it: give it `type: redis`/,
    )
  })

  it('with workers that cannot start ends itself, with their reason once', async () => {
    const redis = await redisServer()
    const m = await machine(redis, 'm', '--workers', '2')
    const taken = await machine(redis, 'other')
    await taken.start()
    const running = await m.start('--port', new URL(taken.url).port, '--address', taken.address)
    expect(await running.ended()).toBe(1)
    expect(running.stderr.match(/something else listens on/g)).toHaveLength(1)
    expect(running.stderr).toContain('Worker 1 ended with code 1 before it was ready.')
  })
})

async function listener({ url, address }: Machine): Promise<RawClient> {
  const client = await RawClient.connect(Number(new URL(url).port), address)
  client.send(`GET /events/news HTTP/1.1\r\nHost: ${address}\r\n\r\n`)
  await client.takeUntil('\r\n\r\n')
  return client
}
