import { nextId } from '../next-id.ts'
import type { ChannelName } from '../../model/channel.ts'
import { Clock } from '../../model/clock.ts'
import { FanfareError } from '../../model/errors.ts'
import { idSecond, type MessageId } from '../../model/id.ts'
import type { MaybePromise } from '../../model/maybe.ts'
import { type Draft, Message } from '../../model/message.ts'
import { fingerprint, KeyWindow, slotOf } from '../keys.ts'
import type { Adjustable, MemoryLimits } from '../memory.ts'
import type { StoreState } from '../state.ts'
import type {
  Appended,
  ChannelPage,
  ChannelStat,
  Page,
  ReadQuery,
  Store,
  Sweepable,
  Watcher,
} from '../store.ts'
import { type Catalog, statOf } from './catalog.ts'
import { type Files, realFiles } from './files.ts'
import { KIND, type RecordParts } from './format.ts'
import { FolderLock, machineWentDown } from './lock.ts'
import { Log } from './log.ts'
import { begin } from './open.ts'
import { FILE_DEFAULTS, type FileOptions } from './options.ts'
import { Reader } from './reader.ts'
import { Recent } from './recent.ts'
import { select } from './selection.ts'

/** An append that is not answered yet. */
interface Pending {
  readonly print: string
  readonly appended: Promise<Appended>
}

/**
 * Keeps everything in a folder: an append-only log of segments. What was acknowledged is there after a
 * restart, at the durability that is configured. docs/stores.md describes it and its format.
 */
export class FileStore implements Store, Sweepable, Adjustable {
  readonly #options: FileOptions
  readonly #clock: Clock
  readonly #lock: FolderLock
  readonly #catalog: Catalog
  readonly #keys: KeyWindow
  /** Keys of appends under way. */
  readonly #pending = new Map<string, Pending>()
  readonly #reader: Reader
  readonly #log: Log
  #head: MessageId
  /** The newest id given, whether its message is stored yet or not. */
  #given: MessageId
  #watcher: Watcher | undefined
  #closed = false

