import { connect, type Socket } from 'node:net'
import type { Step } from '../doors/door.ts'
import { WireError } from '../doors/door.ts'

/** A connection that is not through its handshake by then never will be. In milliseconds. */
const HANDSHAKE_MS = 15_000

/**
 * Every socket of the process reads into this one buffer: a read is handed out and used up before
 * the next begins, nothing is allocated, and the buffer stays in the cache.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

const NOTHING = Buffer.alloc(0)

export interface LinkOptions {
  readonly port: number
  /** The address it comes from, such as 127.0.0.3; any unless given. */
  readonly from?: string
  readonly steps: readonly Step[]
  /** What comes after the handshake: `bytes[from, to)`, valid until it returns. */
  readonly onBytes: (bytes: Buffer, from: number, to: number) => void
  /** The connection ended, or `onBytes` threw, after the handshake and before `drop` was called. */
  readonly onBroken: (reason: string) => void
}

/** One raw connection to the server under test, on loopback. */
export class Link {
  readonly #socket: Socket
  readonly #options: LinkOptions
  readonly #open: () => void
  readonly #fail: (error: Error) => void
  #received: Buffer = Buffer.alloc(0)
  #step = 0
  #settled = false
  #dropped = false

  private constructor(options: LinkOptions, open: () => void, fail: (error: Error) => void) {
    this.#options = options
    this.#open = open
    this.#fail = fail
    this.#socket = connect({
      host: '127.0.0.1',
      port: options.port,
      ...(options.from === undefined ? {} : { localAddress: options.from }),
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (size, bytes) => this.#read(size, bytes as Buffer),
      },
    })
    this.#socket.setTimeout(HANDSHAKE_MS, () => this.#broken(`no handshake in ${HANDSHAKE_MS} ms`))
    this.#socket.once('connect', () => {
      this.#begin()
      // A step may wait for nothing.
      this.#read(0, NOTHING)
    })
    this.#socket.once('error', (error) => this.#broken(error.message))
    this.#socket.once('close', () => this.#broken('closed by the server'))
  }

  /** Connects and goes through the handshake. */
  static open(options: LinkOptions): Promise<Link> {
    return new Promise((resolve, reject) => {
      const link: Link = new Link(options, () => resolve(link), reject)
    })
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Reads no more until `resume`: what a client looks like that hangs. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Resets the connection, so that its port does not linger in TIME_WAIT. */
  drop(): void {
    this.#dropped = true
    this.#socket.resetAndDestroy()
  }

  #begin(): void {
    const step = this.#options.steps[this.#step]
    if (step === undefined) {
      this.#settled = true
      this.#socket.setTimeout(0)
      this.#open()
      return
    }
    const send = typeof step.send === 'function' ? step.send() : step.send
    if (send !== undefined) this.#socket.write(send)
  }

  #read(size: number, bytes: Buffer): boolean {
    try {
      if (size > 0 && this.#settled) this.#options.onBytes(bytes, 0, size)
      else if (!this.#settled) this.#handshake(bytes.subarray(0, size))
    } catch (error) {
      this.#broken(error instanceof Error ? error.message : String(error))
    }
    return true
  }

  #handshake(fresh: Buffer): void {
    let received = Buffer.concat([this.#received, fresh])
    for (;;) {
      const step = this.#options.steps[this.#step]
      if (step === undefined) break
      const end = step.end(received)
      if (end < 0) break
      received = received.subarray(end)
      this.#step++
      this.#begin()
    }
    this.#received = received
    if (this.#settled && received.length > 0) this.#options.onBytes(received, 0, received.length)
  }

  #broken(reason: string): void {
    if (this.#dropped) return
    this.drop()
    if (this.#settled) this.#options.onBroken(reason)
    else this.#fail(new WireError(`handshake: ${reason}`))
  }
}
