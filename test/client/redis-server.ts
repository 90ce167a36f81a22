import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import type { ServerOptions } from '../../src/server/server.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** Attempts to find it listening, with a short pause between two. */
const ATTEMPTS = 500

/** A server whose redis door listens on a free port. */
export async function startRedisDoor(
  redis = '',
  options: ServerOptions = {},
  yaml = '',
): Promise<TestServer & { redisPort: number }> {
  const started = await startServer(`redis: { port: 0, ${redis} }\n${yaml}`, options)
  const place = started.server.places.find(({ what }) => what === 'redis')
  return { ...started, redisPort: Number(new URL(place?.where ?? '').port) }
}

/** A real redis-server, which keeps nothing. @returns its port */
export async function startRedis(...options: string[]): Promise<number> {
  const port = await freePort()
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', '/tmp']
  const server = spawn('redis-server', [...own, ...options], { stdio: 'ignore' })
  onTestFinished(() => {
    server.kill('SIGKILL')
  })
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await answers(port)) return port
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('redis-server does not answer')
}

/** One command of redis-cli. @returns what it prints */
export async function redisCli(port: number, ...args: string[]): Promise<string> {
  const cli = spawn('redis-cli', ['-p', String(port), ...args])
  let output = ''
  cli.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await once(cli, 'close')
  return output.trim()
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
