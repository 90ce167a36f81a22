import type { Encoder } from '../../hub/contract.ts'
import { type ChannelName, channelFromBytes } from '../../model/channel.ts'
import type { Message } from '../../model/message.ts'
import { batchOf } from '../../net/paced.ts'

/** What a line of a client asks for. */
export type Command =
  | { readonly kind: 'ping' | 'info' }
  | {
      readonly kind: 'subscribe' | 'unsubscribe'
      readonly name: string
      readonly channel: ChannelName
    }
  | { readonly kind: 'announce'; readonly channel: ChannelName; readonly message: Buffer }

/** The channel that every connection is subscribed to. */
export const ALL_CHANNEL = channelFromBytes('all') as ChannelName

/** The first two words; runs of spaces part them. */
const WORDS = /^ *([^ ]+) +([^ ]+)/

/**
 * Reads a line as fanout does: `ping` and `info` stand alone, a CR belongs to the last word, and a
 * message begins where it would with one space behind each of the two words before it.
 * @param line without its LF
 * @returns undefined for what fanout passes by in silence
 */
export function readCommand(line: Buffer): Command | undefined {
  const text = line.toString('latin1')
  if (text === 'ping' || text === 'info') return { kind: text }
  const [, action = '', name = ''] = WORDS.exec(text) ?? []
  const channel = channelFromBytes(name)
  if (channel === undefined) return undefined
  if (action === 'subscribe' || action === 'unsubscribe') {
    // A `!` ends the name in what subscribers are sent.
    return name.includes('!') ? undefined : { kind: action, name, channel }
  }
  if (action !== 'announce') return undefined
  const message = line.subarray(action.length + name.length + 2)
  return message.length === 0 ? undefined : { kind: 'announce', channel, message }
}

/** A commit's id, or the first digits of one. */
const REVISION = /^[0-9A-Fa-f]{7,64}$/

/** The revision that a message is, if it is nothing but one. */
export function revisionIn(message: Buffer): string | undefined {
  if (message.length > 64) return undefined
  const text = message.toString('latin1')
  return REVISION.test(text) ? text : undefined
}

const LF = 0x0a
const LINE_END = Buffer.from('\n')

/** `CHANNEL!MESSAGE`: the message's revision if it has one, else its body. */
export class FanoutEncoder implements Encoder {
  readonly key: string
  readonly door = 'fanout'
  readonly tellsGaps = false
  readonly #slash: string

  /** @param slash what this client writes in front of the name: `/` or nothing */
  constructor(slash: '' | '/') {
    this.#slash = slash
    this.key = `fanout${slash}`
  }

  encode(messages: readonly Message[]): Buffer {
    const lines = messages.map((message) => this.#lineOf(message))
    return batchOf(
      lines,
      messages.map(({ id }) => id),
    )
  }

  #lineOf({ channel, body, attributes }: Message): Buffer {
    const revision = attributes?.['revision'] ?? ''
    const said = revision === '' ? body : Buffer.from(revision)
    return Buffer.concat([
      Buffer.from(`${this.#slash}${channel}!`, 'latin1'),
      oneLine(said),
      LINE_END,
    ])
  }
}

/** Line breaks as spaces; all other bytes as they are. A CR alone breaks no line here. */
function oneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(LF)) return bytes
  return Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, ' '), 'latin1')
}
