import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Applied } from '../../src/services/control.ts'
import { request } from '../support/raw.ts'
import { testConfig, type TestServer } from '../support/server.ts'

/** Gives a server another configuration. */
export function reload({ server }: TestServer, yaml: string): Promise<Applied> {
  return server.apply(testConfig(yaml))
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** A port that somebody else listens on. */
export async function takenPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as { port: number }).port
}

/** A folder that is deleted when the test has finished. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fanfare-reload-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** @returns the status of the answer */
export async function post(port: number, body: string, path = '/publisher/live'): Promise<number> {
  return (await request(port, 'POST', path, {}, body)).status
}
