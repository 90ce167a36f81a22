import type { ChannelName } from '../../model/channel.ts'
import type { MessageId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import type { Page, ReadQuery } from '../store.ts'
import { idFrom, messageOf, nameBytes, nameFrom, prefixBytes } from './codec.ts'
import type { Reply } from './link.ts'
import type { ScriptName } from './scripts.ts'
import type { Stretch } from './tail.ts'

/** More channels than this are read by the index of all, not each by itself. */
const MERGED = 16
/** What one look for the newest of a pattern passes through at most, in calls of the script. */
const NEWEST_CALLS = 10
/** Messages and bytes of one stretch that was missed. */
const STRETCH_MESSAGES = 1_000
const STRETCH_BYTES = 2 ** 20
/** A bound that no page reaches. */
const NO_BOUND = 2 ** 52

type Run = (name: ScriptName, args: readonly (string | Buffer)[]) => Promise<Reply>

/** Reads pages. A page of channels and subtrees is one script; one of patterns takes a few. */
export class Reader {
  readonly #run: Run

  constructor(run: Run) {
    this.#run = run
  }

  async read(query: ReadQuery): Promise<Page> {
    const { channels, patterns, wide } = query.selectors
    if (patterns.length > 0) return await this.#readPatterns(query)
    if (wide || (channels.length > MERGED && !query.newest)) return await this.#scan(query)
    return await this.#readChannels(query)
  }

  /** The next stretch of everything, for announcements. @param run as the connection is just being made */
  async stretch(after: MessageId, run: Run): Promise<Stretch> {
    const bounds = [String(STRETCH_MESSAGES), String(STRETCH_BYTES), String(after), '-1', '0']
    const reply = (await run('scan', [...bounds, 'all', '0'])) as readonly Reply[]
    const [, last, floor, upTo] = numbersOf(reply[0])
    const gone = reply[2] as readonly Buffer[]
    const removed = []
    for (let at = 0; at < gone.length; at += 2) {
      removed.push({ id: idAt(gone, at), name: nameFrom(gone[at + 1] as Buffer) })
    }
    const messages = messagesOf(reply[1] as readonly Buffer[])
    return { messages, removed, upTo, last, floor }
  }

  async #readChannels(query: ReadQuery): Promise<Page> {
    const { limit, newest = false, selectors } = query
    const args = [...boundsOf(query), newest ? '1' : '0', ...selectors.channels.map(nameBytes)]
    const reply = (await this.#run('read', args)) as readonly Reply[]
    const [now, , floor, end] = numbersOf(reply[0])
    const found: Message[] = []
    // Where a channel was cut, nothing beyond is known to be complete.
    let known: number = newest ? -1 : Number.POSITIVE_INFINITY
    for (const list of reply[1] as readonly (readonly Buffer[])[]) {
      const [more, name] = list as readonly [Buffer, Buffer]
      const messages = messagesOfChannel(nameFrom(name), list)
      const last = messages.at(-1)
      if (more[0] === 0x31) {
        const reached = last?.id ?? query.after
        known = newest ? Math.max(known, reached) : Math.min(known, reached)
      }
      for (const message of messages) if (!isPast(message, now)) found.push(message)
    }
    found.sort((a, b) => (newest ? b.id - a.id : a.id - b.id))
    const complete = found.filter(({ id }) => (newest ? id >= known : id <= known))
    const { messages, full } = cut(complete, limit, query.bytes)
    if (newest) return { messages: messages.toReversed(), upTo: end, floor }
    const upTo = full ? (messages.at(-1)?.id ?? query.after) : (Math.min(known, end) as MessageId)
    return { messages, upTo, floor }
  }

  async #scan(query: ReadQuery): Promise<Page> {
    const { channels, prefixes, wide } = query.selectors
    const args = [
      ...boundsOf(query),
      query.newest ? '1' : '0',
      wide ? 'match' : 'names',
      String(channels.length),
      ...channels.map(nameBytes),
      ...prefixes.map(prefixBytes),
    ]
    const reply = (await this.#run('scan', args)) as readonly Reply[]
    const [now, last, floor, scanned] = numbersOf(reply[0])
    const found = messagesOf(reply[1] as readonly Buffer[])
    const messages = found.filter((message) => !isPast(message, now))
    if (query.newest) return { messages: messages.toReversed(), upTo: endOf(query, last), floor }
    return { messages, upTo: scanned, floor }
  }

  /** Globs are matched here: Redis's own scripts know no such thing that is safe from any pattern. */
  async #readPatterns(query: ReadQuery): Promise<Page> {
    const { selectors, newest = false, limit, bytes, after } = query
    const wanted: Buffer[] = []
    let upTo = after
    let end: MessageId | undefined
    let to = query.upTo
    for (let calls = newest ? NEWEST_CALLS : 1; calls > 0; calls--) {
      const bounds = ['0', '0', String(after), String(to ?? -1), newest ? '1' : '0']
      const names = selectors.channels.map(nameBytes)
      const args = [...bounds, 'index', String(names.length), ...names]
      const reply = (await this.#run('scan', args)) as readonly Reply[]
      const [, last, , scanned] = numbersOf(reply[0])
      end ??= endOf(query, last)
      const index = reply[1] as readonly Buffer[]
      for (let at = 0; at < index.length; at += 2) {
        const [id, name] = [index[at] as Buffer, index[at + 1] as Buffer]
        if (selectors.matches(nameFrom(name))) wanted.push(id, name)
      }
      upTo = scanned
      const first = index.at(-2)
      if (!newest || wanted.length >= limit * 2 || !first || index.length < 2) break
      to = (idFrom(first.toString('latin1')) - 1) as MessageId
      if (to <= after) break
    }
    const bounds = [String(limit), String(bytes ?? NO_BOUND)]
    const picked = (await this.#run('pick', [...bounds, ...wanted.slice(0, 2 * (limit + 1))])) as [
      Reply,
      readonly Buffer[],
    ]
    const [now, , lowest, full] = numbersOf(picked[0])
    const found = messagesOf(picked[1])
    const floor = await this.#floorOf(query, lowest)
    const messages = found.filter((message) => !isPast(message, now))
    if (newest) return { messages: messages.toReversed(), upTo: end ?? after, floor }
    const cutShort = full === 1 || wanted.length > 2 * (limit + 1)
    return { messages, upTo: cutShort ? (found.at(-1)?.id ?? after) : upTo, floor }
  }

  /** The highest floor of what is selected, asked for after the messages: it only rises. */
  async #floorOf({ selectors, after }: ReadQuery, lowest: MessageId): Promise<MessageId> {
    for (let offset = 0; ; offset += 500) {
      // One above the cursor is enough to ask for: those below tell no gap.
      const above = String(Math.max(lowest, after))
      const found = (await this.#run('floors', [above, String(offset)])) as readonly Buffer[]
      for (let at = 0; at < found.length; at += 2) {
        const name = nameFrom(found[at] as Buffer)
        if (selectors.matches(name)) return Number(String(found[at + 1])) as MessageId
      }
      if (found.length < 1_000) return lowest
    }
  }
}

/** As far as a query goes in a store with this newest id. */
function endOf({ upTo }: ReadQuery, last: MessageId): MessageId {
  return upTo === undefined || upTo > last ? last : upTo
}

function boundsOf({ limit, bytes, after, upTo }: ReadQuery): string[] {
  return [String(limit), String(bytes ?? NO_BOUND), String(after), String(upTo ?? -1)]
}

function isPast({ expires }: Message, now: number): boolean {
  return expires !== 0 && expires <= now
}

function numbersOf(reply: Reply | undefined): [number, MessageId, MessageId, MessageId] {
  return String(reply).split(' ').map(Number) as [number, MessageId, MessageId, MessageId]
}

function idAt(list: readonly Buffer[], at: number): MessageId {
  const id = list[at] as Buffer
  return idFrom(id.toString('latin1'))
}

/** Messages in fives: id, name, stamp, meta, body. */
function messagesOf(list: readonly Buffer[]): Message[] {
  const messages: Message[] = []
  for (let at = 0; at < list.length; at += 5) {
    const [id, name, stamp, meta, body] = list.slice(at, at + 5) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ]
    messages.push(messageOf(nameFrom(name), id, stamp, meta, body))
  }
  return messages
}

/** Messages in fours behind two other things: id, stamp, meta, body. */
function messagesOfChannel(channel: ChannelName, list: readonly Buffer[]): Message[] {
  const messages: Message[] = []
  for (let at = 2; at < list.length; at += 4) {
    const [id, stamp, meta, body] = list.slice(at, at + 4) as [Buffer, Buffer, Buffer, Buffer]
    messages.push(messageOf(channel, id, stamp, meta, body))
  }
  return messages
}

/** The first of them that fit a page; the first one always does. */
function cut(
  messages: readonly Message[],
  limit: number,
  bytes = Number.POSITIVE_INFINITY,
): { messages: readonly Message[]; full: boolean } {
  let sum = 0
  for (const [index, { weight }] of messages.entries()) {
    if (index >= limit || (index > 0 && sum >= bytes)) {
      return { messages: messages.slice(0, index), full: true }
    }
    sum += weight
  }
  return { messages, full: false }
}
