import { afterEach, expect } from 'vitest'
import type {
  Encoder,
  EndReason,
  FollowOptions,
  Gap,
  Published,
  Since,
  Sink,
} from '../../src/hub/contract.ts'
import type { Follower } from '../../src/hub/follower.ts'
import { type HubOptions, LogHub } from '../../src/hub/log-hub.ts'
import { channelFromText, type ChannelName } from '../../src/model/channel.ts'
import { Clock } from '../../src/model/clock.ts'
import { formatId, type MessageId } from '../../src/model/id.ts'
import type { Draft, Message } from '../../src/model/message.ts'
import { Selectors } from '../../src/model/selector.ts'
import { MemoryStore, type MemoryLimits } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'

export function name(text: string): ChannelName {
  const channel = channelFromText(text)
  if (channel === undefined) throw new Error(`no channel name: ${text}`)
  return channel
}

export function channels(...names: string[]): Selectors {
  return new Selectors(names.map(name))
}

export function below(...prefixes: string[]): Selectors {
  return new Selectors([], prefixes)
}

export const after = (id: MessageId): Since<MessageId> => ({ kind: 'id', after: id })

/** The hub's loop turns, run by hand. */
export class Turns {
  #work: (() => void)[] = []

  readonly soon = (work: () => void): void => void this.#work.push(work)

  /** Whether the hub asked for another turn. */
  get due(): boolean {
    return this.#work.length > 0
  }

  /** Ends the current turn. */
  end(): void {
    const work = this.#work
    this.#work = []
    for (const one of work) one()
  }

  /** Ends turns until the hub asks for no more. */
  rest(): void {
    for (let turn = 0; this.due; turn++) {
      if (turn === 10_000) throw new Error('the hub does not come to rest')
      this.end()
    }
  }
}

/** One line a message, its body; `gap FROM TO` for a gap. Remembers each call. */
export class Lines implements Encoder {
  readonly door = 'test'
  readonly key: string
  readonly tellsGaps: boolean
  readonly calls: { readonly messages: readonly Message[]; readonly gap: Gap | undefined }[] = []
  /** A body that it cannot encode. */
  poison: string | undefined

  constructor(key = 'lines', tellsGaps = true) {
    this.key = key
    this.tellsGaps = tellsGaps
  }

  encode(messages: readonly Message[], gap?: Gap): Buffer {
    if (messages.length === 0 && !gap) throw new Error('asked to say nothing')
    this.calls.push({ messages, gap })
    const lines = messages.map(({ body }) => body.toString())
    if (this.poison !== undefined && lines.includes(this.poison)) throw new Error('poisoned')
    if (gap) lines.unshift(gapLine(gap.from, gap.to))
    return Buffer.from(lines.map((line) => `${line}\n`).join(''))
  }
}

export function gapLine(from: MessageId, to: MessageId): string {
  return `gap ${formatId(from)} ${formatId(to)}`
}

/** A connection that takes everything at once, or what it is told to. */
export class Connection implements Sink {
  readonly chunks: Buffer[] = []
  readonly endings: EndReason[] = []
  /** Bytes stay unsent until `sent` is called. */
  slow = false
  unsent = 0
  /** Calls that wait for the socket. */
  readonly waiting: { readonly at: number; readonly call: () => void }[] = []
  onEnded: ((reason: EndReason) => void) | undefined
  #written = 0

  get lines(): string[] {
    return Buffer.concat(this.chunks).toString().split('\n').slice(0, -1)
  }

  write(bytes: Buffer): void {
    if (this.endings.length > 0) throw new Error('written to after the end')
    this.chunks.push(bytes)
    this.#written += bytes.length
    if (this.slow) this.unsent += bytes.length
  }

  whenSent(then: () => void): void {
    if (this.unsent === 0) then()
    else this.waiting.push({ at: this.#written, call: then })
  }

  /** The kernel takes this many bytes more. */
  sent(bytes = this.unsent): void {
    this.unsent -= Math.min(bytes, this.unsent)
    const taken = this.#written - this.unsent
    while (this.waiting[0] && this.waiting[0].at <= taken) this.waiting.shift()?.call()
  }

  ended(reason: EndReason): void {
    if (this.endings.length > 0) throw new Error('ended twice')
    this.endings.push(reason)
    this.onEnded?.(reason)
  }
}

export interface RigOptions extends Partial<Omit<HubOptions, 'soon' | 'onError'>> {
  readonly store?: Partial<MemoryLimits>
  /** Puts another store around the memory store. */
  readonly wrap?: (store: MemoryStore) => Store
  /** Its maker looks at the errors, and may make any number of them in one test. */
  readonly unwatched?: boolean
}

const rigs: Rig[] = []

afterEach(() => {
  // What nobody expected to go wrong must not have.
  for (const rig of rigs.splice(0)) expect(rig.errors).toEqual([])
})

/** A hub on a memory store, with a clock and turns that the test moves. */
export class Rig {
  ms = 1_700_000_000_000
  readonly clock = new Clock(() => this.ms)
  readonly turns = new Turns()
  readonly errors: unknown[] = []
  readonly lines = new Lines()
  readonly memory: MemoryStore
  readonly hub: LogHub

  constructor({ store, wrap, unwatched, ...limits }: RigOptions = {}) {
    this.memory = new MemoryStore(store, this.clock)
    this.hub = new LogHub(wrap ? wrap(this.memory) : this.memory, {
      ...limits,
      soon: this.turns.soon,
      onError: (error) => this.errors.push(error),
    })
    if (!unwatched) rigs.push(this)
  }

  /** Takes the errors that a test expects. */
  takeErrors(): string[] {
    return this.errors.splice(0).map(String)
  }

  publish(channel: string, body: string, more: Partial<Draft> = {}): Published {
    const published = this.hub.publish({ channel: name(channel), body: Buffer.from(body), ...more })
    if (published instanceof Promise) throw new Error('this store answers later')
    return published
  }

  /** Publishes bodies in turn, each to the channel before its colon; answers the ids. */
  say(...messages: string[]): MessageId[] {
    return messages.map((text) => this.publish(text.split(':')[0] as string, text).id)
  }

  follow(selectors: Selectors, options: Partial<FollowOptions> = {}): Following {
    return new Following(this, selectors, options)
  }
}

/** A connection with one subscription. */
export class Following extends Connection {
  readonly subscription: Follower

  constructor(rig: Rig, selectors: Selectors, options: Partial<FollowOptions>) {
    super()
    this.subscription = rig.hub.follow({ selectors, encoder: rig.lines, sink: this, ...options })
  }
}

/** Adds channels and notes 'caught up' among the lines of the connection. */
export function add(follower: Following, selectors: Selectors, since: Since): MessageId[] {
  const positions: MessageId[] = []
  follower.subscription.add(selectors, since, (position) => {
    positions.push(position as MessageId)
    follower.write(Buffer.from('caught up\n'))
  })
  return positions
}

/** A reader of channel a that has 'a:2' still to come, behind a socket that does not move. */
export function stuck(rig: Rig): Following {
  const listener = rig.follow(channels('a'))
  listener.slow = true
  rig.say('a:1')
  rig.turns.end()
  rig.say('a:2')
  rig.turns.end()
  return listener
}

export function unstick(rig: Rig, listener: Following): void {
  listener.slow = false
  listener.sent()
  rig.turns.rest()
}
