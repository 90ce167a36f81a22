import type { PublishForm, ReplyReader, Step } from '../doors/door.ts'
import { blankBody, nowMicros, stamp } from './body.ts'
import { Link } from './link.ts'
import { sleep, until } from './wait.ts'

export interface PublishersOptions {
  readonly form: PublishForm
  readonly port: number
  readonly channel: string
  /** Several, that are published to in turn; their names MUST be equally long. */
  readonly channels?: readonly string[]
  readonly bodySize: number
  /** Whether numbers count up over all channels, for subscribers that see all of them. */
  readonly oneSequence?: boolean
  /** Connections to publish on. Numbers count up on each of them by itself. */
  readonly connections: number
}

/** One keep-alive connection that publishes, pipelined. */
class PublisherLink {
  readonly index: number
  readonly replies: ReplyReader
  link: Link | undefined
  sent = 0
  acknowledged = 0

  constructor(index: number, replies: ReplyReader) {
    this.index = index
    this.replies = replies
  }
}

/** Publishes to one channel, and accounts for every reply. */
export class Publishers {
  readonly problems: string[] = []
  /** How late the open loop's latest message left, in milliseconds. */
  latestMs = 0

  readonly #options: PublishersOptions
  /** One for each channel, all of one length. */
  readonly #requests: readonly Buffer[]
  /** Where the body begins in each request. */
  readonly #bodyAt: number
  readonly #links: PublisherLink[]
  #saturated = false
  /** Whether a reply makes room for the next. */
  #refills = true

  private constructor(options: PublishersOptions) {
    this.#options = options
    const body = blankBody(options.bodySize)
    const channels = options.channels ?? [options.channel]
    this.#requests = channels.map((channel) => options.form.request(channel, body))
    this.#bodyAt = this.#requests[0]?.indexOf(body) ?? -1
    if (this.#bodyAt < 0) throw new Error('a publish request must hold the body verbatim')
    this.#links = Array.from(
      { length: options.connections },
      (_, index) => new PublisherLink(index, options.form.replies()),
    )
  }

  static async open(options: PublishersOptions): Promise<Publishers> {
    const publishers = new Publishers(options)
    const once = options.form.oneShot === true
    for (const one of publishers.#links) if (!once) await publishers.#connect(one)
    return publishers
  }

  get sent(): number {
    return this.#links.reduce((sum, one) => sum + one.sent, 0)
  }

  /** How many were sent to one of several channels. */
  sentTo(channel: number): number {
    const count = this.#requests.length
    return this.#links.reduce((sum, { sent }) => sum + Math.ceil((sent - channel) / count), 0)
  }

  get acknowledged(): number {
    return this.#links.reduce((sum, one) => sum + one.acknowledged, 0)
  }

  /**
   * Keeps this many publishes under way, shared among the connections, until `drain`; where nothing
   * answers them, publishes so many once.
   */
  saturate(underWay: number): void {
    this.#saturated = true
    for (const one of this.#links) {
      if (this.#options.form.oneShot === true) void this.#sendOnce(one)
      else this.#send(one, Math.floor(underWay / this.#links.length))
    }
  }

  /**
   * Keeps this many messages published that have not reached everybody, until `drain`: for servers that
   * drop what a subscriber cannot take, and for messages so large that the log is soon full.
   * @param delivered how many have reached everybody
   */
  saturateByDelivery(underWay: number, delivered: () => number): void {
    this.#saturated = true
    let next = 0
    const turn = (): void => {
      if (!this.#saturated || this.problems.length > 0) return
      for (let room = underWay - (this.sent - delivered()); room > 0; room--) {
        const one = this.#links[next++ % this.#links.length]
        if (one !== undefined) this.#send(one, 1)
      }
      setImmediate(turn)
    }
    this.#refills = false
    turn()
  }

  /** Publishes one message on the first connection, whatever else is under way. */
  publishOne(): void {
    const first = this.#links[0]
    if (first !== undefined) this.#send(first, 1)
  }

  /**
   * Publishes `count` messages at a steady rate, by the clock and not by the replies: a server that
   * falls behind gets no easier load for it.
   */
  async pace(count: number, perSecond: number): Promise<void> {
    const begin = performance.now()
    for (let i = 0; i < count; i++) {
      const due = begin + (i * 1000) / perSecond
      const wait = due - performance.now()
      if (wait > 0) await sleep(wait)
      this.latestMs = Math.max(this.latestMs, performance.now() - due)
      this.publishOne()
    }
  }

  /** Publishes no more by itself, and waits, at most `ms`, for the replies under way. */
  async drain(ms: number): Promise<void> {
    this.#saturated = false
    await until(() => this.acknowledged >= this.sent || this.problems.length > 0, ms)
    if (this.acknowledged !== this.sent) {
      this.problems.push(`${this.sent} publishes were sent, ${this.acknowledged} acknowledged`)
    }
  }

  close(): void {
    for (const one of this.#links) one.link?.drop()
  }

  async #connect(one: PublisherLink): Promise<void> {
    one.link = await Link.open({
      port: this.#options.port,
      steps: this.#options.form.greet(),
      onBytes: (bytes, from, to) => {
        const replies = one.replies.take(bytes, from, to)
        one.acknowledged += replies
        if (this.#saturated && this.#refills && replies > 0) this.#send(one, replies)
      },
      onBroken: (reason) => this.problems.push(`publisher ${one.index}: ${reason}`),
    })
  }

  /** Publishes one message on a connection of its own, then the next. */
  async #sendOnce(one: PublisherLink): Promise<void> {
    do {
      const replies = this.#options.form.replies()
      await new Promise<void>((done) => {
        const failed = (reason: string): void => {
          this.problems.push(`publisher ${one.index}: ${reason}`)
          done()
        }
        Link.open({
          port: this.#options.port,
          steps: [],
          onBytes: (bytes, from, to) => {
            if (replies.take(bytes, from, to) === 0) return
            one.acknowledged++
            one.link?.drop()
            done()
          },
          onBroken: failed,
        }).then(
          (link) => {
            one.link = link
            this.#send(one, 1)
          },
          (error: Error) => failed(error.message),
        )
      })
    } while (this.#saturated && this.problems.length === 0)
  }

  /** Sends `count` requests in one write. */
  #send(one: PublisherLink, count: number): void {
    const requests = this.#requests
    const size = requests[0]?.length ?? 0
    const bytes = Buffer.allocUnsafe(size * count)
    const now = nowMicros()
    for (let i = 0; i < count; i++) {
      // Numbers count up in each channel by itself.
      const round = Math.floor(one.sent / requests.length)
      requests[one.sent - round * requests.length]?.copy(bytes, i * size)
      const number = this.#options.oneSequence === true ? one.sent : round
      stamp(bytes, i * size + this.#bodyAt, one.index, number, now)
      one.sent++
    }
    one.link?.write(bytes)
    if (this.#options.form.unanswered === true) one.acknowledged = one.sent
  }
}

/** Goes through a form's preparations for a channel, on a connection of its own. */
export async function prepareChannel(port: number, steps: readonly Step[]): Promise<void> {
  if (steps.length === 0) return
  const link = await Link.open({ port, steps, onBytes: () => {}, onBroken: () => {} })
  link.drop()
}
