import { expect } from 'vitest'
import type { ServerOptions } from '../../../src/server/server.ts'
import { RawClient } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'

export const GREETING = 'debug!connected...\n'

export interface FanoutTest extends TestServer {
  readonly fanoutPort: number
}

/** A server whose fanout door listens on a free port. @param fanout its options, in YAML's flow form */
export async function startFanout(
  fanout = '',
  yaml = '',
  options: ServerOptions = {},
): Promise<FanoutTest> {
  const started = await startServer(`fanout: { port: 0, ${fanout} }\n${yaml}`, options)
  const place = started.server.places.find(({ what }) => what === 'fanout')
  return { ...started, fanoutPort: Number(new URL(place?.where ?? '').port) }
}

/** A client that has been greeted. */
export async function connected(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port)
  expect(await client.takeUntil('\n')).toBe(GREETING)
  return client
}

/** A client that is subscribed: the server has read its lines. */
export async function subscriber(port: number, ...names: string[]): Promise<RawClient> {
  const client = await connected(port)
  for (const name of names) client.send(`subscribe ${name}\n`)
  await answered(client)
  return client
}

/** Waits until the server has read all that was sent. */
export async function answered(client: RawClient): Promise<void> {
  client.send('ping\n')
  expect(await client.takeUntil('\n')).toMatch(/^\d{10}\n$/)
}
