import { onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import { configSchema } from '../../src/server/schema.ts'
import { FanfareServer, type ServerOptions } from '../../src/server/server.ts'

/** The two ways a request can take; protocol tests run over both. */
export const PATHS = [
  { path: 'lean', lean: true },
  { path: 'node:http', lean: false },
] as const

export interface TestServer {
  readonly server: FanfareServer
  readonly port: number
  readonly url: string
  /** What went wrong inside while no client was waiting for an answer. */
  readonly errors: unknown[]
}

/**
 * A server on a free port, stopped when the test has finished.
 * @param yaml its configuration
 */
export async function startServer(yaml = '', options: ServerOptions = {}): Promise<TestServer> {
  // Ports of their own are taken only where a test is about them: tests run side by side.
  const off = ['feed', 'redis', 'sparkleshare', 'fanout', 'management'].filter(
    (door) => !new RegExp(`^${door}:`, 'm').test(yaml),
  )
  const { config } = loadConfig(configSchema(), {
    text: yaml,
    file: 'test.yaml',
    env: {},
    flags: { port: 0, ...Object.fromEntries(off.map((door) => [door, false])) },
  })
  const errors: unknown[] = []
  const server = await FanfareServer.start(config, {
    onError: (error) => errors.push(error),
    ...options,
  })
  onTestFinished(async () => {
    await server.stop()
    if (errors.length > 0)
      throw new Error(`the server failed inside: ${errors.map(String).join('; ')}`)
  })
  return { server, port: server.address.port, url: server.url, errors }
}
