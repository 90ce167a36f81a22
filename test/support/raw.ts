import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** An HTTP answer read off a bare socket. */
export interface RawReply {
  readonly status: number
  /** The head's lines after the status line, as sent. */
  readonly lines: readonly string[]
  /** By lower-case name; the last of several. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/**
 * A bare TCP connection: bytes out, bytes in, and waiting for what is to come. Tests of wire formats
 * use nothing that would understand the protocol for them.
 */
export class RawClient {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #wake: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#stir()
    })
    const ended = (): void => {
      this.#ended = true
      this.#stir()
    }
    socket.on('end', ended)
    socket.on('close', ended)
    socket.on('error', ended)
  }

  /** @param localAddress where it comes from; a server that listens to loopback sees 127.0.0.1 otherwise */
  static async connect(
    port: number,
    host = '127.0.0.1',
    localAddress?: string,
  ): Promise<RawClient> {
    const from = localAddress === undefined ? {} : { localAddress }
    const socket = connect({ port, host, allowHalfOpen: true, ...from })
    await once(socket, 'connect')
    onTestFinished(() => {
      socket.destroy()
    })
    return new RawClient(socket)
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** What has come and was not taken yet. */
  get received(): Buffer {
    return this.#received
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Takes `length` bytes, once they are there. */
  async take(length: number): Promise<Buffer> {
    await this.until(() => this.#received.length >= length)
    const bytes = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return Buffer.from(bytes)
  }

  /** Takes everything up to and including `end`, once it is there. */
  async takeUntil(end: string): Promise<string> {
    await this.until(() => this.#received.includes(end, 0, 'latin1'))
    const at = this.#received.indexOf(end, 0, 'latin1')
    return (await this.take(at + end.length)).toString('latin1')
  }

  /** Takes one HTTP answer with a Content-Length, or none. */
  async reply(): Promise<RawReply> {
    const head = await this.takeUntil('\r\n\r\n')
    const [first = '', ...lines] = head.slice(0, -4).split('\r\n')
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    const body = await this.take(Number(headers['content-length'] ?? 0))
    return { status: Number(first.split(' ')[1]), lines, headers, body }
  }

  /** The rest, once the other side has closed. */
  async rest(): Promise<string> {
    await this.until(() => this.#ended)
    return this.#received.toString('latin1')
  }

  /** Waits until something holds; rejects when the connection ends first. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#ended) {
        throw new Error(`the connection ended after: ${this.#received.toString('latin1')}`)
      }
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  close(): void {
    this.socket.destroy()
  }

  #stir(): void {
    const wake = this.#wake
    this.#wake = []
    for (const resolve of wake) resolve()
  }
}

/** One request on a connection of its own. */
export async function request(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): Promise<RawReply> {
  const client = await RawClient.connect(port)
  client.send(requestBytes(method, path, headers, body))
  const reply = await client.reply()
  client.close()
  return reply
}

/** The bytes of a request; a body brings its Content-Length. */
export function requestBytes(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): Buffer {
  const bytes = Buffer.from(body)
  const withLength = bytes.length > 0 || method === 'POST' || method === 'PUT'
  const all = {
    Host: 'localhost',
    ...(withLength ? { 'Content-Length': String(bytes.length) } : {}),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}
