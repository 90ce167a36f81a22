import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { RawClient, requestBytes } from '../../support/raw.ts'

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

export interface Frame {
  readonly final: boolean
  readonly opcode: number
  readonly masked: boolean
  readonly payload: Buffer
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The request that opens a WebSocket. */
export function handshake(path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  return requestBytes('GET', path, {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...headers,
  })
}

/** A WebSocket on a bare socket, frame by frame (RFC 6455). */
export class FrameClient {
  readonly raw: RawClient

  private constructor(raw: RawClient) {
    this.raw = raw
  }

  static async open(
    port: number,
    path = '/ws/',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<FrameClient> {
    const raw = await RawClient.connect(port)
    raw.send(handshake(path, headers))
    const head = await raw.takeUntil('\r\n\r\n')
    const accept = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    expect(head).toMatch(/^HTTP\/1.1 101 /)
    expect(head).toContain(`\r\nSec-WebSocket-Accept: ${accept.digest('base64')}\r\n`)
    return new FrameClient(raw)
  }

  /** Sends a text frame: a value as JSON, a text as it is. */
  send(value: object | string): void {
    this.sendFrame(TEXT, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
  }

  sendFrame(opcode: number, payload: Buffer): void {
    this.raw.send(clientFrame(opcode, payload))
  }

  /** Sends a frame, and takes the next that is not a message. */
  async ask(value: object | string): Promise<Record<string, unknown>> {
    this.send(value)
    return this.json()
  }

  /** Takes the next frame, whatever it is. */
  async frame(): Promise<Frame> {
    const [first = 0, second = 0] = await this.raw.take(2)
    let length = second & 0x7f
    if (length === 126) length = (await this.raw.take(2)).readUInt16BE()
    else if (length === 127) length = Number((await this.raw.take(8)).readBigUInt64BE())
    const payload = await this.raw.take(length)
    return { final: first >= 0x80, opcode: first & 0x7f, masked: second >= 0x80, payload }
  }

  /** Takes the next frame that is no heartbeat, which must be text. */
  async text(): Promise<string> {
    for (;;) {
      const { final, opcode, masked, payload } = await this.frame()
      if (opcode === PING) continue
      expect({ final, opcode, masked }).toEqual({ final: true, opcode: TEXT, masked: false })
      return payload.toString()
    }
  }

  async json(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.text()) as Record<string, unknown>
  }

  /** Takes frames until one has this key. @returns what came before it, and it */
  async until(key: string): Promise<Record<string, unknown>[]> {
    const taken = []
    for (;;) {
      const value = await this.json()
      taken.push(value)
      if (key in value) return taken
    }
  }

  /** The bodies of the next so many messages. */
  async bodies(count: number): Promise<unknown[]> {
    const found = []
    for (let n = 0; n < count; n++) found.push((await this.json())['body'])
    return found
  }

  /** Takes everything up to the close frame. @returns its code and reason */
  async closed(): Promise<{ code: number; reason: string }> {
    for (;;) {
      const { opcode, payload } = await this.frame()
      if (opcode === CLOSE) {
        return { code: payload.readUInt16BE(), reason: payload.toString('utf8', 2) }
      }
    }
  }

  close(): void {
    this.raw.close()
  }
}

/** A client's frame: final, masked. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4)
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] as number))
  let length: Buffer
  if (payload.length < 126) length = Buffer.from([0x80 | payload.length])
  else if (payload.length < 65_536) {
    length = Buffer.alloc(3, 0x80 | 126)
    length.writeUInt16BE(payload.length, 1)
  } else {
    length = Buffer.alloc(9, 0x80 | 127)
    length.writeBigUInt64BE(BigInt(payload.length), 1)
  }
  return Buffer.concat([Buffer.from([0x80 | opcode]), length, mask, masked])
}
