import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

interface Posted {
  readonly headers: IncomingHttpHeaders
  readonly lines: readonly string[]
}

/** What the feed door is to a hook: takes lines of JSON, and keeps what it was sent. */
export class FakeFeed {
  readonly posts: Posted[] = []
  readonly url: string
  /** What it answers, by what was posted; undefined: nothing, ever. */
  answer: (lines: readonly string[]) => number | undefined = () => 200

  private constructor(url: string) {
    this.url = url
  }

  static async start(port = 0): Promise<FakeFeed> {
    let feed: FakeFeed | undefined
    const server = createServer((request, response) => {
      void readText(request).then((body) => {
        const lines = body.split('\n').filter((line) => line !== '')
        const status = feed?.answer(lines)
        if (status === undefined) return
        if (status === 200) feed?.posts.push({ headers: request.headers, lines })
        response.writeHead(status).end(status === 200 ? 'Message sent!\r\n' : 'Not you\r\nmore')
      })
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    feed = new FakeFeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}/json`)
    return feed
  }

  /** What it has stored, in order. */
  get logs(): string[] {
    return this.posts.flatMap(({ lines }) => lines.map(logOf))
  }
}

export function logOf(line: string): string {
  return (JSON.parse(line) as { commit: { log: string } }).commit.log
}

/** A URL where nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}/json`
}
