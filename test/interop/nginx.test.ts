/** A real nginx in front, with its defaults: what operators will put there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { startServer } from '../support/server.ts'

const missing = process.env['FANFARE_TEST_MISSING']?.includes('nginx') ?? false

/** Starts nginx as a proxy for a port. @returns its own port */
async function startNginx(upstream: number): Promise<number> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-nginx-'))
  const config = `
daemon off; worker_processes 1; error_log stderr; pid ${folder}/pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstream};
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Host $http_host;
    }
  }
}`
  writeFileSync(join(folder, 'nginx.conf'), config)
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
  const nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf'], { env, stdio: 'ignore' })
  onTestFinished(async () => {
    nginx.kill('SIGTERM')
    if (nginx.exitCode === null) await once(nginx, 'close')
    rmSync(folder, { recursive: true, force: true })
  })
  for (;;) {
    if (nginx.exitCode !== null) throw new Error('nginx did not start')
    const client = await RawClient.connect(port).catch(() => undefined)
    if (client) {
      client.close()
      return port
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

it.skipIf(missing)('streams events through a buffering nginx as they come', async () => {
  const { port } = await startServer()
  const proxy = await startNginx(port)
  const client = await RawClient.connect(proxy)
  client.send(requestBytes('GET', '/events/x', { Accept: 'text/event-stream' }))
  await client.takeUntil('retry: 3000\n')

  for (const body of ['one', 'two']) {
    await request(port, 'POST', '/publisher/x', {}, body)
    await client.takeUntil(`data: ${body}\n\n`)
  }
})

it.skipIf(missing)('long polls through nginx, which speaks HTTP/1.0 to us', async () => {
  const { port, server } = await startServer()
  const proxy = await startNginx(port)
  await request(port, 'PUT', '/publisher/x')
  const client = await RawClient.connect(proxy)
  client.send(requestBytes('GET', '/subscriber/x'))
  while (server.hub().receivers('x' as never) === 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }

  await request(port, 'POST', '/publisher/x', { 'Content-Type': 'text/plain' }, 'hello')

  const reply = await client.reply()
  expect(reply.status).toBe(200)
  expect(reply.headers['etag']).toBeDefined()
  expect(reply.body.toString()).toBe('hello')
})

it.skipIf(missing)('trusts a publisher behind nginx only when nginx is named', async () => {
  const plain = await startServer()
  const named = await startServer('trustedProxies: [127.0.0.1]')

  const viaPlain = await request(await startNginx(plain.port), 'POST', '/publisher/x', {}, 'x')
  const viaNamed = await request(await startNginx(named.port), 'POST', '/publisher/x', {}, 'x')
  expect(viaPlain.status).toBe(403)
  expect(viaNamed.status).toBe(202)
})

it.skipIf(missing)('does not believe what a client says of itself in front of nginx', async () => {
  const { port } = await startServer('{ trustedProxies: [127.0.0.1], trustedPeers: [127.0.0.1] }')
  const proxy = await startNginx(port)
  const publisher = httpRequest({
    port: proxy,
    localAddress: '127.0.0.2',
    method: 'POST',
    path: '/publisher/x',
    headers: { 'X-Forwarded-For': '127.0.0.1' },
  })
  publisher.end('x')
  const [answer] = (await once(publisher, 'response')) as [IncomingMessage]
  answer.resume()
  expect(answer.statusCode).toBe(403)
})
