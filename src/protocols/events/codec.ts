import { type Cursors, type Encoder, type Gap, IDS } from '../../hub/contract.ts'
import { type Cursor, formatCursor } from '../../model/cursor.ts'
import { envelopeOf } from '../../model/envelope.ts'
import type { FanfareError } from '../../model/errors.ts'
import type { Message } from '../../model/message.ts'
import type { Selectors } from '../../model/selector.ts'

/** A comment: keeps proxies and clients sure that the stream lives (HTML standard, section 9.2.7). */
const HEARTBEAT = ':\n\n'

const LF = 0x0a
const CR = 0x0d
const DATA = Buffer.from('data: ')
const END = Buffer.from('\n\n')
/** What ends a chunked answer. */
const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n')
const CRLF = Buffer.from('\r\n')

/** What streams may differ in. */
export interface EventsForm {
  /** Whether data is the JSON envelope instead of the body. */
  readonly json: boolean
  /** Whether the answer is chunked; HTTP/1.0 clients get it bare. */
  readonly chunked: boolean
  /** Whether it follows one channel, and no subtree. */
  readonly single: boolean
}

/**
 * Server-sent events (HTML standard, section 9.2). All messages of a batch become one chunk.
 */
export class EventsEncoder implements Encoder {
  readonly key: string
  readonly door = 'events'
  readonly tellsGaps = true
  readonly showsCursors = 'spanning'
  readonly #json: boolean
  readonly #chunked: boolean
  readonly #single: boolean

  constructor({ json, chunked, single }: EventsForm) {
    this.#json = json
    this.#chunked = chunked
    this.#single = single
    this.key = EventsEncoder.keyOf({ json, chunked, single })
  }

  static keyOf({ json, chunked, single }: EventsForm): string {
    return `events ${json} ${chunked} ${single}`
  }

  encode(
    messages: readonly Message[],
    gap?: Gap,
    _selectors?: Selectors,
    cursors: Cursors = IDS,
  ): Buffer {
    const parts: Buffer[] = []
    if (gap) {
      // So that a client that comes back is not told of it again. Of several channels, one may yet
      // have messages from within the gap.
      const done = this.#single && messages.length === 0
      const id = done ? `id: ${cursors.text(gap.to)}\n` : ''
      parts.push(Buffer.from(`${id}${gapEvent(gap, cursors)}`))
    }
    for (const message of messages) {
      const head = `id: ${cursors.after(message)}\n${eventLine(message)}`
      if (this.#json) parts.push(Buffer.from(`${head}data: ${envelopeOf(message)}\n\n`))
      else {
        parts.push(Buffer.from(head))
        pushData(parts, message.body)
      }
    }
    return this.#frame(parts)
  }

  /**
   * What a stream begins with: how long to wait before reconnecting, and the position, so that even a
   * client that has not heard anything yet resumes without a hole.
   * @param retry ms
   */
  opening(retry: number, position: Cursor | undefined): Buffer {
    const id = position === undefined ? '' : `id: ${formatCursor(position)}\n`
    return this.#frame([Buffer.from(`retry: ${retry}\n${id}\n`)])
  }

  /** The last event of a stream whose client may follow no longer, and the end of the answer. */
  unauthorized({ code, message }: FanfareError): Buffer {
    const event = Buffer.from(`event: unauthorized\ndata: ${JSON.stringify({ code, message })}\n\n`)
    return this.#chunked ? Buffer.concat([this.#frame([event]), LAST_CHUNK]) : event
  }

  /**
   * What a stream ends with whose client is to come back.
   * @param retry ms until it does: spread, so that not all come at once
   */
  farewell(retry: number): Buffer {
    const last = this.#frame([Buffer.from(`retry: ${retry}\n\n`)])
    return this.#chunked ? Buffer.concat([last, LAST_CHUNK]) : last
  }

  heartbeat(): Buffer {
    return this.#frame([Buffer.from(HEARTBEAT)])
  }

  #frame(parts: Buffer[]): Buffer {
    if (!this.#chunked) return Buffer.concat(parts)
    let length = 0
    for (const part of parts) length += part.length
    const size = Buffer.from(`${length.toString(16)}\r\n`, 'latin1')
    return Buffer.concat([size, ...parts, CRLF], size.length + length + CRLF.length)
  }
}

const OWN_WORDS = new Set(['gap', 'unauthorized'])

/** The type that a publisher gave; the server's own words no message may say. */
function eventLine({ attributes }: Message): string {
  const event = attributes?.['event']?.replace(/[\r\n]+/g, ' ')
  return event === undefined || OWN_WORDS.has(event) ? '' : `event: ${event}\n`
}

/** Each line of a body is a `data:` line; CR, LF and CR LF end one. */
function pushData(parts: Buffer[], body: Buffer): void {
  if (body.indexOf(LF) === -1 && body.indexOf(CR) === -1) {
    parts.push(DATA, body, END)
    return
  }
  let from = 0
  for (let at = 0; at <= body.length; at++) {
    const byte = at === body.length ? LF : body[at]
    if (byte !== LF && byte !== CR) continue
    parts.push(DATA, body.subarray(from, at), at === body.length ? END : END.subarray(1))
    if (byte === CR && body[at + 1] === LF) at++
    from = at + 1
  }
}

function gapEvent({ from, to }: Gap, cursors: Cursors): string {
  const data = JSON.stringify({ from: cursors.text(from), to: cursors.text(to) })
  return `event: gap\ndata: ${data}\n\n`
}
