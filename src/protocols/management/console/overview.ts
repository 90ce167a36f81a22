import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Traffic } from '../../../hub/traffic.ts'
import { bytesToText, isPrivate, privateKey } from '../../../model/channel.ts'
import { formatId, type MessageId } from '../../../model/id.ts'
import { USER_SPACE } from '../../../users/users.ts'
import type { DoorContext } from '../../door.ts'
import type { DoorTraffic, ErrorEntry, SlowSubscriber, Snapshot } from './data.ts'
import type { ConsoleStream, Ticker } from './stream.ts'

/** What is watched here is no traffic of the server's. */
export const CONSOLE = 'console'

const MOST_SLOW = 20
const MOST_ERRORS = 50
/** How often the event loop is measured, in ms; what it tells is later by that much. */
const RESOLUTION = 10
/** Unsent bytes above which a page that does not read is told nothing more. */
const MOST_UNSENT = 256 * 2 ** 10

/** What a door's counters were, and when. */
type Counted = Pick<Traffic, 'published' | 'delivered' | 'bytes'>

/** How the server is, once a second, to all who watch; nothing is measured while nobody does. */
export class Overview {
  readonly #context: DoorContext
  readonly #ticker: Ticker
  readonly #streams = new Set<ConsoleStream>()
  #end: (() => void) | undefined
  #delay: IntervalHistogram | undefined
  #before = new Map<string, Counted>()
  #beforeTime = 0
  #errors = 0
  #measuring = false
  #last: Snapshot | undefined

  constructor(context: DoorContext, ticker: Ticker) {
    this.#context = context
    this.#ticker = ticker
  }

  /** Tells a page from now on, until `leave`. */
  join(stream: ConsoleStream): void {
    if (this.#streams.size === 0) this.#begin()
    this.#streams.add(stream)
    stream.send('errors', this.#errorList())
    if (this.#last) stream.send('snapshot', this.#last)
  }

  leave(stream: ConsoleStream): void {
    this.#streams.delete(stream)
    if (this.#streams.size === 0) this.#stop()
  }

  #begin(): void {
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION })
    this.#delay.enable()
    this.#remember()
    this.#errors = this.#context.errors.count
    this.#end = this.#ticker.add(() => {
      // A store that takes its time is asked once at a time.
      if (this.#measuring) return
      this.#measuring = true
      this.#tick()
        .catch((error: unknown) => this.#context.onError(error))
        .finally(() => (this.#measuring = false))
    })
  }

  #stop(): void {
    this.#end?.()
    this.#delay?.disable()
    this.#delay = undefined
    this.#last = undefined
  }

  async #tick(): Promise<void> {
    const snapshot = await this.#measure()
    this.#last = this.#streams.size > 0 ? snapshot : undefined
    const { count } = this.#context.errors
    for (const stream of this.#streams) {
      if (stream.connection.unsent > MOST_UNSENT) continue
      stream.send('snapshot', snapshot)
      if (count !== this.#errors) stream.send('errors', this.#errorList())
    }
    this.#errors = count
  }

  async #measure(): Promise<Snapshot> {
    const { users, errors } = this.#context
    const doors = this.#doors()
    this.#remember()
    const { rss, heapUsed } = process.memoryUsage()
    const sum = (of: (door: DoorTraffic) => number): number =>
      doors.reduce((total, door) => total + of(door), 0)
    return {
      time: Date.now(),
      uptime: Math.round(process.uptime()),
      deliveries: sum((door) => door.deliveryRate),
      publishes: sum((door) => door.publishRate),
      connections: sum((door) => door.connections),
      rss,
      heap: heapUsed,
      delay: this.#loopDelay(),
      doors,
      slow: this.#slow(),
      errors: errors.count,
      channels: await this.#channels(),
      users: await users.connectedCount(),
    }
  }

  #doors(): DoorTraffic[] {
    const seconds = Math.max(0.001, (performance.now() - this.#beforeTime) / 1000)
    const followers = this.#counted('followersByDoor')
    const behind = this.#counted('behindByDoor')
    const doors: DoorTraffic[] = []
    for (const [name, traffic] of this.#context.traffic.entries()) {
      if (name === CONSOLE) continue
      const before = this.#before.get(name) ?? NOTHING
      const rate = (key: keyof Counted): number => (traffic[key] - before[key]) / seconds
      doors.push({
        name,
        connections: traffic.connections,
        accepted: traffic.accepted,
        published: traffic.published,
        delivered: traffic.delivered,
        bytes: traffic.bytes,
        gaps: traffic.gaps,
        wentBehind: traffic.wentBehind,
        refused: traffic.refused,
        followers: followers.get(name) ?? 0,
        behind: behind.get(name) ?? 0,
        publishRate: rate('published'),
        deliveryRate: rate('delivered'),
        byteRate: rate('bytes'),
      })
    }
    return doors
  }

  /** Over all stores, by door. */
  #counted(what: 'followersByDoor' | 'behindByDoor'): Map<string, number> {
    const counts = new Map<string, number>()
    for (const name of Object.keys(this.#context.config.stores)) {
      for (const [door, count] of this.#context.hub(name)[what]()) {
        counts.set(door, (counts.get(door) ?? 0) + count)
      }
    }
    return counts
  }

  #remember(): void {
    this.#beforeTime = performance.now()
    for (const [name, { published, delivered, bytes }] of this.#context.traffic.entries()) {
      this.#before.set(name, { published, delivered, bytes })
    }
  }

  #loopDelay(): Snapshot['delay'] {
    const delay = this.#delay
    if (!delay) return { p50: 0, p99: 0 }
    const ms = (percent: number): number =>
      Math.max(0, Math.round((delay.percentile(percent) / 1e6 - RESOLUTION) * 100) / 100)
    const found = { p50: ms(50), p99: ms(99) }
    delay.reset()
    return found
  }

  async #channels(): Promise<number> {
    let total = 0
    for (const name of Object.keys(this.#context.config.stores)) {
      total += (await this.#context.hub(name).channels(0, 1)).total
    }
    return total
  }

  #slow(): SlowSubscriber[] {
    const found: SlowSubscriber[] = []
    for (const name of Object.keys(this.#context.config.stores)) {
      for (const behind of this.#context.hub(name).behind(MOST_SLOW)) {
        if (behind.door === CONSOLE || found.length === MOST_SLOW) continue
        const { door, unsent, channels } = behind
        const position = formatId(behind.position as MessageId)
        found.push({ door, unsent, channels: channels.map(shownName), position })
      }
    }
    return found
  }

  #errorList(): readonly ErrorEntry[] {
    return this.#context.errors.list.slice(-MOST_ERRORS).map(({ time, text }) => ({ time, text }))
  }
}

const NOTHING: Counted = { published: 0, delivered: 0, bytes: 0 }

/** A name for people: a user's own log has none that a client could give. */
function shownName(name: string): string {
  const channel = name as Parameters<typeof isPrivate>[0]
  if (!isPrivate(channel)) return name === '' ? '/' : bytesToText(name)
  return `(user ${privateKey(USER_SPACE, channel) ?? '?'})`
}
