import { isUtf8 } from 'node:buffer'
import { type Cursors, type Encoder, type Gap, IDS } from '../../hub/contract.ts'
import { bytesToText, isPrivate, privateKey } from '../../model/channel.ts'
import { envelopeOf } from '../../model/envelope.ts'
import { formatId } from '../../model/id.ts'
import { areSame, type Message } from '../../model/message.ts'
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
/** In such an offset over several partitions: in front of where the rest stands. */
export const REST = '/'

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
  readonly sameForAll = true
  readonly showsCursors?: 'always'
  readonly #form: Form
  #messages: readonly Message[] = []
  #bytes: Buffer | undefined
  readonly #forget = (): void => {
    this.#messages = []
    this.#bytes = undefined
  }

  constructor(form: Form) {
    this.#form = form
    if (form.envelope || form.offsets) this.showsCursors = 'always'
    this.key = `socketio${form.envelope ? ' envelope' : ''}${form.offsets ? ' offsets' : ''}`
  }

  encode(
    messages: readonly Message[],
    gap: Gap | undefined,
    selectors: Selectors,
    cursors: Cursors = IDS,
  ): Buffer {
    const offset = this.#offsets(selectors, cursors)
    if (gap) return textFrames([gapText(gap, cursors), ...this.#texts(messages, cursors, offset)])
    if (offset !== idOf) return textFrames(this.#texts(messages, cursors, offset))
    if (this.#bytes && areSame(messages, this.#messages)) return this.#bytes
    // Kept no longer than this turn: what it holds may be deleted.
    if (!this.#bytes) queueMicrotask(this.#forget)
    this.#messages = messages
    this.#bytes = textFrames(this.#texts(messages, cursors, offset))
    return this.#bytes
  }

  /** What stands behind messages as their offset; `idOf` alone is the same for all audiences. */
  #offsets(selectors: Selectors, cursors: Cursors): Offsets {
    if (cursors !== IDS) return (message) => offsetOf(message, cursors)
    return this.#form.offsets && isHistory(selectors) ? ({ id }) => HISTORY + formatId(id) : idOf
  }

  #texts(messages: readonly Message[], cursors: Cursors, offset: Offsets): string[] {
    const { envelope, offsets } = this.#form
    return messages.map((message) => {
      const payload = envelope ? shownEnvelope(message, cursors) : payloadOf(message)
      return offsets
        ? `${EVENT}["message",${payload},"${offset(message)}"]`
        : `${EVENT}["message",${payload}]`
    })
  }
}

/** Over several partitions: of what some is history, the rest goes on meanwhile. */
function offsetOf(message: Message, cursors: Cursors): string {
  const parts = cursors.parts?.(message.id)
  return parts ? `${HISTORY}${parts.added}${REST}${parts.rest}` : cursors.after(message)
}

type Offsets = (message: Message) => string

function idOf({ id }: Message): string {
  return formatId(id)
}

/**
 * Whether these are read for a connection beside what it follows already: whatever it follows as a
 * whole has a user's log in it, the last of its names.
 */
function isHistory({ channels }: Selectors): boolean {
  const last = channels.at(-1)
  return last === undefined || !isPrivate(last)
}

function gapText({ from, to }: Gap, cursors: Cursors): string {
  return eventText('gap', JSON.stringify({ from: cursors.text(from), to: cursors.text(to) }))
}

/** What was published: as it was written where it is JSON, else as a text. */
function payloadOf(message: Message): string {
  const { data, body } = message
  if (data !== undefined) return data
  if (isUtf8(body)) return JSON.stringify(body.toString('utf8'))
  return `{"body":"${body.toString('base64')}","encoding":"base64"}`
}

/** What was for a user says so, because the name of its log is nobody's business. */
function shownEnvelope(message: Message, cursors: Cursors): string {
  const envelope = envelopeOf(message, cursors === IDS ? undefined : cursors.after(message))
  const user = privateKey(USER_SPACE, message.channel)
  if (user === undefined) return envelope
  const id = `{"id":"${formatId(message.id)}",`
  const named = `${id}"channel":${JSON.stringify(bytesToText(message.channel))}`
  return `${id}"user":${JSON.stringify(user)}${envelope.slice(named.length)}`
}
