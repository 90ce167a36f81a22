import { isUtf8 } from 'node:buffer'
import type { Encoder, EndReason, Since, Sink } from '../../../hub/contract.ts'
import type { Hub } from '../../../hub/hub.ts'
import { bytesToText } from '../../../model/channel.ts'
import type { Cursor } from '../../../model/cursor.ts'
import { BEFORE_ALL, formatId } from '../../../model/id.ts'
import type { Message } from '../../../model/message.ts'
import type { Selectors } from '../../../model/selector.ts'
import { doorsOf } from './channels.ts'
import type { ChannelTick, MessageView, Replay } from './data.ts'
import { CONSOLE } from './overview.ts'
import { type ConsoleStream, eventBytes } from './stream.ts'

/** Messages a second that a page is shown: more nobody can read. */
const SHOWN_RATE = 25
/** And at once, after a pause. */
const SHOWN_AT_ONCE = 5
/** Messages that are replayed at most, and bytes of them. */
export const MOST_REPLAYED = 500
const REPLAY_BYTES = 4 * 2 ** 20
/** Characters of a body that are shown. */
const MOST_TEXT = 4_000

const NOTHING = Buffer.alloc(0)

/** Lets so many a second through. */
class Sampler {
  #tokens = SHOWN_AT_ONCE
  #at = performance.now()

  refill(): void {
    const now = performance.now()
    const more = ((now - this.#at) / 1000) * SHOWN_RATE
    this.#tokens = Math.min(SHOWN_AT_ONCE, this.#tokens + more)
    this.#at = now
  }

  take(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** Counts what passes, and shows some of it. */
class SamplingEncoder implements Encoder {
  readonly key: string
  readonly door = CONSOLE
  readonly tellsGaps = true
  readonly #chunked: boolean
  readonly #sampler = new Sampler()
  passed = 0
  shown = 0

  /** @param id unlike any other encoder's: each page has its own sample */
  constructor(id: number, chunked: boolean) {
    this.key = `console ${id}`
    this.#chunked = chunked
  }

  encode(messages: readonly Message[]): Buffer {
    this.passed += messages.length
    this.#sampler.refill()
    const chosen: MessageView[] = []
    for (const message of messages) {
      if (!this.#sampler.take()) break
      chosen.push(viewOf(message))
    }
    if (chosen.length === 0) return NOTHING
    this.shown += chosen.length
    return eventBytes(this.#chunked, 'messages', chosen)
  }
}

let encoders = 0

/** A channel or subtree that a page watches. */
export class Watch implements Sink {
  readonly #hub: Hub
  readonly #selectors: Selectors
  readonly #stream: ConsoleStream
  readonly #encoder: SamplingEncoder
  #ticking = false

  constructor(hub: Hub, selectors: Selectors, stream: ConsoleStream) {
    this.#hub = hub
    this.#selectors = selectors
    this.#stream = stream
    this.#encoder = new SamplingEncoder(++encoders, stream.chunked)
  }

  /**
   * Replays, and goes on with what comes.
   * @param last the newest so many; without, what is asked for by `since`
   * @throws FanfareError `store_unavailable`
   */
  async start(since: Since, last: number): Promise<void> {
    const { head } = this.#hub
    this.#stream.send('replay', await this.#replay(since, last, head))
    const options = { selectors: this.#selectors, encoder: this.#encoder, sink: this }
    const follow: Since = { kind: 'id', after: head }
    this.#stream.connection.attach(this.#hub.follow({ ...options, since: follow }))
    await this.tick()
  }

  async #replay(since: Since, last: number, head: Cursor): Promise<Replay> {
    const query = { selectors: this.#selectors, upTo: head, bytes: REPLAY_BYTES }
    if (since.kind === 'now') {
      if (last === 0) return { messages: [], more: false, gap: null }
      const newest = { ...query, after: BEFORE_ALL, limit: last, newest: true }
      const { messages } = await this.#hub.read(newest)
      return { messages: messages.map(viewOf), more: false, gap: null }
    }
    const found = await this.#hub.history(since, { ...query, limit: MOST_REPLAYED })
    const { messages, gap, more } = found
    return {
      messages: messages.map(viewOf),
      more,
      gap: gap ? { from: formatId(gap.from), to: formatId(gap.to) } : null,
    }
  }

  /** Tells how many have passed since the last time. */
  async tick(): Promise<void> {
    // A store that takes its time is asked once at a time.
    if (this.#ticking) return
    this.#ticking = true
    try {
      const { passed, shown } = this.#encoder
      this.#encoder.passed = 0
      this.#encoder.shown = 0
      const channel = this.#selectors.single
      const stat = channel === undefined ? undefined : await this.#hub.stat(channel)
      const tick: ChannelTick = {
        passed,
        shown,
        messages: stat?.messages ?? null,
        bytes: stat?.bytes ?? null,
        doors: channel === undefined ? {} : doorsOf(this.#hub, channel),
      }
      this.#stream.send('tick', tick)
    } finally {
      this.#ticking = false
    }
  }

  get unsent(): number {
    return this.#stream.connection.unsent
  }

  write(bytes: Buffer): void {
    if (bytes.length > 0) this.#stream.connection.write(bytes)
  }

  whenSent(then: () => void): void {
    this.#stream.connection.whenSent(then)
  }

  /** The page comes back by itself, and looks anew. */
  ended(_reason: EndReason): void {
    this.#stream.connection.end()
  }
}

function viewOf(message: Message): MessageView {
  const { id, channel, time, contentType, body, ownData, attributes } = message
  const text = isUtf8(body) ? body.toString('utf8') : undefined
  const long = (text?.length ?? 0) > MOST_TEXT || (ownData?.length ?? 0) > MOST_TEXT
  return {
    id: formatId(id),
    channel: bytesToText(channel),
    time,
    type: contentType ?? null,
    size: body.length,
    text: text?.slice(0, MOST_TEXT) ?? null,
    cut: long,
    data: ownData?.slice(0, MOST_TEXT) ?? null,
    attributes: attributes ?? null,
  }
}
