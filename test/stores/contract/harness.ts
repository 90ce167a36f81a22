import { channelFromText, type ChannelName } from '../../../src/model/channel.ts'
import { Clock } from '../../../src/model/clock.ts'
import { BEFORE_ALL, type MessageId } from '../../../src/model/id.ts'
import type { Draft, Message } from '../../../src/model/message.ts'
import { Selectors } from '../../../src/model/selector.ts'
import type { MemoryLimits } from '../../../src/stores/memory.ts'
import type { Appended, ChannelStat, Page, ReadQuery, Store } from '../../../src/stores/store.ts'

export type StoreLimits = Partial<MemoryLimits>
export interface Opened {
  readonly store: Store
  close(): Promise<void>
}
/** How a store is opened empty, with these bounds, reading this clock. */
export type OpenStore = (limits: StoreLimits, clock: Clock) => Promise<Opened>

/** What the watcher heard: a message's id, or the name of a channel that was removed. */
export type Heard = MessageId | ChannelName

/** A machine's clock that a test sets. */
export class FakeTime {
  /** ms since 1970; begins a second */
  ms = 1_700_000_000_000
  readonly clock = new Clock(() => this.ms)

  pass(ms: number): void {
    this.ms += ms
  }
}

export function name(text: string): ChannelName {
  const channel = channelFromText(text)
  if (channel === undefined) throw new Error(`no channel name: ${text}`)
  return channel
}

export function channels(...names: string[]): Selectors {
  return new Selectors(names.map(name))
}

/** The subtrees of these prefixes; '' is everything. */
export function below(...prefixes: string[]): Selectors {
  return new Selectors([], prefixes)
}

export function draft(channel: string, body = 'x', more: Partial<Draft> = {}): Draft {
  return { channel: name(channel), body: Buffer.from(body), ...more }
}

/** A store under test, its clock, and a watcher. */
export class Subject {
  readonly store: Store
  readonly time: FakeTime
  readonly heard: Heard[] = []
  readonly messages: Message[] = []
  #waiting: (() => void) | undefined

  constructor(store: Store, time: FakeTime) {
    this.store = store
    this.time = time
    store.watch({
      appended: (message) => {
        this.messages.push(message)
        this.#hear(message.id)
      },
      removed: (channel) => this.#hear(channel),
    })
  }

  #hear(event: Heard): void {
    this.heard.push(event)
    this.#waiting?.()
  }

  /** Resolves once the watcher has heard `count` events. */
  async heardAtLeast(count: number): Promise<readonly Heard[]> {
    while (this.heard.length < count) {
      await new Promise<void>((resolve) => (this.#waiting = resolve))
    }
    return this.heard
  }

  async append(message: Draft): Promise<Appended> {
    return await this.store.append(message)
  }

  async publish(channel: string, body = 'x', more: Partial<Draft> = {}): Promise<MessageId> {
    return (await this.append(draft(channel, body, more))).id
  }

  /** Publishes bodies '1', '2', … to one channel. */
  async publishMany(channel: string, count: number): Promise<MessageId[]> {
    const ids = []
    for (let number = 1; number <= count; number++) {
      ids.push(await this.publish(channel, String(number)))
    }
    return ids
  }

  async page(selectors: Selectors, query: Partial<ReadQuery> = {}): Promise<Page> {
    return await this.store.read({ selectors, after: BEFORE_ALL, limit: 1_000, ...query })
  }

  async bodies(selectors: Selectors, query: Partial<ReadQuery> = {}): Promise<string[]> {
    return (await this.page(selectors, query)).messages.map(({ body }) => body.toString())
  }

  async floor(selectors: Selectors): Promise<MessageId> {
    return (await this.page(selectors)).floor
  }

  async stat(channel: string, create?: boolean): Promise<ChannelStat | undefined> {
    return await this.store.stat(name(channel), create)
  }

  async remove(channel: string): Promise<ChannelStat | undefined> {
    return await this.store.remove(name(channel))
  }

  /** Goes through the whole log page by page, as a follower does. */
  async walk(selectors: Selectors, next: () => Partial<ReadQuery>): Promise<Message[]> {
    const found: Message[] = []
    let after = BEFORE_ALL
    for (;;) {
      const page = await this.page(selectors, { ...next(), after })
      found.push(...page.messages)
      if (page.upTo <= after) return found
      after = page.upTo
    }
  }
}

/** Starts a store of its own for a test. */
export type Start = (limits?: StoreLimits) => Promise<Subject>
