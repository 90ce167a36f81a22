import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../../support/wait.ts'

/** Socket.IO over WebSocket packet by packet, as they are on the wire. */
export class PacketClient {
  readonly #socket: WebSocket
  readonly #packets: string[] = []

  private constructor(port: number, query: string) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?${query}&transport=websocket`, {
      // Or the server would take it for the client in JavaScript.
      perMessageDeflate: false,
    })
    this.#socket.on('message', (data: Buffer) => this.#packets.push(data.toString()))
    onTestFinished(() => this.#socket.terminate())
  }

  /** @param eio the version of Engine.IO */
  static async open(port: number, eio = 4): Promise<PacketClient> {
    const client = new PacketClient(port, `EIO=${eio}`)
    await client.packet('0')
    return client
  }

  /** Connects and logs in. */
  static async in(port: number, auth: object): Promise<PacketClient> {
    const client = await PacketClient.open(port)
    client.send(`40${JSON.stringify(auth)}`)
    await client.packet('40')
    return client
  }

  get isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED
  }

  /** Stops reading, or goes on. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  send(packet: string): void {
    this.#socket.send(packet)
  }

  /** Sends an event and gives its answer. */
  async ask(...event: unknown[]): Promise<unknown> {
    this.send(`421${JSON.stringify(event)}`)
    return (JSON.parse(await this.packet('431')) as unknown[])[0]
  }

  /** Takes the next packet that begins so, without that. */
  async packet(begins: string): Promise<string> {
    let found = -1
    await until(
      () => (found = this.#packets.findIndex((packet) => packet.startsWith(begins))) !== -1,
      `a packet ${begins}, not ${this.#packets.join(' ').slice(0, 200)}`,
    )
    return (this.#packets.splice(found, 1)[0] as string).slice(begins.length)
  }
}
