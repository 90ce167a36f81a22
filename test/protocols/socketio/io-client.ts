import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { onTestFinished } from 'vitest'
import { until } from '../../support/wait.ts'

type Options = Partial<ManagerOptions & SocketOptions>

/** The JavaScript client of Socket.IO 4, and all that it was told, in order. */
export class IoClient {
  readonly socket: Socket
  /** First arguments of `message`. */
  readonly messages: unknown[] = []
  /** All events, with their arguments. */
  readonly events: unknown[][] = []
  readonly #said: string[] = []

  constructor(port: number, options: Options = {}) {
    this.socket = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 5,
      reconnectionDelayMax: 20,
      ...options,
    })
    this.socket.onAny((event: string, ...args: unknown[]) => {
      this.events.push([event, ...args])
      if (event === 'message') this.messages.push(args[0])
    })
    this.socket.on('connect', () => this.#said.push('connect'))
    this.socket.on('disconnect', (reason) => this.#said.push(`disconnect: ${reason}`))
    this.socket.on('connect_error', (error) => this.#said.push(`connect_error: ${error.message}`))
    onTestFinished(() => {
      this.socket.disconnect()
    })
  }

  /** Connects, logged in by a session. */
  static async in(
    port: number,
    session: string,
    options: Omit<Options, 'auth'> & { readonly auth?: Record<string, unknown> } = {},
  ): Promise<IoClient> {
    const client = new IoClient(port, { ...options, auth: { session, ...options.auth } })
    await client.said('connect')
    return client
  }

  /** Sends an event and waits for its answer. */
  async ask(event: string, ...args: unknown[]): Promise<Record<string, unknown>> {
    return (await this.socket.timeout(10_000).emitWithAck(event, ...args)) as Record<
      string,
      unknown
    >
  }

  /** Waits until the connection said this, once more than before. */
  async said(what: string): Promise<void> {
    await until(() => this.#said.includes(what), `${what}; it said ${this.#said.join(', ')}`)
    this.#said.splice(0, this.#said.indexOf(what) + 1)
  }

  async got(count: number): Promise<unknown[]> {
    await until(
      () => this.messages.length >= count,
      `${count} messages, not ${this.messages.length}`,
    )
    return this.messages
  }
}
