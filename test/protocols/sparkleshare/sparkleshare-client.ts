import type { ServerOptions } from '../../../src/server/server.ts'
import { RawClient } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'

export interface SparkleshareTest extends TestServer {
  readonly tcp: number
  /** 0 while ZeroMQ is off. */
  readonly broadcast: number
  readonly command: number
}

/**
 * A server whose sparkleshare door listens on free ports, without ZeroMQ unless the options say so.
 * @param sparkleshare its options, in YAML's flow form
 */
export async function startSparkleshare(
  sparkleshare = 'zeromq: false',
  yaml = '',
  options: ServerOptions = {},
): Promise<SparkleshareTest> {
  const started = await startServer(`sparkleshare: { port: 0, ${sparkleshare} }\n${yaml}`, options)
  const port = (what: string): number => {
    const where = started.server.places.find((place) => place.what === what)?.where
    return where === undefined ? 0 : Number(new URL(where).port)
  }
  return {
    ...started,
    tcp: port('sparkleshare'),
    broadcast: port('zmq notify'),
    command: port('zmq command'),
  }
}

export const ZEROMQ = 'zeromq: { broadcast: 0, command: 0 }'

/** As the original's client writes them (CPython 2's order of keys). */
export const register = (repo: string): string =>
  `{"repo": ${JSON.stringify(repo)}, "command": "register"}`
export const newVersion = (repo: string, revision: string | null): string =>
  `{"repo": ${JSON.stringify(repo)}, "command": "new_version", "revision": ${JSON.stringify(revision)}}`

export const xmlRegister = (repo: string): string =>
  `<packet><command>register</command><repo>${repo}</repo></packet>`
export const xmlVersion = (repo: string, readable: string): string =>
  `<packet><command>new_version</command><repo>${repo}</repo><readable>${readable}</readable></packet>`

/** A client whose bytes the server has read, as far as its registrations show. @param bytes UTF-8 */
export async function watcher(
  { server, tcp }: SparkleshareTest,
  channel: string,
  bytes: string | Buffer,
): Promise<RawClient> {
  const before = server.hub().receivers(channel as never)
  const client = await RawClient.connect(tcp)
  client.send(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
  await until(() => server.hub().receivers(channel as never) === before + 1, 'it is registered')
  return client
}

/** Sends, and closes at once, as the original's client does. */
export async function notify(port: number, bytes: string): Promise<void> {
  const client = await RawClient.connect(port)
  client.send(Buffer.from(bytes))
  client.socket.end()
  await client.rest()
}
