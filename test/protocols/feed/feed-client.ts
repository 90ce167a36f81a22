import { expect } from 'vitest'
import { RawClient } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import type { ServerOptions } from '../../../src/server/server.ts'

/** As the original sends it. */
export const OPENING =
  'HTTP/1.1 200 OK\r\nServer: GitPubSub/0.9\r\nTransfer-Encoding: chunked\r\n' +
  'Content-Type: application/x-gitpubsub\r\n\r\n'

export interface FeedTest extends TestServer {
  /** The feed's own port. */
  readonly feedPort: number
}

/** A server whose feed listens on a free port. @param feed the feed's options, in YAML's flow form */
export async function startFeed(
  feed = '',
  yaml = '',
  options: ServerOptions = {},
): Promise<FeedTest> {
  const started = await startServer(`feed: { port: 0, ${feed} }\n${yaml}`, options)
  const place = started.server.places.find(({ what }) => what === 'feed')
  return { ...started, feedPort: Number(new URL(place?.where ?? '').port) }
}

/** A subscriber that checks the framing of every event, byte for byte. */
export class FeedClient {
  readonly raw: RawClient

  private constructor(raw: RawClient) {
    this.raw = raw
  }

  static async open(port: number, uri: string, headers = ''): Promise<FeedClient> {
    const raw = await RawClient.connect(port)
    raw.send(`GET ${uri} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
    expect(await raw.takeUntil('\r\n\r\n')).toBe(OPENING)
    return new FeedClient(raw)
  }

  /** The next event's line, stillalives included. */
  async line(): Promise<string> {
    const size = await this.raw.takeUntil('\r\n')
    expect(size).toMatch(/^[0-9a-f]+\r\n$/)
    const data = (await this.raw.take(Number.parseInt(size, 16))).toString('utf8')
    expect(data.endsWith('\r\n')).toBe(true)
    expect((await this.raw.take(2)).toString()).toBe('\r\n')
    const line = data.slice(0, -2)
    expect(line).not.toMatch(/^$|[\r\n]/)
    return line
  }

  async lines(count: number): Promise<string[]> {
    const lines: string[] = []
    while (lines.length < count) lines.push(await this.line())
    return lines
  }
}

/** One request as bytes; everything that comes back until the server closes. */
export async function exchange(port: number, ...pieces: (string | Buffer)[]): Promise<string> {
  const raw = await RawClient.connect(port)
  for (const piece of pieces) raw.send(piece)
  return raw.rest()
}

/** Posts with a Content-Length. */
export function post(
  port: number,
  uri: string,
  body: string | Buffer,
  headers = '',
): Promise<string> {
  const bytes = Buffer.from(body)
  const head = `POST ${uri} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes.length}\r\n${headers}\r\n`
  return exchange(port, Buffer.concat([Buffer.from(head, 'latin1'), bytes]))
}
