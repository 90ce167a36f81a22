import type { ChannelName } from '../../../src/model/channel.ts'
import { BEFORE_ALL, type MessageId } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import type { Rig } from '../rig.ts'

/** A store, and its clock. */
export type Kept = Pick<Rig, 'memory' | 'clock'>

/** Why nobody can get a message any more, or that it is kept. */
export type Fate = 'kept' | 'expired' | 'deleted' | 'dropped'

export interface Entry {
  id: MessageId
  readonly channel: ChannelName
  expires: number
  fate: Fate
  /** The step in which it was seen to be gone. */
  gone: number
}

const EVERYTHING = new Selectors([], [''])

/** Every message that the store has taken, and what became of it. */
export class Ledger {
  readonly entries: Entry[] = []
  /** Counts the looks at what is kept. */
  step = 0
  /** Where the store began; nothing of it lies before. */
  readonly start: MessageId
  readonly #rig: Kept
  readonly #read: Kept['memory']['read']

  constructor(rig: Kept) {
    this.#rig = rig
    this.start = rig.memory.head
    const { memory } = rig
    this.#read = memory.read.bind(memory)
    const append = memory.append.bind(memory)
    const remove = memory.remove.bind(memory)
    memory.append = (draft) => {
      // Written down before anybody can hear of it.
      const entry: Entry = {
        channel: draft.channel,
        expires: 0,
        fate: 'kept',
        gone: 0,
        id: BEFORE_ALL,
      }
      this.entries.push(entry)
      const answer = append(draft)
      entry.id = answer.id
      if (draft.ttl !== undefined) entry.expires = rig.clock.now() + draft.ttl * 1_000
      this.settle()
      return answer
    }
    memory.read = (query) => {
      this.settle()
      return this.#read(query)
    }
    memory.remove = (channel) => {
      this.settle()
      for (const entry of this.entries) {
        // What retention dropped of it would be gone now in any case: no gap is owed for that.
        if (entry.channel === channel && entry.fate !== 'expired') entry.fate = 'deleted'
      }
      return remove(channel)
    }
  }

  find(id: MessageId): Entry | undefined {
    const last = this.entries.at(-1)
    // Delivered before its append was answered: that one it must be.
    if (last?.id === BEFORE_ALL && id > (this.entries.at(-2)?.id ?? this.start)) last.id = id
    return this.entries.find((entry) => entry.id === id)
  }

  get last(): MessageId {
    return this.entries.at(-1)?.id ?? this.start
  }

  /** Looks at what is still kept. */
  settle(): void {
    const page = this.#read({ selectors: EVERYTHING, after: BEFORE_ALL, limit: 1e9 })
    const kept = new Set(page.messages.map(({ id }) => id))
    const now = this.#rig.clock.now()
    this.step++
    for (const entry of this.entries) {
      if (entry.fate !== 'kept' || kept.has(entry.id)) continue
      entry.gone = this.step
      entry.fate = entry.expires !== 0 && entry.expires <= now ? 'expired' : 'dropped'
    }
  }
}
