import type { Report } from '../../model/events.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { FanfareError } from '../../model/errors.ts'
import { type Client, dialer, end, within, wordsOf } from './client.ts'
import { Locator, textOf } from './locator.ts'
import type { RedisConnection } from './options.ts'

/** What a command answers: bulk strings as Buffers. */
export type Reply = Buffer | string | number | null | readonly Reply[]

/** ms between attempts to connect: doubled from the first to the last. */
const FIRST_WAIT = 50
const LONGEST_WAIT = 1_000
/** ms between looks at whether Redis still answers. */
const LOOK = 100
/** Commands that may be under way at once, beside publishes, which have a bound in bytes. */
const MAX_COMMANDS = 10_000

export interface LinkEvents {
  /** Both connections are there; the link is up once this resolves. */
  joined(): Promise<void>
  up(): void
  /** It is not up any more, or could not be made at first. */
  lost(): void
  message(payload: Buffer): void
  report: Report
}

/**
 * Redis's words for what passes, here or on another server: another attempt finds where. `MIGRATING` is our
 * scripts' own (`clusterLua`). Older servers put what a script met behind other words.
 */
const PASSING =
  /^(?:LOADING|READONLY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|MOVED|ASK|MIGRATING)\b|: -(?:LOADING|READONLY|MASTERDOWN)\b/

/**
 * Two connections to one Redis, for commands and for announcements, that are lost and made anew together.
 * Before each attempt, Sentinels are asked for the master, or nodes of a cluster for that of the hash slot.
 */
export class Link {
  readonly #connection: RedisConnection
  readonly #announcements: string
  /** Announcements are those of a cluster. */
  readonly #sharded: boolean
  readonly #timeout: number
  readonly #events: LinkEvents
  #commands: Client | undefined
  #types: Record<number, typeof Buffer> = {}
  readonly #locator: Locator
  #state: 'starting' | 'up' | 'down' | 'closed' = 'starting'
  #breakOff: (error: Error) => void = () => {}
  /** Resolves when the first attempt has ended, well or not. */
  readonly started: Promise<void>
  #settleStart: () => void = () => {}
  #where: string
  /** How often it was there again after it had been lost. */
  reconnects = 0
  /** Where it was last connected to. */
  #reached = ''
  #why = 'it was not reached yet'
  #wasUp = false
  #underWay = 0
  /** When Redis last answered, or was asked while nothing else was under way; ms of performance.now. */
  #heard = 0
  readonly #watch: NodeJS.Timeout
  readonly #ended = new AbortController()
  readonly #running: Promise<void>

