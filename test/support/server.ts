import { onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import type { ResolvedConfig } from '../../src/config/types.ts'
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
  const config = testConfig(yaml)
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

/** What a text says, with no ports and no files that it does not name: tests run side by side. */
export function testConfig(yaml: string): ResolvedConfig {
  const off = ['feed', 'redis', 'sparkleshare', 'fanout', 'management'].filter(
    (door) => !new RegExp(`^${door}:`, 'm').test(yaml),
  )
  const port = /^port:/m.test(yaml) ? {} : { port: 0 }
  // The store that runs by itself is a folder beside whoever starts it.
  const store = /^(?:\{ )?store:/m.test(yaml) ? {} : { store: { type: 'memory' } }
  return loadConfig(configSchema(), {
    text: yaml,
    file: 'test.yaml',
    env: {},
    flags: { ...port, ...store, ...Object.fromEntries(off.map((door) => [door, false])) },
  }).config
}
