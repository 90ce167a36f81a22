import { readFile } from 'node:fs/promises'
import { follow } from '../client/follow.ts'
import { isPattern } from '../client/redis-source.ts'
import { type Cursor, type Followed, parseJson, type Received } from '../client/source.ts'
import { Burst } from './listen-burst.ts'
import { type ListenConfig, writePrivate } from './listen-files.ts'
import { type Notification, notificationOf, summaryOf } from './listen-notification.ts'

const GONE: Notification = {
  title: 'Fanfare',
  body: 'Some messages are gone: the server does not keep them any more',
  urgency: 'normal',
}
const LIMIT = { count: 5, seconds: 10 }
/** Messages that were missed and are shown one by one; with more, one notification says how many. */
const ONE_BY_ONE = 5
/** How long a position may be unwritten, in ms. */
const WRITE_DELAY = 500

export interface ListenOutput {
  /** Shows a notification; undefined: nothing but lines is wanted. */
  readonly show: ((notification: Notification) => void) | undefined
  readonly message: (message: Received) => void
  /** A line about the connection. */
  readonly note: (text: string) => void
}

/** Follows the channels of a configuration, keeping what it has seen in a file. */
export class Listening {
  readonly #config: ListenConfig
  readonly #stateFile: string
  readonly #output: ListenOutput
  readonly #burst: Burst
  readonly #cursor: Cursor = { id: undefined, retry: 0 }
  #written: string | undefined
  #writing: NodeJS.Timeout | undefined
  #toldOfGap = false
  /** What was missed, while it is coming. */
  #missed: { messages: Received[]; count: number; channels: Set<string> } | undefined

  constructor(config: ListenConfig, stateFile: string, output: ListenOutput) {
    this.#config = config
    this.#stateFile = stateFile
    this.#output = output
    const { count, seconds } = config.limit ?? LIMIT
    const show = (notification: Notification): void => output.show?.(notification)
    this.#burst = new Burst(show, count, seconds * 1000)
  }

  /** Until the signal, or until the server refuses. @throws RefusedError */
  async run(signal: AbortSignal): Promise<void> {
    await this.#readState()
    const { channels } = this.#config
    const patterns = channels.filter(isPattern)
    const names = channels.filter((name) => !isPattern(name))
    // One refusal ends all.
    const refused = new AbortController()
    const either = AbortSignal.any([signal, refused.signal])
    const runs = [
      ...(names.length > 0 ? [this.#follow(names, either, this.#cursor)] : []),
      // What is published to patterns while nobody listens is not kept for them.
      ...(patterns.length > 0 ? [this.#follow(patterns, either)] : []),
    ]
    try {
      await Promise.all(runs)
    } finally {
      refused.abort()
      await Promise.allSettled(runs)
      this.#tellMissed()
      this.#burst.flush()
      clearTimeout(this.#writing)
      await this.#writeState()
    }
  }

  get #server(): string {
    const { host, port } = this.#config
    return `${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  async #follow(channels: readonly string[], signal: AbortSignal, cursor?: Cursor): Promise<void> {
    const { auth, tls } = this.#config
    const url = new URL(`${tls ? 'rediss' : 'redis'}://${this.#server}/`)
    if (auth !== '') url.password = encodeURIComponent(auth)
    for (const channel of channels) url.searchParams.append('channel', channel)
    const options = cursor ? { signal, cursor } : { signal }
    for await (const event of follow(url, options)) {
      this.#take(event, channels)
      if (cursor) this.#writeSoon()
    }
  }

  #take(event: Followed, channels: readonly string[]): void {
    const { note } = this.#output
    switch (event.kind) {
      case 'message':
        this.#output.message(event)
        this.#notify(event)
        break
      case 'gap':
        note(`some messages between ${event.from} and ${event.to} are gone`)
        // Of many channels with one, one notification is enough.
        if (!this.#toldOfGap) this.#output.show?.(GONE)
        this.#toldOfGap = true
        break
      case 'connected':
        note(`listening to ${channels.join(', ')} on ${this.#server}`)
        this.#toldOfGap = false
        if (event.resumes) this.#missed = { messages: [], count: 0, channels: new Set() }
        break
      case 'caught-up':
        if (event.count > 0) {
          note(`${event.count} message${event.count === 1 ? ' was' : 's were'} missed`)
        }
        this.#tellMissed()
        break
      case 'lost':
        this.#tellMissed()
        note(`connection lost: ${event.detail}`)
    }
  }

  #notify(message: Received): void {
    if (!this.#output.show) return
    const missed = this.#missed
    if (!missed) {
      this.#burst.add(notificationOf(message), message.channel)
      return
    }
    missed.count++
    missed.channels.add(message.channel)
    if (missed.messages.length < ONE_BY_ONE) missed.messages.push(message)
  }

  #tellMissed(): void {
    const missed = this.#missed
    this.#missed = undefined
    if (!missed || missed.count === 0) return
    if (missed.count > ONE_BY_ONE) {
      this.#output.show?.(summaryOf(missed.count, missed.channels.size, 'missed message'))
      return
    }
    for (const one of missed.messages) this.#burst.add(notificationOf(one), one.channel)
  }

  async #readState(): Promise<void> {
    const text = await readFile(this.#stateFile, 'utf8').catch(() => '{}')
    const { server, cursor } = (parseJson(text) ?? {}) as Record<string, unknown>
    if (server !== this.#server || typeof cursor !== 'string') return
    this.#cursor.id = cursor
    this.#written = cursor
  }

  #writeSoon(): void {
    // What was missed counts as seen once it is shown.
    if (this.#missed || this.#cursor.id === this.#written) return
    this.#writing ??= setTimeout(() => {
      this.#writing = undefined
      void this.#writeState()
    }, WRITE_DELAY)
  }

  async #writeState(): Promise<void> {
    const cursor = this.#cursor.id
    if (cursor === undefined || cursor === this.#written) return
    this.#written = cursor
    try {
      await writePrivate(this.#stateFile, { server: this.#server, cursor })
    } catch (error) {
      this.#output.note(`cannot write ${this.#stateFile}: ${(error as Error).message}`)
    }
  }
}
