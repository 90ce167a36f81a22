import { expect } from 'vitest'
import { RawClient, request, requestBytes } from '../../support/raw.ts'

/** One block of a stream, as its lines are; `lines` keeps them for exact comparisons. */
export interface Block {
  readonly lines: readonly string[]
  readonly id: string | undefined
  readonly event: string | undefined
  /** The data lines, joined as clients join them. */
  readonly data: string | undefined
}

/** A stream of server-sent events on a bare socket: its head, its HTTP chunks, its blocks. */
export class EventsClient {
  readonly raw: RawClient
  /** The status line and the header lines, as sent. */
  readonly head: readonly string[]
  #text = Buffer.alloc(0)

  private constructor(raw: RawClient, head: string) {
    this.raw = raw
    this.head = head.slice(0, -4).split('\r\n')
  }

  /** Sends a request and takes the head of its answer. */
  static async open(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<EventsClient> {
    const raw = await RawClient.connect(port)
    raw.send(requestBytes('GET', path, headers))
    const client = new EventsClient(raw, await raw.takeUntil('\r\n\r\n'))
    expect(client.head[0]).toBe('HTTP/1.1 200 OK')
    return client
  }

  /** The same, past the block that every stream begins with. */
  static async follow(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<EventsClient> {
    const client = await EventsClient.open(port, path, headers)
    expect((await client.block()).lines[0]).toMatch(/^retry: \d+$/)
    return client
  }

  header(name: string): string | undefined {
    const start = `${name.toLowerCase()}: `
    return this.head.find((line) => line.toLowerCase().startsWith(start))?.slice(start.length)
  }

  /** Takes one HTTP chunk. Heartbeats, which may come at any time, are passed over. */
  async chunk(): Promise<Buffer> {
    for (;;) {
      const payload = await this.anyChunk()
      if (payload.toString() !== ':\n\n') return payload
    }
  }

  async anyChunk(): Promise<Buffer> {
    const size = await this.raw.takeUntil('\r\n')
    const payload = await this.raw.take(Number.parseInt(size, 16))
    expect((await this.raw.take(2)).toString()).toBe('\r\n')
    return payload
  }

  /** Takes everything up to the next blank line, however it came in chunks. */
  async block(): Promise<Block> {
    let end = this.#text.indexOf('\n\n')
    while (end === -1) {
      this.#text = Buffer.concat([this.#text, await this.chunk()])
      end = this.#text.indexOf('\n\n')
    }
    const lines = this.#text.toString('utf8', 0, end).split('\n')
    this.#text = this.#text.subarray(end + 2)
    const field = (name: string): string[] =>
      lines
        .filter((line) => line.startsWith(`${name}: `))
        .map((line) => line.slice(name.length + 2))
    const data = field('data')
    return {
      lines,
      id: field('id').at(-1),
      event: field('event').at(-1),
      data: data.length === 0 ? undefined : data.join('\n'),
    }
  }

  /** The data of the next so many blocks. */
  async data(count: number): Promise<(string | undefined)[]> {
    const found = []
    for (let n = 0; n < count; n++) found.push((await this.block()).data)
    return found
  }

  close(): void {
    this.raw.close()
  }
}

/** Publishes through the relay. @returns the new message's id */
export async function publish(
  port: number,
  channel: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const reply = await request(port, 'POST', `/publisher/${channel}`, headers, body)
  expect(reply.status).toBeOneOf([201, 202])
  return reply.headers['fanfare-id'] ?? ''
}

/**
 * Publishes several messages in one request, and so in one turn of the server's loop.
 * @returns the last one's id
 */
export async function publishTogether(
  port: number,
  channel: string,
  messages: readonly object[],
): Promise<string> {
  const body = messages.map((message) => JSON.stringify(message)).join('\n')
  return publish(port, channel, body, { 'Content-Type': 'application/x-ndjson' })
}

/** The id as far before or behind another one as asked, in the same second. */
export function neighbour(id: string, distance: number): string {
  const [second = '', n = ''] = id.split('-')
  return `${second}-${Number(n) + distance}`
}
