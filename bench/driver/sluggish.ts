import { connect, type Socket } from 'node:net'
import type { StreamDoor } from '../doors/door.ts'
import { MARKER, sentOf } from './body.ts'
import { until } from './wait.ts'

/** A subscription is refused when it is not there by then, in milliseconds. */
const HANDSHAKE_MS = 15_000
/** What a slow reader takes each time, and how often: 1 KB a second. */
const SIP_BYTES = 1024
const SIP_MS = 1000

/**
 * A subscriber that reads nothing, or next to nothing, until `hurry` lets it: what a phone in a
 * tunnel looks like to a server. It reads a one-step handshake itself.
 */
export class SluggishReader {
  /** Messages read so far. */
  messages = 0
  /** Gaps it was told of. */
  gaps = 0
  /** When the newest message read was sent, on the driver's clock. */
  newest = 0
  /** Messages that were older than one read before: out of order, or double. */
  disordered = 0
  closed = false
  readonly #socket: Socket
  #sipping: NodeJS.Timeout | undefined
  #rest: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('close', () => (this.closed = true))
    socket.on('error', () => {})
  }

  static async open(door: StreamDoor, port: number, channel: string): Promise<SluggishReader> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const reader = new SluggishReader(socket)
    let received = Buffer.alloc(0)
    const first = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes])
    }
    socket.on('data', first)
    const [step] = door.subscribe(channel)
    if (step?.send) socket.write(step.send)
    const greeted = await until(() => (step?.end(received) ?? 0) >= 0, HANDSHAKE_MS)
    socket.off('data', first)
    socket.pause()
    if (!greeted) throw new Error('a slow reader was not let in')
    return reader
  }

  /** Takes 1 KB a second from here on. */
  sip(): void {
    this.#sipping = setInterval(
      () => this.#take(this.#socket.read(SIP_BYTES) as Buffer | null),
      SIP_MS,
    )
  }

  /** Reads as fast as it comes from here on. */
  hurry(): void {
    clearInterval(this.#sipping)
    this.#socket.on('data', (bytes) => this.#take(bytes))
    this.#socket.resume()
  }

  close(): void {
    clearInterval(this.#sipping)
    this.#socket.resetAndDestroy()
  }

  #take(bytes: Buffer | null): void {
    if (!bytes) return
    const all = Buffer.concat([this.#rest, bytes])
    let at = all.indexOf(MARKER)
    let used = 0
    for (; at !== -1 && at + 32 <= all.length; at = all.indexOf(MARKER, at + 1)) {
      const sent = sentOf(all, at)
      // Publishers pipeline on several connections, so neighbours may cross by the batch under way.
      if (sent < this.newest - 1_000_000) this.disordered++
      this.newest = Math.max(this.newest, sent)
      this.messages++
      this.gaps += all.subarray(used, at).includes('event: gap') ? 1 : 0
      used = at + 32
    }
    this.#rest = Buffer.from(
      at === -1 ? all.subarray(Math.max(used, all.length - 64)) : all.subarray(at),
    )
  }
}
