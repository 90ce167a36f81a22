import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ServerOptions } from '../../src/server/server.ts'
import { startServer, type TestServer } from '../support/server.ts'

export { freePort, startRealRedis as startRedis } from '../interop/redis-server.ts'

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

/** One command of redis-cli. @returns what it prints */
export async function redisCli(port: number, ...args: string[]): Promise<string> {
  const cli = spawn('redis-cli', ['-p', String(port), ...args])
  let output = ''
  cli.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await once(cli, 'close')
  return output.trim()
}
