import type { Door, Session } from '../doors/door.ts'
import { BodyReader } from './bodies.ts'
import { nowMicros, sentOf, sequenceOf } from './body.ts'
import { Link } from './link.ts'
import { addressOf } from './subscribers.ts'

/** Problems beyond this many tell nothing new. */
const MAX_PROBLEMS = 10

export interface ReturningOptions {
  readonly door: Door
  readonly port: number
  readonly channel: string
  readonly count: number
  readonly bodySize: number
  /** Messages that will be published, all by one publisher. */
  readonly messages: number
  /** A client has this message for the first time. */
  readonly onMessage?: (client: Client, sequence: number, sentMicros: number) => void
  /** A connection was lost that nobody had dropped. */
  readonly onLost?: (client: Client) => void
}

/** One client, with or without a connection. */
export class Client {
  readonly index: number
  readonly session: Session
  readonly reader: BodyReader
  /** 1 for each message that came, by its number. */
  readonly had: Uint8Array
  link: Link | undefined
  /** Different messages that came. */
  count = 0
  /** When it last began to connect, in microseconds of `nowMicros`. */
  connecting = 0
  /** When it was last through with that. */
  connected = 0
  /** The number of the last message on this connection. */
  last = -1
  /** Tells attempts to connect apart. */
  attempt = 0

  constructor(index: number, session: Session, options: ReturningOptions, take: Take) {
    this.index = index
    this.session = session
    this.had = new Uint8Array(options.messages)
    this.reader = new BodyReader(options.bodySize, (header) => take(this, header))
  }

  get isConnected(): boolean {
    return this.link !== undefined
  }
}

type Take = (client: Client, header: Buffer) => void

/**
 * Clients that lose their connections and come back as their protocol has it. Each knows which messages
 * it had; what came twice or in the wrong order is a problem, what never came is for the shape to judge.
 */
export class ReturningClients {
  readonly all: readonly Client[]
  readonly problems: string[] = []
  /** Different messages that came, over all clients. */
  total = 0
  /** Messages that came again. */
  doubles = 0
  readonly #options: ReturningOptions
  readonly #doubles: boolean

  constructor(options: ReturningOptions) {
    const { returning } = options.door
    if (returning === undefined) throw new Error('this shape needs a door whose clients come back')
    this.#options = options
    this.#doubles = returning.doubles === true
    const take: Take = (client, header) => this.#message(client, header)
    this.all = Array.from(
      { length: options.count },
      (_, i) => new Client(i, returning.session(options.channel), options, take),
    )
  }

  /** Connects those that are not, so many at once; throws what the first that is refused says. */
  async connectAll(atOnce: number): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      for (;;) {
        const client = this.all[next++]
        if (client === undefined) return
        if (!client.isConnected) await this.connect(client)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }

  /** Goes through the handshake, with the cursor that the client has. */
  async connect(client: Client): Promise<void> {
    const { port, count } = this.#options
    const from = addressOf(client.index, count)
    const attempt = ++client.attempt
    client.connecting = nowMicros()
    client.last = -1
    client.reader.cut()
    const link: Link = await Link.open({
      port,
      ...(from === undefined ? {} : { from }),
      steps: client.session.connect(),
      onBytes: (bytes, start, end) => {
        if (attempt === client.attempt) this.#bytes(client, bytes, start, end)
      },
      onBroken: () => {
        if (attempt !== client.attempt) return
        client.link = undefined
        this.#options.onLost?.(client)
      },
    })
    if (attempt !== client.attempt) {
      link.drop()
      return
    }
    client.link = link
    client.connected = nowMicros()
    const asked = client.session.ask?.()
    if (asked !== undefined) link.write(asked)
  }

  /** Breaks a client's connection, or its attempt to get one. */
  drop(client: Client): void {
    client.attempt++
    client.link?.drop()
    client.link = undefined
  }

  close(): void {
    for (const client of this.all) this.drop(client)
  }

  /** How many clients have `messages` different ones. */
  complete(messages: number): number {
    return this.all.reduce((sum, client) => sum + (client.count >= messages ? 1 : 0), 0)
  }

  #bytes(client: Client, bytes: Buffer, from: number, to: number): void {
    client.reader.take(bytes, from, to)
    const { door } = this.#options
    const reply = client.session.take(bytes, from, to)
    if (reply !== undefined) client.link?.write(reply)
    if (door.kind === 'stream' && to - from < 600) {
      const answer = door.answer?.(bytes, from, to)
      if (answer !== undefined) client.link?.write(answer)
    }
  }

  #message(client: Client, header: Buffer): void {
    const sequence = sequenceOf(header, 0)
    if (sequence <= client.last) this.#complain(client, `${sequence} came after ${client.last}`)
    client.last = sequence
    if (client.had[sequence] === 1) {
      this.doubles++
      if (!this.#doubles) this.#complain(client, `message ${sequence} came twice`)
      return
    }
    client.had[sequence] = 1
    client.count++
    this.total++
    this.#options.onMessage?.(client, sequence, sentOf(header, 0))
  }

  #complain(client: Client, what: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(`client ${client.index}: ${what}`)
  }
}
