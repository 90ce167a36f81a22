import type { Encoder } from '../../hub/contract.ts'
import { scratchBytes } from '../../hub/scratch.ts'
import type { ChannelName } from '../../model/channel.ts'
import { Glob } from '../../model/glob.ts'
import type { Message } from '../../model/message.ts'
import type { Selectors } from '../../model/selector.ts'
import { digits, type Resp, SHORT, writeNumber } from './writer.ts'

/** How a subscriber wants its messages: what else is the same, is the same audience. */
export interface Form {
  readonly resp: Resp
  /** Names are given back with the leading `/` that they were subscribed with. */
  readonly slash: boolean
  /** Subscribed by SSUBSCRIBE: messages come as `smessage`. */
  readonly shard: boolean
}

const DOLLAR = 0x24
const SLASH = 0x2f
const CR = 0x0d
const LF = 0x0a
/** Globs of patterns kept compiled at most. */
const MAX_GLOBS = 10_000

/**
 * Pub/Sub's messages: `message` and `smessage` for a channel that is followed by its name, and a
 * `pmessage` for each pattern that it matches. The body's bytes are the message; Redis has no word for a
 * gap, so whoever missed something is disconnected.
 */
export class PubSubEncoder implements Encoder {
  readonly key: string
  readonly door = 'redis'
  readonly tellsGaps = false
  readonly form: Form
  /** What a message of a channel begins with. */
  readonly #opens: string
  readonly #globs = new Map<string, Glob>()

  constructor(form: Form) {
    const { resp, slash, shard } = form
    this.form = form
    this.#opens = `${resp === 2 ? '*' : '>'}3\r\n${shard ? '$8\r\nsmessage' : '$7\r\nmessage'}\r\n`
    this.key = `redis${resp}${slash ? '/' : ''}${shard ? 's' : ''}`
  }

  encode(messages: readonly Message[], _gap: unknown, selectors: Selectors): Buffer {
    const { single } = selectors
    if (single !== undefined) return this.#encodeChannel(messages, single)
    const heads: string[] = []
    const bodies: Buffer[] = []
    const named = selectors.patterns.length === 0
    for (const { channel, body } of messages) {
      if (named || selectors.channels.includes(channel)) {
        heads.push(this.#head(channel))
        bodies.push(body)
      }
      for (const pattern of selectors.patterns) {
        if (!this.#glob(pattern).matches(channel)) continue
        heads.push(this.#patternHead(pattern, channel))
        bodies.push(body)
      }
    }
    return joined(heads, bodies)
  }

  /** All of one channel: everything before a body's length is the same. */
  #encodeChannel(messages: readonly Message[], channel: ChannelName): Buffer {
    const headLength = this.#opens.length + this.#nameLength(channel) + 1
    let length = messages.length * (headLength + 4)
    for (const { body } of messages) length += digits(body.length) + body.length
    const bytes = scratchBytes(length)
    let at = 0
    for (const { body } of messages) {
      // A copy of what stands in front is quicker than to encode it again.
      if (at === 0) at = this.#writeHead(bytes, channel)
      else at += bytes.copy(bytes, at, 0, headLength)
      at = writeBody(bytes, at, body)
    }
    return bytes
  }

  #head(channel: ChannelName): string {
    return `${this.#opens}${this.#name(channel)}$`
  }

  /** Writes `#head` without making a text of it: of many channels, each message has one of its own. */
  #writeHead(bytes: Buffer, channel: ChannelName): number {
    const { slash } = this.form
    let at = writeText(bytes, 0, this.#opens)
    bytes[at++] = DOLLAR
    at = lineEnd(bytes, writeNumber(bytes, at, channel.length + (slash ? 1 : 0)))
    if (slash) bytes[at++] = SLASH
    at = lineEnd(bytes, writeText(bytes, at, channel))
    bytes[at] = DOLLAR
    return at + 1
  }

  /** How long `#name` is. */
  #nameLength(channel: ChannelName): number {
    const length = channel.length + (this.form.slash ? 1 : 0)
    return length + digits(length) + 5
  }

  #patternHead(pattern: string, channel: ChannelName): string {
    const { resp, slash } = this.form
    const spelled = slash ? `/${pattern}` : pattern
    const front = `${resp === 2 ? '*' : '>'}4\r\n$8\r\npmessage\r\n$${spelled.length}\r\n${spelled}\r\n`
    return `${front}${this.#name(channel)}$`
  }

  #name(channel: ChannelName): string {
    return this.form.slash
      ? `$${channel.length + 1}\r\n/${channel}\r\n`
      : `$${channel.length}\r\n${channel}\r\n`
  }

  #glob(pattern: string): Glob {
    let glob = this.#globs.get(pattern)
    if (!glob) {
      if (this.#globs.size >= MAX_GLOBS) this.#globs.clear()
      this.#globs.set(pattern, (glob = new Glob(pattern)))
    }
    return glob
  }
}

/** Each head, its body's length, and the body, in one Buffer. */
function joined(heads: readonly string[], bodies: readonly Buffer[]): Buffer {
  let length = 0
  for (let index = 0; index < heads.length; index++) {
    const size = (bodies[index] as Buffer).length
    length += (heads[index] as string).length + digits(size) + size + 4
  }
  const bytes = scratchBytes(length)
  let at = 0
  for (let index = 0; index < heads.length; index++) {
    at = writeText(bytes, at, heads[index] as string)
    at = writeBody(bytes, at, bodies[index] as Buffer)
  }
  return bytes
}

function writeBody(bytes: Buffer, from: number, body: Buffer): number {
  let at = lineEnd(bytes, writeNumber(bytes, from, body.length))
  at += body.copy(bytes, at)
  return lineEnd(bytes, at)
}

/** @param text one character a byte */
function writeText(bytes: Buffer, from: number, text: string): number {
  const { length } = text
  if (length > SHORT) return from + bytes.write(text, from, 'latin1')
  for (let index = 0; index < length; index++) bytes[from + index] = text.charCodeAt(index)
  return from + length
}

function lineEnd(bytes: Buffer, at: number): number {
  bytes[at] = CR
  bytes[at + 1] = LF
  return at + 2
}
