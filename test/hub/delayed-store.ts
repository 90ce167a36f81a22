import type { ChannelName } from '../../src/model/channel.ts'
import type { MessageId } from '../../src/model/id.ts'
import type { Draft, Message } from '../../src/model/message.ts'
import type { MemoryStore } from '../../src/stores/memory.ts'
import type {
  Appended,
  ChannelPage,
  ChannelStat,
  Page,
  ReadQuery,
  Store,
  Watcher,
} from '../../src/stores/store.ts'

type Announcement = { readonly message: Message } | { readonly removed: ChannelName }

/**
 * A store over a slow wire, as Redis is one: everything is answered later, when the test says so.
 * What is announced comes in order, but before or after the answers to the appends; reads may see
 * what was not announced yet.
 */
export class DelayedStore implements Store {
  readonly #store: MemoryStore
  #head: MessageId
  #watcher: Watcher | undefined
  readonly announcements: Announcement[] = []
  /** Answers under way, each to be given by calling it. */
  readonly answers: (() => void)[] = []
  /** Whether a read sees the log as it is when it is answered, not when it is asked. */
  readsLate = false

  constructor(store: MemoryStore) {
    this.#store = store
    this.#head = store.head
    store.watch({
      appended: (message) => void this.announcements.push({ message }),
      removed: (removed) => void this.announcements.push({ removed }),
    })
  }

  get head(): MessageId {
    return this.#head
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.announcements.length === 0 && this.answers.length === 0
  }

  /** Tells the watcher of the next so many events. */
  announce(count = this.announcements.length): void {
    for (const event of this.announcements.splice(0, count)) {
      if ('removed' in event) this.#watcher?.removed(event.removed)
      else {
        this.#head = event.message.id
        this.#watcher?.appended(event.message)
      }
    }
  }

  /** Gives one answer, out of turn if that is asked for; those who wait for it have run then. */
  async answer(index = 0): Promise<void> {
    const [give] = this.answers.splice(index % Math.max(this.answers.length, 1), 1)
    give?.()
    await settled()
  }

  /** Gives all answers, those included that come of them. */
  async answerAll(): Promise<void> {
    while (this.answers.length > 0) await this.answer()
  }

  append(draft: Draft): Promise<Appended> {
    return this.#later(attemptNow(() => this.#store.append(draft)))
  }

  read(query: ReadQuery): Promise<Page> {
    const read = (): Page => this.#store.read(query)
    return this.#later(this.readsLate ? read : attemptNow(read))
  }

  stat(channel: ChannelName, create?: boolean): Promise<ChannelStat | undefined> {
    return this.#later(attemptNow(() => this.#store.stat(channel, create)))
  }

  remove(channel: ChannelName): Promise<ChannelStat | undefined> {
    return this.#later(attemptNow(() => this.#store.remove(channel)))
  }

  channels(cursor: number, limit: number): Promise<ChannelPage> {
    return this.#later(attemptNow(() => this.#store.channels(cursor, limit)))
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher
  }

  close(): void {
    this.#store.close()
  }

  #later<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.answers.push(() => {
        try {
          resolve(work())
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
  }
}

/** Does the work at once, and gives its outcome when it is asked. */
function attemptNow<T>(work: () => T): () => T {
  try {
    const value = work()
    return () => value
  } catch (error) {
    return () => {
      throw error
    }
  }
}

/** All promises that can run have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
