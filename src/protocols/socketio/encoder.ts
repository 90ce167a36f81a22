import { isUtf8 } from 'node:buffer'
import type { Encoder, Gap } from '../../hub/contract.ts'
import { bytesToText, isPrivate, privateKey } from '../../model/channel.ts'
import { envelopeOf } from '../../model/envelope.ts'
import { formatId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import type { Selectors } from '../../model/selector.ts'
import { textFrames } from '../../net/text-frame.ts'
import { USER_SPACE } from '../../users/users.ts'

/** How a client wants its messages. */
export interface Form {
  /** With channel, id and all else, instead of the JSON that was published. */
  readonly envelope: boolean
  /** With the id as another, last argument: what the JavaScript client recovers by. */
  readonly offsets: boolean
}

/** Engine.IO's `message`, Socket.IO's `EVENT`, of the main namespace. */
const EVENT = '42'

/** In front of an offset within history that is read beside the rest: there, ids go back. */
export const HISTORY = 'h'

/** An event as Engine.IO carries it. @param args JSON texts */
export function eventText(name: string, ...args: readonly string[]): string {
  return `${EVENT}[${[JSON.stringify(name), ...args].join(',')}]`
}

/**
 * Each message an event, as a WebSocket frame of its own.
 *
 * What a user follows is like no other user's, so a thousand users of one channel are a thousand
 * audiences with the same batch. Within a turn, the same messages are the same Buffer.
 */
export class EventEncoder implements Encoder {
  readonly key: string
  readonly door = 'socketio'
  readonly tellsGaps = true
  readonly #form: Form
  #messages: readonly Message[] = []
  #bytes: Buffer | undefined
  readonly #forget = (): void => {
    this.#messages = []
    this.#bytes = undefined
  }

  constructor(form: Form) {
    this.#form = form
    this.key = `socketio${form.envelope ? ' envelope' : ''}${form.offsets ? ' offsets' : ''}`
  }

  encode(messages: readonly Message[], gap: Gap | undefined, selectors: Selectors): Buffer {
    const mark = this.#form.offsets && isHistory(selectors) ? HISTORY : ''
    if (gap) return textFrames([gapText(gap), ...this.#texts(messages, mark)])
    if (mark !== '') return textFrames(this.#texts(messages, mark))
    if (this.#bytes && areSame(messages, this.#messages)) return this.#bytes
    // Kept no longer than this turn: what it holds may be deleted.
    if (!this.#bytes) queueMicrotask(this.#forget)
    this.#messages = messages
    this.#bytes = textFrames(this.#texts(messages, mark))
    return this.#bytes
  }

  #texts(messages: readonly Message[], mark: string): string[] {
    const { envelope, offsets } = this.#form
    return messages.map((message) => {
      const payload = envelope ? shownEnvelope(message) : payloadOf(message)
      return offsets
        ? `${EVENT}["message",${payload},"${mark}${formatId(message.id)}"]`
        : `${EVENT}["message",${payload}]`
    })
  }
}

/**
 * Whether these are read for a connection beside what it follows already: whatever it follows as a
 * whole has a user's log in it, the last of its names.
 */
function isHistory({ channels }: Selectors): boolean {
  const last = channels.at(-1)
  return last === undefined || !isPrivate(last)
}

function areSame(some: readonly Message[], others: readonly Message[]): boolean {
  if (some.length !== others.length) return false
  for (let index = 0; index < some.length; index++) {
    if (some[index] !== others[index]) return false
  }
  return true
}

function gapText({ from, to }: Gap): string {
  return eventText('gap', JSON.stringify({ from: formatId(from), to: formatId(to) }))
}

/** What was published: as it was written where it is JSON, else as a text. */
function payloadOf(message: Message): string {
  const { data, body } = message
  if (data !== undefined) return data
  if (isUtf8(body)) return JSON.stringify(body.toString('utf8'))
  return `{"body":"${body.toString('base64')}","encoding":"base64"}`
}

/** What was for a user says so, because the name of its log is nobody's business. */
function shownEnvelope(message: Message): string {
  const envelope = envelopeOf(message)
  const user = privateKey(USER_SPACE, message.channel)
  if (user === undefined) return envelope
  const id = `{"id":"${formatId(message.id)}",`
  const named = `${id}"channel":${JSON.stringify(bytesToText(message.channel))}`
  return `${id}"user":${JSON.stringify(user)}${envelope.slice(named.length)}`
}
