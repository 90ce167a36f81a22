import { randomBytes } from 'node:crypto'
import { type ChannelName, isPrivate } from '../../model/channel.ts'
import { Clock } from '../../model/clock.ts'
import { FanfareError } from '../../model/errors.ts'
import { idBeforeTime, type MessageId } from '../../model/id.ts'
import type { Draft } from '../../model/message.ts'
import type { Adjustable, MemoryLimits } from '../memory.ts'
import type { StoreState } from '../state.ts'
import type {
  Appended,
  ChannelPage,
  ChannelStat,
  Page,
  ReadQuery,
  Store,
  Watcher,
} from '../store.ts'
import { Appender, type BatchArgs } from './appender.ts'
import { within, wordsOf } from './client.ts'
import { nameBytes, nameFrom } from './codec.ts'
import { Link, type Reply } from './link.ts'
import { Agreement, REDIS_DEFAULTS, type RedisOptions } from './options.ts'
import { Reader } from './reader.ts'
import { type ScriptName, Scripts } from './scripts.ts'
import { Tail } from './tail.ts'

/** A batch with more bytes is announced by its number alone, and read by whoever wants it. */
const MAX_ANNOUNCED = 2 ** 20
/** ms between looks at what waits, and at how far Redis is. */
const LOOK = 100
const LOOKS_TO_SWEEP = 10
/** Redis gives up a batch's number after a day; a node that was cut off for longer is a new one. */
const NODE_BYTES = 9

/**
 * Keeps everything in a Redis, where any number of nodes share it: a stream for each channel, an index over
 * all, and an announcement of each batch. What was acknowledged is as durable as that Redis is configured to
 * make it. docs/stores.md describes the keys.
 */
export class RedisStore implements Store, Adjustable {
  readonly tellsAvailable = true
  readonly #options: RedisOptions
  readonly #clock: Clock
  #scripts: Scripts
  readonly #newScripts: (limits: MemoryLimits) => Scripts
  readonly #link: Link
  readonly #appender: Appender
  readonly #reader: Reader
  readonly #tail: Tail
  readonly #node = randomBytes(NODE_BYTES).toString('base64url')
  readonly #timer: NodeJS.Timeout
  /** The newest id that Redis is known to have given; 0: it was not asked yet. */
  #seen = 0
  /** Where this node begins; the ids of the store lie beyond. */
  readonly #start: MessageId
  #head: MessageId
  #looks = 0
  /** How far Redis was at the last look although we were not: only a lost announcement explains that. */
  #ahead = 0
  #sweeping = false
  /** A reader was refused, and waits to hear that it may ask again. */
  #refused = false
  #watcher: Watcher | undefined

