import { setTimeout as delay } from 'node:timers/promises'
import type { createClient as CreateClient, RedisClientType } from '@redis/client'
import { FanfareError } from '../../model/errors.ts'
import type { RedisAddress, RedisConnection } from './options.ts'

type Client = RedisClientType
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
  report(text: string): void
}

/**
 * Two connections to one Redis, for commands and for announcements, that are lost and made anew together.
 * Where Sentinels are named, they are asked for the master before each attempt.
 */
export class Link {
  readonly #connection: RedisConnection
  readonly #announcements: string
  readonly #timeout: number
  readonly #events: LinkEvents
  #commands: Client | undefined
  #types: Record<number, typeof Buffer> = {}
  #state: 'starting' | 'up' | 'down' | 'closed' = 'starting'
  #breakOff: (error: Error) => void = () => {}
  /** Resolves when the first attempt has ended, well or not. */
  readonly started: Promise<void>
  #settleStart: () => void = () => {}
  /** Where it is, for messages. */
  #where: string
  #why = 'it was not reached yet'
  #underWay = 0
  /** When Redis last answered, or was asked while nothing else was under way; ms of performance.now. */
  #heard = 0
  readonly #watch: NodeJS.Timeout
  readonly #ended = new AbortController()
  readonly #running: Promise<void>

  /** @param announcements the Pub/Sub channel that is listened to; @param timeout ms */
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
    this.#where = whereOf(connection)
    this.started = new Promise((resolve) => (this.#settleStart = resolve))
    this.#watch = setInterval(() => this.#look(), LOOK).unref()
    this.#running = this.#run()
  }

  get up(): boolean {
    return this.#state === 'up'
  }

  get starting(): boolean {
    return this.#state === 'starting'
  }

  get closed(): boolean {
    return this.#state === 'closed'
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
      throw client.isReady ? error : this.unavailable()
    } finally {
      this.#underWay--
      this.#heard = performance.now()
    }
  }

  /** Gives the connections up and makes new ones: Redis does not behave. */
  renew(why: string): void {
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
        await within(this.#timeout, this.#connect(clients, lost))
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
    if (restored) this.#events.report(`Redis at ${this.#where} is available.`)
  }

  #becomeDown(error: unknown): void {
    if (this.closed) return
    this.#why = error instanceof Error && error.message !== '' ? error.message : String(error)
    const first = this.#state !== 'down'
    this.#state = 'down'
    this.#settleStart()
    if (!first) return
    this.#events.report(this.unavailable().message)
    this.#events.lost()
  }

  async #connect(clients: Client[], lost: Promise<never>): Promise<void> {
    // Loaded when there is a Redis to speak to: others need not pay for it.
    const { createClient, RESP_TYPES } = await import('@redis/client')
    this.#types = { [RESP_TYPES.BLOB_STRING]: Buffer }
    const address = await this.#address(createClient)
    if (address) this.#where = `${address.host}:${address.port}`
    const settings = this.#settings(address)
    const make = (): Client => {
      const client = createClient(settings as never) as unknown as Client
      clients.push(client)
      client.on('error', (error: Error) => this.#breakOff(error))
      client.on('end', () => this.#breakOff(new Error('the connection was closed')))
      return client
    }
    const [commands, listener] = [make(), make()]
    await Promise.race([Promise.all([commands.connect(), listener.connect()]), lost])
    const hear = (payload: Buffer): void => this.#events.message(payload)
    await Promise.race([listener.subscribe(this.#announcements, hear, true), lost])
    this.#commands = commands
  }

  #settings(address: RedisAddress | undefined): object {
    const { url, username, password, database, tls, host, port } = this.#connection
    const common = { RESP: 2, disableOfflineQueue: true, disableClientInfo: true }
    const socket = { reconnectStrategy: false, connectTimeout: this.#timeout, noDelay: true }
    if (url !== undefined && !address) return { ...common, url, socket }
    const at = address ?? { host, port }
    return {
      ...common,
      database,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      socket: { ...socket, ...at, ...(tls ? { tls: true } : {}) },
    }
  }

  /** The master's address as the first Sentinel that answers knows it. */
  async #address(createClient: typeof CreateClient): Promise<RedisAddress | undefined> {
    const { sentinels, master, sentinelPassword } = this.#connection
    if (sentinels.length === 0) return undefined
    let why = ''
    for (const { host, port } of sentinels) {
      const client = createClient({
        RESP: 2,
        disableClientInfo: true,
        ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
        socket: { host, port, reconnectStrategy: false, connectTimeout: SENTINEL_WAIT },
      })
      client.on('error', () => {})
      try {
        await within(SENTINEL_WAIT, client.connect())
        const asked = client.sendCommand<unknown>(['SENTINEL', 'get-master-addr-by-name', master])
        const found = await within(SENTINEL_WAIT, asked)
        if (Array.isArray(found)) return { host: String(found[0]), port: Number(found[1]) }
        why = `it knows no master named ${master}`
      } catch (error) {
        why = error instanceof Error ? error.message : String(error)
      } finally {
        end(client)
      }
    }
    throw new Error(`no Sentinel named its master; of the last: ${why}`)
  }
}

/** ms that one Sentinel may take. */
const SENTINEL_WAIT = 1_000

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer for ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    work.catch(() => {})
  }
}

function end(client: Pick<Client, 'destroy'>): void {
  try {
    client.destroy()
  } catch {
    // It was closed already.
  }
}

function whereOf({ url, host, port, sentinels }: RedisConnection): string {
  if (sentinels.length > 0) return 'the Sentinels’ master'
  if (url === undefined) return `${host}:${port}`
  // Never with the password.
  return URL.canParse(url) ? new URL(url).host : 'the configured url'
}