  /**
   * Opens a folder's log, or makes one.
   * @throws Error when another process has it open, or it cannot be read
   */
  constructor(
    folder: string,
    options: Partial<FileOptions> = {},
    clock: Clock = new Clock(),
    files: Files = realFiles,
  ) {
    this.#options = { ...FILE_DEFAULTS, ...options }
    this.#clock = clock
    const { durability, keyWindow, maxKeys, report } = this.#options
    this.#keys = new KeyWindow(keyWindow, maxKeys)
    this.#lock = new FolderLock(folder)
    try {
      const { catalog, seed, findings, unindexed } = begin(folder, {
        limits: this.#options,
        keys: this.#keys,
        now: clock.now(),
        mayHaveLost: durability !== 'always' && machineWentDown(this.#lock.left),
        floor: this.#options.floor,
      })
      for (const { text } of findings) report(text, 'store.damage')
      this.#catalog = catalog
      const recent = new Recent(this.#options.cacheBytes)
      this.#reader = new Reader(files, catalog, recent, seed, report)
      this.#log = new Log({
        folder,
        options: this.#options,
        files,
        seed,
        catalog,
        keys: this.#keys,
        recent,
        reader: this.#reader,
        now: () => clock.now(),
        unindexed,
        events: {
          appended: (message) => {
            this.#head = message.id
            this.#watcher?.appended(message)
          },
          removed: (name) => this.#watcher?.removed(name),
        },
      })
    } catch (error) {
      this.#lock.release()
      throw error
    }
    this.#head = this.#catalog.head
    this.#given = this.#head
    // No time told from here on lies before a message's.
    clock.advance(this.#catalog.newestTime)
    this.#catalog.onForget = (name, floor) => this.#log.forgot(name, floor)
    this.#catalog.forgetSuperfluous()
    this.#catalog.ageAll(clock.now())
  }

  get head(): MessageId {
    return this.#head
  }

  update(limits: MemoryLimits): void {
    // The catalog reads them from there.
    Object.assign(this.#options, limits)
    this.#keys.update(limits.keyWindow, limits.maxKeys)
    this.#catalog.lookAgain()
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher
  }

  append(draft: Draft): MaybePromise<Appended> {
    const now = this.#clock.now()
    if (draft.key === undefined) return this.#append(draft, now, undefined, undefined)
    const known = this.#keys.find(draft, now)
    if (known !== undefined) return { id: known, duplicate: true }
    const slot = slotOf(draft)
    const print = fingerprint(draft)
    const pending = this.#pending.get(slot)
    if (pending) {
      if (pending.print !== print) throw new FanfareError('key_reused')
      return pending.appended.then(({ id }) => ({ id, duplicate: true }))
    }
    const appended = this.#append(draft, now, slot, print)
    if (this.#options.keyWindow > 0 && this.#options.maxKeys > 0) {
      this.#pending.set(slot, { print, appended })
      const forget = (): void => void this.#pending.delete(slot)
      appended.then(forget, forget)
    }
    return appended
  }

  /** As `append`, with the id and time it had elsewhere, where those lie beyond what is here. */
  restore(draft: Draft, id: MessageId, time: number): MaybePromise<Appended> {
    if (id <= this.#given || Math.floor(time / 1000) !== idSecond(id)) return this.append(draft)
    this.#clock.advance(time)
    return this.#add(draft, id, time, undefined, undefined)
  }

  read(query: ReadQuery): MaybePromise<Page> {
    const now = this.#clock.now()
    const catalog = this.#catalog
    const { selectors, after } = query
    catalog.expire(now)
    if (selectors.wide) catalog.ageAll(now)
    else {
      for (const name of selectors.channels) {
        const channel = catalog.find(name)
        if (channel) catalog.age(channel, now)
      }
    }
    const { messages: numbers, upTo } = select(catalog, query, now)
    const floor = catalog.floorOf(selectors, after)
    const messages = this.#reader.get(numbers)
    if (!(messages instanceof Promise)) return { messages, upTo, floor }
    // What turned out to be damaged has raised a floor.
    return messages.then((found) => ({
      messages: found,
      upTo,
      floor: found.length < numbers.length ? catalog.floorOf(selectors, after) : floor,
    }))
  }

  stat(name: ChannelName, create = false): MaybePromise<ChannelStat | undefined> {
    const channel = this.#catalog.find(name)
    if (channel) {
      this.#catalog.refresh(channel, this.#clock.now())
      return statOf(channel)
    }
    if (!create) return undefined
    return this.#control(KIND.create, name)
  }

  remove(name: ChannelName): MaybePromise<ChannelStat | undefined> {
    // What is under way may make it known first.
    if (!this.#catalog.find(name) && this.#log.idle) return undefined
    return this.#control(KIND.remove, name)
  }

  channels(cursor: number, limit: number): ChannelPage {
    return this.#catalog.channels(cursor, limit)
  }

  state(): StoreState {
    const { count, bytes, oldestTime, size } = this.#catalog
    const { waiting, disk } = this.#log
    return {
      available: !this.#closed && !this.#log.failing,
      messages: count,
      bytes,
      channels: size,
      oldest: oldestTime,
      waitingBytes: waiting,
      disk,
    }
  }

  sweep(): void {
    const now = this.#clock.now()
    this.#catalog.sweep(now)
    this.#log.sweep(now)
  }

  /** Resolves once everything is on the disk and the folder is another's to open. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#log.close()
    this.#watcher = undefined
    await this.#reader.close()
    this.#lock.release()
  }

  #append(
    draft: Draft,
    now: number,
    slot: string | undefined,
    print: string | undefined,
  ): Promise<Appended> {
    this.#check()
    const id = nextId(this.#given, this.#clock, now)
    // A full second has moved the clock on; else it is `now`, read once, that lies in the id's second.
    return this.#add(draft, id, Math.max(now, idSecond(id) * 1000), slot, print)
  }

  #add(
    draft: Draft,
    id: MessageId,
    time: number,
    slot: string | undefined,
    print: string | undefined,
  ): Promise<Appended> {
    this.#check()
    this.#given = id
    const name = this.#catalog.find(draft.channel)?.name ?? draft.channel
    const message = new Message(id, time, draft, name)
    const { contentType, attributes, data, ttl, key, keyDecides, body } = draft
    const parts: RecordParts = {
      kind: KIND.message,
      id,
      ms: time - idSecond(id) * 1000,
      channel: name,
      contentType,
      attributes,
      data,
      ttl,
      key,
      keyDecides,
      print,
      body,
    }
    return new Promise((resolve, reject) => {
      const done = { resolve: resolve as (value: unknown) => void, reject }
      this.#log.add(parts, message, slot, done)
    })
  }

  #control(
    kind: typeof KIND.create | typeof KIND.remove,
    channel: ChannelName,
  ): Promise<ChannelStat | undefined> {
    this.#check()
    const parts: RecordParts = { kind, id: this.#given, ms: 0, channel }
    return new Promise((resolve, reject) => {
      const done = { resolve: resolve as (value: unknown) => void, reject }
      this.#log.add(parts, undefined, undefined, done)
    })
  }

  /** @throws FanfareError when nothing can be taken right now */
  #check(): void {
    if (this.#closed) throw new FanfareError('store_unavailable', 'The store is closed.')
    const { refusal } = this.#log
    if (refusal) throw refusal
    if (this.#log.waiting > this.#options.maxWaitingBytes) {
      throw new FanfareError(
        'store_unavailable',
        'The disk is slower than what is published. Try again later.',
      )
    }
  }
}