  /**
   * @param announcements the Pub/Sub channel that is listened to; in a cluster, the link leads to the node
   *   that serves its hash slot, and the channel is a sharded one
   * @param timeout ms
   */
  constructor(
    connection: RedisConnection,
    announcements: string,
    timeout: number,
    events: LinkEvents,
  ) {
    this.#connection = connection
    this.#announcements = announcements
    this.#timeout = timeout
    this.#events = events
    this.#sharded = connection.cluster.length > 0
    this.#locator = new Locator(connection, announcements, timeout)
    this.#where = this.#locator.what
    this.started = new Promise((resolve) => (this.#settleStart = resolve))
    this.#watch = setInterval(() => this.#look(), LOOK).unref()
    this.#running = this.#run()
  }

  get up(): boolean {
    return this.#state === 'up' && this.#commands !== undefined
  }

  get starting(): boolean {
    return this.#state === 'starting'
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** Where it is, or is looked for. */
  get where(): string {
    return this.#where
  }

  /** What whoever asks for something is told while the link is down. */
  unavailable(): FanfareError {
    const detail = this.closed
      ? 'The store is closed.'
      : `Redis at ${this.#where} is not available: ${this.#why}.`
    return new FanfareError('store_unavailable', detail, 'Try again when Redis is back.')
  }

  /**
   * Sends a command as soon as the first attempt to connect has ended.
   * @throws FanfareError `store_unavailable`; Error with Redis's words when Redis refuses
   */
  async ask(args: readonly (string | Buffer)[]): Promise<Reply> {
    if (this.#underWay >= MAX_COMMANDS) {
      throw new FanfareError('store_unavailable', 'Too many questions to Redis are under way.')
    }
    if (this.starting) await this.started
    if (!this.up) throw this.unavailable()
    return await this.send(args)
  }

  /** Sends a command at once, also while the link is just being made. */
  async send(args: readonly (string | Buffer)[]): Promise<Reply> {
    const client = this.#commands
    if (!client) throw this.unavailable()
    if (this.#underWay === 0) this.#heard = performance.now()
    this.#underWay++
    try {
      return await client.sendCommand<Reply>(args, {
        typeMapping: this.#types,
      })
    } catch (error) {
      const words = wordsOf(error)
      if (client === this.#commands && PASSING.test(words)) this.renew(explained(words))
      throw client === this.#commands && client.isReady ? error : this.unavailable()
    } finally {
      this.#underWay--
      this.#heard = performance.now()
    }
  }

  /** Gives the connections up and makes new ones: Redis does not behave. */
  renew(why: string): void {
    this.#why = why
    this.#commands = undefined
    this.#breakOff(new Error(why))
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.#state = 'closed'
    clearInterval(this.#watch)
    this.#ended.abort()
    this.#settleStart()
    this.#breakOff(new Error('the store is closed'))
    await this.#running
  }

  #look(): void {
    const silent = performance.now() - this.#heard
    if (this.#underWay > 0 && silent > this.#timeout) {
      this.renew(`it did not answer for ${Math.round(silent)} ms`)
    }
  }

  async #run(): Promise<void> {
    let wait = FIRST_WAIT
    while (!this.closed) {
      const clients: Client[] = []
      try {
        const lost = new Promise<never>((_, reject) => (this.#breakOff = reject))
        lost.catch(() => {})
        const dial = await Promise.race([this.#prepare(), lost])
        this.#commands = await within(this.#timeout, this.#connect(dial, clients, lost))
        this.#reached = this.#where
        await Promise.race([this.#events.joined(), lost])
        if (this.closed) break
        wait = FIRST_WAIT
        this.#becomeUp()
        this.#events.up()
        await lost
      } catch (error) {
        this.#becomeDown(error)
      } finally {
        this.#commands = undefined
        for (const client of clients) end(client)
      }
      if (!this.closed) {
        const signal = this.#ended.signal
        await delay(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
        wait = Math.min(wait * 2, LONGEST_WAIT)
      }
    }
  }

  #becomeUp(): void {
    const restored = this.#state === 'down'
    this.#state = 'up'
    this.#settleStart()
    if (restored && this.#wasUp) this.reconnects++
    this.#wasUp = true
    if (restored) this.#events.report(`Redis at ${this.#where} is available.`, 'store.available')
  }

  #becomeDown(error: unknown): void {
    if (this.closed) return
    this.#why = this.#announced(wordsOf(error))
    const first = this.#state !== 'down'
    this.#state = 'down'
    this.#settleStart()
    if (!first) return
    this.#events.report(this.unavailable().message, 'store.unavailable')
    this.#events.lost()
  }

  /** Adds to an error what may be behind it: an address that is only good among the nodes of a cluster. */
  #announced(words: string): string {
    if (!this.#sharded || !NO_WAY.test(words) || this.#reached === this.#where) return words
    return (
      `${words}. So the cluster announces the node; if it is never to be reached there, ` +
      'see cluster-announce-ip and cluster-announce-port of Redis'
    )
  }

  async #prepare(): Promise<() => Client> {
    const { RESP_TYPES } = await import('@redis/client')
    this.#types = { [RESP_TYPES.BLOB_STRING]: Buffer }
    const address = await this.#locator.find()
    this.#where = textOf(address)
    return await dialer(this.#connection, address, this.#timeout)
  }

  async #connect(dial: () => Client, clients: Client[], lost: Promise<never>): Promise<Client> {
    const make = (): Client => {
      const client = dial()
      clients.push(client)
      client.on('error', (error: Error) => this.#breakOff(error))
      client.on('end', () => this.#breakOff(new Error('the connection was closed')))
      client.on('sharded-channel-moved', () => this.renew(MOVED))
      return client
    }
    const [commands, listener] = [make(), make()]
    await Promise.race([Promise.all([commands.connect(), listener.connect()]), lost])
    const hear = (payload: Buffer): void => this.#events.message(payload)
    const subscribed = this.#sharded
      ? listener.sSubscribe(this.#announcements, hear, true)
      : listener.subscribe(this.#announcements, hear, true)
    await Promise.race([subscribed, lost])
    return commands
  }
}

/** No connection came about. */
const NO_WAY = /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|[Tt]imeout|did not answer/

const MOVED = 'its hash slot has moved to another node'

function explained(words: string): string {
  if (words.startsWith('MOVED')) return MOVED
  return /^(?:ASK|MIGRATING)\b/.test(words) ? 'its hash slot is on its way to another node' : words
}
