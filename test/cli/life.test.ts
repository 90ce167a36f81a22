/** The life of the real program: signals, failures, and what a service manager lends it and hears from it. */
import { spawn, spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../interop/redis-server.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { temporaryFolder } from '../server/reload-support.ts'
import { fanfare, MAIN, Running } from './cli-program.ts'

/** Nothing of it is anywhere but on the main port. */
const ALONE = {
  FANFARE_PORT: '0',
  FANFARE_STORE: '{ type: memory }',
  FANFARE_FEED: 'false',
  FANFARE_REDIS: 'false',
  FANFARE_SPARKLESHARE: 'false',
  FANFARE_FANOUT: 'false',
  FANFARE_MANAGEMENT: 'false',
}

interface Program {
  readonly running: Running
  readonly port: number
}

/** Waits until it serves. */
async function served(running: Running): Promise<Program> {
  await until(
    () => running.stdout.includes('Stop with') || running.process.exitCode !== null,
    `it listens: ${running.stderr}`,
    60_000,
  )
  const port = Number(/listens on http:\/\/[^:]+:(\d+)/.exec(running.stdout)?.[1])
  if (!port) throw new Error(`it does not run: ${running.stderr}`)
  return { running, port }
}

function serve(env: Readonly<Record<string, string>> = {}): Promise<Program> {
  return served(fanfare(['serve'], { stdin: '', env: { ...ALONE, ...env } }))
}

/** Follows, and does not go when it is asked to. */
async function stubborn(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port)
  client.send(requestBytes('GET', '/events/x'))
  await client.takeUntil('\r\n\r\n')
  return client
}

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('sends clients elsewhere: %s', async (signal) => {
    const { running, port } = await serve()
    const client = await stubborn(port)
    client.socket.on('end', () => client.socket.end())
    running.process.kill(signal)
    expect(await client.rest()).toMatch(/retry: \d+\n\n\r\n0\r\n\r\n$/)
    expect(await running.ended()).toBe(0)
  })

  it('ends it at once when it is the second', async () => {
    const { running, port } = await serve({ FANFARE_LIMITS__DRAIN_TIMEOUT: '5m' })
    const client = await stubborn(port)
    // The rest of what it publishes is waited for.
    const slow = await RawClient.connect(port)
    slow.send(requestBytes('POST', '/publisher/x', {}, 'whole'))
    await slow.reply()
    slow.send(requestBytes('POST', '/publisher/x', {}, 'not whole').subarray(0, -1))
    await client.takeUntil('data: whole\n\n')
    running.process.kill('SIGTERM')
    await until(() => running.stdout.includes('Stopping'), 'it stops')
    await until(() => {
      running.process.kill('SIGTERM')
      return running.process.exitCode !== null
    }, 'it has ended')
    expect(running.process.exitCode).toBe(143)
  })

  it('counts once when a terminal and npm both tell it', async () => {
    const { running } = await serve()
    running.process.kill('SIGINT')
    running.process.kill('SIGTERM')
    expect(await running.ended()).toBe(0)
  })

  it('does not wait for ever', async () => {
    const { running, port } = await serve({ FANFARE_LIMITS__DRAIN_TIMEOUT: '300ms' })
    await stubborn(port)
    running.process.kill('SIGTERM')
    expect(await running.ended()).toBe(0)
  })
})

/** A server in which SIGUSR2 does that. */
function failing(code: string): Promise<Program> {
  const preload = `process.on('SIGUSR2', () => { ${code} })`
  return serve({
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}`,
  })
}

describe('a failure that reaches nobody', () => {
  it.each([
    ['a promise', 'Promise.reject(new TypeError("on purpose"))'],
    ['a socket', 'throw Object.assign(new Error("on purpose"), { code: "ECONNRESET" })'],
  ])('is contained and logged: %s', async (_what, code) => {
    const { running, port } = await failing(code)
    const client = await stubborn(port)
    running.process.kill('SIGUSR2')
    await running.complained('on purpose')
    expect((await request(port, 'POST', '/publisher/x', {}, 'still there')).status).toBe(201)
    await client.takeUntil('data: still there\n\n')
    client.close()
    running.process.kill('SIGKILL')
  })

  it('ends the process with a line in the log where it cannot be contained', async () => {
    const { running } = await failing('throw new TypeError("on purpose")')
    running.process.kill('SIGUSR2')
    await until(() => running.process.exitCode !== null, 'it has ended')
    expect(running.process.exitCode).toBe(70)
    expect(running.stderr).toContain('on purpose')
    expect(running.stderr).toContain('cannot be contained')
  })
})

/** Whether systemd's programs are there. */
const hasSystemd = spawnSync('systemd-socket-activate', ['--version']).status === 0

/** Says what is sent to a socket as NOTIFY_SOCKET is one, a line each; descriptors that come with it are closed. */
const LISTENER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    data, ancillary, _, _ = s.recvmsg(4096, 256)
    for _, _, fds in ancillary:
        for at in range(0, len(fds), 4):
            os.close(int.from_bytes(fds[at:at + 4], sys.byteorder))
    print(data.decode().replace('\\n', ' '), flush=True)
`

describe.skipIf(!hasSystemd)('a service of systemd', () => {
  it('says when it serves, lives, reloads and stops', async () => {
    const path = join(temporaryFolder(), 'notify')
    const heard = new Running('python3', ['-c', LISTENER, path])
    await heard.printed(1)
    const { running } = await serve({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000' })
    const hears = (word: string): Promise<void> =>
      until(() => heard.stdout.includes(word), `${word} is heard, not ${heard.stdout}`, 30_000)
    await hears('READY=1 STATUS=Serving.\n')
    await hears('WATCHDOG=1\n')
    running.process.kill('SIGHUP')
    await hears('RELOADING=1 MONOTONIC_USEC=')
    await until(
      () => heard.stdout.lastIndexOf('READY=1') > heard.stdout.indexOf('RELOADING=1'),
      'it is ready again',
    )
    running.process.kill('SIGTERM')
    await hears('STOPPING=1')
    expect(await running.ended()).toBe(0)
  })

  it('takes the sockets that are open for it, by their names', async () => {
    const [main, redis] = [await freePort(), await freePort()]
    const env = { ...ALONE, FANFARE_REDIS: '{ port: 1 }' }
    const given = Object.entries(env).flatMap(([name, value]) => ['-E', `${name}=${value}`])
    const sockets = ['-l', `127.0.0.1:${main}`, '-l', `127.0.0.1:${redis}`, '--fdname=http:redis']
    const program = [process.execPath, resolve(MAIN), 'serve']
    const child = spawn('systemd-socket-activate', [...sockets, ...given, ...program], {
      stdio: 'ignore',
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    // The first connection has it started, and waits until it is.
    let client: RawClient | undefined
    for (; !client; client = await RawClient.connect(redis).catch(() => undefined));
    client.send('PING\r\n')
    await client.takeUntil('+PONG\r\n')
    expect((await request(main, 'POST', '/publisher/x', {}, 'x')).status).toBe(202)
  })
})
