import type { ServerOptions } from '../../src/server/server.ts'
import { requestBytes } from '../support/raw.ts'
import { startServer, type TestServer } from '../support/server.ts'

export type DoorName = 'main' | 'redis' | 'fanout' | 'feed' | 'management' | 'sparkleshare'

export interface Attacked extends TestServer {
  readonly ports: Readonly<Record<DoorName, number>>
}

const DOORS =
  'redis: { port: 0 }\nfanout: { port: 0 }\nmanagement: { port: 0 }\n' +
  'sparkleshare: { port: 0, zeromq: false }\n'

/** A server with all its TCP doors open. @param feed options of the feed, in YAML's flow form */
export async function startAll(
  yaml = '',
  feed = '',
  options: ServerOptions = {},
): Promise<Attacked> {
  const started = await startServer(`${DOORS}feed: { port: 0, ${feed} }\n${yaml}`, options)
  const portOf = (name: string): number => {
    const place = started.server.places.find(({ what }) => what === name)
    return Number(new URL(place?.where ?? '').port)
  }
  const ports = {
    main: started.port,
    redis: portOf('redis'),
    fanout: portOf('fanout'),
    feed: portOf('feed'),
    management: portOf('management'),
    sparkleshare: portOf('sparkleshare'),
  }
  return { ...started, ports }
}

/** A request to publish. */
export function publishing(body: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  return requestBytes('POST', '/publisher/a', headers, body)
}