  /** Connects in the background; whatever is asked for before waits for that. */
  constructor(
    options: Partial<RedisOptions> & Pick<RedisOptions, 'report'>,
    clock: Clock = new Clock(),
  ) {
    const partition = { index: 0, count: 1, agreement: new Agreement() }
    this.#options = { ...REDIS_DEFAULTS, partition, waiting: { bytes: 0 }, ...options }
    this.#clock = clock
    const { connection, keyPrefix, limits, maxSkew, timeout } = this.#options
    // One hash slot for all: a script touches many keys.
    const base = `${keyPrefix}{${this.#options.partition.index}}:`
    this.#newScripts = (bounds) => new Scripts(base, bounds, maxSkew, connection.cluster.length > 0)
    this.#scripts = this.#newScripts(limits)
    // What was published in this second by others, and could be meant for followers of ours, is announced.
    this.#start = idBeforeTime(Math.floor(clock.now() / 1000))
    this.#head = this.#start
    this.#reader = new Reader((name, args) => this.#run(name, args))
    this.#tail = new Tail(
      {
        next: (after) => this.#reader.stretch(after, (name, args) => this.#runNow(name, args)),
        appended: (message) => {
          this.#head = message.id
          this.#clock.advance(message.time)
          this.#watcher?.appended(message)
        },
        removed: (name) => this.#watcher?.removed(name),
        skipped: () => this.#watcher?.skipped?.(),
        began: (at) => {
          this.#head = at
          this.#watcher?.began?.(at)
        },
        failed: (error) => this.#link.renew(wordsOf(error)),
      },
      this.#start,
    )
    this.#link = new Link(connection, `${base}a`, timeout, {
      joined: () => this.#joined(),
      up: () => this.#up(),
      lost: () => this.#lost(),
      message: (payload) => this.#tail.hear(payload),
      report: this.#options.report,
    })
    this.#appender = new Appender({
      link: this.#link,
      timeout,
      publishWait: this.#options.publishWait,
      maxWaitingBytes: this.#options.maxWaitingBytes,
      waiting: this.#options.waiting,
      command: (batch, byText) => this.#batchCommand(batch, byText),
      stored: (id, time) => {
        if (id > this.#seen) this.#seen = id
        this.#clock.advance(time)
      },
    })
    this.#timer = setInterval(() => this.#look(), LOOK).unref()
  }

  get head(): MessageId {
    return this.#head
  }

  /** Where Redis is, as far as that is known. */
  get where(): string {
    return this.#link.where
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher
  }

  append(draft: Draft): Promise<Appended> {
    return this.#appender.append(draft)
  }

  async read(query: ReadQuery): Promise<Page> {
    try {
      return await this.#reader.read(query)
    } catch (error) {
      this.#refused = true
      throw error
    }
  }

  async stat(channel: ChannelName, create = false): Promise<ChannelStat | undefined> {
    return statOf(await this.#run('stat', [nameBytes(channel), create ? '1' : '0']))
  }

  async remove(channel: ChannelName): Promise<ChannelStat | undefined> {
    // What was published before comes before.
    await this.#appender.settled()
    return statOf(await this.#run('remove', [nameBytes(channel)]))
  }

  async channels(cursor: number, limit: number): Promise<ChannelPage> {
    const reply = await this.#run('list', [String(Math.max(0, cursor)), String(limit)])
    const [total, found] = reply as readonly [Buffer, readonly Buffer[]]
    const names: ChannelName[] = []
    for (let at = 0; at < found.length; at += 2) {
      const name = nameFrom(found[at] as Buffer)
      if (!isPrivate(name)) names.push(name)
    }
    const more = found.length === limit * 2
    const next = more ? Number(String(found.at(-1))) + 1 : 0
    return { names, cursor: next, total: Number(String(total)) }
  }

  state(): StoreState {
    const { up, reconnects } = this.#link
    const { partition, waiting } = this.#options
    return {
      available: up,
      // All partitions count theirs together.
      waitingBytes: partition.index === 0 ? waiting.bytes : 0,
      redis: { up, reconnects },
    }
  }

  /** Sends what is still to be sent, as far as Redis takes it, and lets go of the connections. */
  async close(): Promise<void> {
    if (this.#link.closed) return
    if (this.#link.up) await this.#appender.settled()
    clearInterval(this.#timer)
    this.#watcher = undefined
    await this.#link.close()
    this.#appender.close(this.#link.unavailable())
  }

  // --- the connection ---

  async #joined(): Promise<void> {
    await this.#agree()
    await this.#tail.catchUp()
    if (this.#tail.position < this.#start) throw new Error('its ids lie before this node’s start')
    this.#seen = Math.max(this.#seen, this.#tail.position)
  }

  /** @throws Error unless Redis holds as many partitions as this store is to have */
  async #agree(): Promise<void> {
    const { partition, timeout } = this.#options
    const { index, count, agreement } = partition
    if (index === 0) {
      const held = await this.#runNow('partitions', [String(count)])
      agreement.compare(Number(String(held)), count)
    } else {
      await within(timeout, agreement.known)
      agreement.check()
    }
  }

  #up(): void {
    this.#appender.resume()
    this.#tellAvailable()
  }

  #lost(): void {
    this.#tail.interrupted()
    this.#appender.interrupted()
  }

  #look(): void {
    this.#appender.look()
    if (!this.#link.up || ++this.#looks < LOOKS_TO_SWEEP) return
    this.#looks = 0
    this.#tellAvailable()
    if (this.#sweeping) return
    this.#sweeping = true
    this.#sweep().then(
      () => (this.#sweeping = false),
      () => (this.#sweeping = false),
    )
  }

  async #sweep(): Promise<void> {
    const [, last = 0] = String(await this.#run('sweep', []))
      .split(' ')
      .map(Number)
    const { position, behind } = this.#tail
    const missed = this.#ahead > position && !behind
    this.#ahead = last
    // Since the last look, a second ago, what Redis had then should have been announced.
    if (missed) this.#tail.look()
  }

  #tellAvailable(): void {
    if (!this.#refused) return
    this.#refused = false
    this.#watcher?.available?.()
  }

  /** Messages of this node are kept by these; another's by its own. */
  update(limits: MemoryLimits): void {
    this.#scripts = this.#newScripts(limits)
  }

  // --- scripts ---

  #context(): string[] {
    const seen = Math.max(this.#seen, this.#seen === 0 ? 0 : this.#tail.position)
    return [String(this.#clock.now()), String(seen), String(this.#start)]
  }

  #batchCommand({ seq, acked, former, block }: BatchArgs, byText: boolean): (string | Buffer)[] {
    const numbers = [String(seq), String(acked), String(former)]
    const args = [...this.#context(), this.#node, ...numbers, block, String(MAX_ANNOUNCED)]
    return this.#scripts.command('append', args, byText)
  }

  async #run(name: ScriptName, args: readonly (string | Buffer)[]): Promise<Reply> {
    try {
      return await this.#scripts.run(this.#link, name, [...this.#context(), ...args])
    } catch (error) {
      if (error instanceof FanfareError) throw error
      throw new FanfareError('store_unavailable', `Redis refused: ${wordsOf(error)}`)
    }
  }

  /** While the link is just being made. */
  #runNow(name: ScriptName, args: readonly (string | Buffer)[]): Promise<Reply> {
    const ask = (command: readonly (string | Buffer)[]): Promise<Reply> => this.#link.send(command)
    return this.#scripts.run({ ask }, name, [...this.#context(), ...args])
  }
}

function statOf(reply: Reply): ChannelStat | undefined {
  if (!Array.isArray(reply)) return undefined
  const [messages, appended, bytes, last, floor] = reply.map(String) as [
    string,
    string,
    string,
    string,
    string,
  ]
  return {
    messages: Number(messages),
    appended: Number(appended),
    bytes: Number(bytes),
    last: last === '' ? undefined : (Number(last) as MessageId),
    floor: Number(floor) as MessageId,
  }
}
