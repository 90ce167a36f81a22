import { startServer, type TestServer } from '../support/server.ts'

export interface Console extends TestServer {
  /** The management port as a URL, with a slash at its end. */
  readonly management: string
}

/**
 * A server with a management port.
 * @param yaml the rest of its configuration
 * @param management of the port
 */
export async function startConsole(yaml = '', management = 'port: 0'): Promise<Console> {
  const started = await startServer(`management: { ${management} }\n${yaml}`)
  const place = started.server.places.find(({ what }) => what === 'management')
  return { ...started, management: place?.where ?? '' }
}
