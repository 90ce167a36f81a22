/** The proxies' files in ops/, run by the proxies themselves, with only the ports changed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../interop/redis-server.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { UPGRADE } from '../server/live-clients.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const PATH = `${process.env['PATH']}:/usr/sbin`

function has(program: string, flag: string): boolean {
  return spawnSync(program, [flag], { env: { ...process.env, PATH } }).status === 0
}

/** The file with these texts in place of those; each has to be there. */
function changed(file: string, pairs: readonly (readonly [string, string])[]): string {
  let text = readFileSync(join('ops', file), 'utf8')
  for (const [was, is] of pairs) {
    expect(text).toContain(was)
    text = text.replace(was, is)
  }
  return text
}

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-ops-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Waits until a proxy takes connections; it is ended with the test. */
async function running(child: ChildProcess, port: number): Promise<number> {
  let said = ''
  child.stderr?.on('data', (bytes: Buffer) => (said += bytes.toString()))
  onTestFinished(async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'close')
  })
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the proxy did not start: ${said}`)
    const client = await RawClient.connect(port).catch(() => undefined)
    client?.close()
    if (client) return port
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function startNginx(upstream: number): Promise<number> {
  const [port, folder] = [await freePort(), temporary()]
  const site = changed('nginx/fanfare.conf', [
    ['listen 80;', `listen 127.0.0.1:${port};`],
    ['server 127.0.0.1:8080;', `server 127.0.0.1:${upstream};`],
  ])
  writeFileSync(join(folder, 'fanfare.conf'), site)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const main = `daemon off; worker_processes 1; error_log stderr; pid ${folder}/pid;
events { worker_connections 256; }
http { access_log off; ${paths.join(' ')} include ${folder}/fanfare.conf; }`
  writeFileSync(join(folder, 'nginx.conf'), main)
  const env = { ...process.env, PATH }
  return running(spawn('nginx', ['-p', folder, '-c', 'nginx.conf'], { env }), port)
}

async function startCaddy(upstream: number): Promise<number> {
  const [port, folder] = [await freePort(), temporary()]
  const site = changed('caddy/Caddyfile', [
    ['fanfare.example {', `http://:${port} {\n\tbind 127.0.0.1`],
    ['127.0.0.1:8080', `127.0.0.1:${upstream}`],
  ])
  const file = join(folder, 'Caddyfile')
  writeFileSync(file, `{\n\tadmin off\n\tgrace_period 1s\n}\n${site}`)
  const env = { ...process.env, PATH, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  return running(spawn('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], { env }), port)
}

async function follows({ server }: TestServer, count = 1): Promise<void> {
  await until(() => server.hub().receivers('x' as never) === count, `${count} follow`)
}

describe.each([
  { name: 'nginx', start: startNginx, there: has('nginx', '-v') },
  { name: 'caddy', start: startCaddy, there: has('caddy', 'version') },
])('behind $name, as ops/ has it', ({ start, there }) => {
  it.skipIf(!there)('streams come as they are published', async () => {
    const started = await startServer('trustedProxies: [127.0.0.1]')
    const proxy = await start(started.port)
    const client = await RawClient.connect(proxy)
    client.send(requestBytes('GET', '/events/x', { Accept: 'text/event-stream' }))
    await client.takeUntil('retry: 3000\n')
    for (const body of ['one', 'two']) {
      // The publisher comes by the proxy, too, and is this machine.
      expect((await request(proxy, 'POST', '/publisher/x', {}, body)).status).toBe(201)
      await client.takeUntil(`data: ${body}\n\n`)
    }
  })

  it.skipIf(!there)('WebSockets go both ways, and are told to go elsewhere', async () => {
    const started = await startServer('trustedProxies: [127.0.0.1]')
    const client = await RawClient.connect(await start(started.port))
    client.send(requestBytes('GET', '/ws/x', UPGRADE))
    await follows(started)
    await started.server.hub().publish({ channel: 'x' as never, body: Buffer.from('hello') })
    await client.until(() => client.received.includes('hello'))
    const drained = started.server.drain()
    await client.until(() => client.received.includes(Buffer.from('880203f4', 'hex')))
    client.close()
    await drained
  })

  it.skipIf(!there)('long polls wait, and are answered', async () => {
    const started = await startServer('')
    await started.server.hub().stat('x' as never, true)
    const client = await RawClient.connect(await start(started.port))
    client.send(requestBytes('GET', '/subscriber/x'))
    await follows(started)
    await started.server.hub().publish({ channel: 'x' as never, body: Buffer.from('hello') })
    const reply = await client.reply()
    expect([reply.status, reply.body.toString()]).toEqual([200, 'hello'])
  })

  it.skipIf(!there).each(['websocket', 'polling'])('Socket.IO: %s', async (transport) => {
    const started = await startServer('')
    await started.server.users.sessions.set('ada', 'session-of-ada')
    await started.server.users.subscribe('ada', 'x' as never)
    const proxy = await start(started.port)
    const client = await IoClient.in(proxy, 'session-of-ada', { transports: [transport] })
    await follows(started)
    const body = Buffer.from('"hello"')
    await started.server.hub().publish({ channel: 'x' as never, body })
    await until(() => JSON.stringify(client.events).includes('hello'), 'it hears')
  })
})
